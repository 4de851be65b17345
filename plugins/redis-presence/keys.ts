/** The names of what presence keeps in Redis. What belongs to one topic is in one slot of a Cluster. */

import { tagged } from '../redis-keys.ts';

export interface TopicKeys {
	/** All that a script which changes the topic touches, for the members of one lease. */
	of(lease: string): readonly string[];
	/** What a script that reads the topic touches. */
	readonly read: readonly string[];
	/** Hash: epoch `e`, seq `s`, the server that wrote last `g`, members that have come `n`. */
	readonly meta: string;
	/** Hash: key → its number, then the leases that have the member, the latest put last. */
	readonly holders: string;
	/** Sorted set: places that are kept for those who have not come yet, by when they end. */
	readonly places: string;
	readonly channel: string;
}

export function topicKeys(prefix: string, topic: string): TopicKeys {
	const base = `${tagged(prefix, topic)}:presence`;
	const [meta, holders, data] = [`${base}:meta`, `${base}:holders`, `${base}:data`];
	return {
		of: (lease) => [meta, holders, data, `${base}:of:${lease}`, `${base}:gone:${lease}`],
		read: [meta, holders, data],
		meta,
		holders,
		places: `${base}:places`,
		channel: base
	};
}

export interface LeaseKeys {
	/** Sorted set: leases by when they end. */
	readonly leases: string;
	/** Sorted set: leases that have ended and are being cleared up after, by when somebody else may. */
	readonly claims: string;
	/** Set: the topics in which a lease may have members. */
	topics(lease: string): string;
}

export function leaseKeys(prefix: string): LeaseKeys {
	const base = tagged(prefix, '__presence');
	return {
		leases: `${base}:leases`,
		claims: `${base}:claims`,
		topics: (lease) => `${base}:topics:${lease}`
	};
}
