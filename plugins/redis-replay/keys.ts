/** The names of what belongs to one topic, and to the store. Each is in one slot of a Redis Cluster. */

import { tagged } from '../redis-keys.ts';

export interface TopicKeys {
	/** Hash: epoch `e`, seq `s`, writer `g`, lineage `h`, renewal `n`. */
	readonly meta: string;
	/** Sorted set of frames: score and first field are the number. */
	readonly log: string;
	readonly channel: string;
}

export function keysOf(prefix: string, topic: string): TopicKeys {
	const base = tagged(prefix, topic);
	return { meta: `${base}:meta`, log: `${base}:log`, channel: `${base}:frames` };
}

export interface StoreKeys {
	/** Hash: name `i`, latest renewal of everything `n`. */
	readonly store: string;
	/** Hash: when each instance was last here, and which server it found. */
	readonly seen: string;
}

/** No topic of an app begins with two underscores. */
export function storeKeys(prefix: string): StoreKeys {
	const base = tagged(prefix, '__log');
	return { store: `${base}:store`, seen: `${base}:seen` };
}
