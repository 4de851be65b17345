/** The names of what belongs to one topic. All of them are in one slot of a Redis Cluster. */

import { tagged } from '../redis-keys.ts';

export interface TopicKeys {
	/** Hash: epoch `e`, seq `s`, writer `g`, lineage `h`. */
	readonly meta: string;
	/** Sorted set of frames: score and first field are the number. */
	readonly log: string;
	readonly channel: string;
}

export function keysOf(prefix: string, topic: string): TopicKeys {
	const base = tagged(prefix, topic);
	return { meta: `${base}:meta`, log: `${base}:log`, channel: `${base}:frames` };
}
