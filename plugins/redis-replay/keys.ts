/** The names of what belongs to one topic. All of them are in one slot of a Redis Cluster. */

export interface TopicKeys {
	/** Hash: epoch `e`, seq `s`, writer `g`, lineage `h`. */
	readonly meta: string;
	/** Sorted set of frames: score and first field are the number. */
	readonly log: string;
	readonly channel: string;
}

/** A hash tag ends with the first brace: one in the name of a topic would end it early. */
export function keysOf(prefix: string, topic: string): TopicKeys {
	const base = `${prefix}{${topic.replaceAll('%', '%25').replaceAll('}', '%7D')}}`;
	return { meta: `${base}:meta`, log: `${base}:log`, channel: `${base}:frames` };
}
