/** The store of one process. Several instances can share one, as in tests. */

import { randomId, type Clock } from 'svelte-realtime/kernel';
import type { Changes, Diff, Member, PresenceStore, RosterListener } from './port.ts';

export interface MemoryPresence {
	/** The store as the instance with this name has it. */
	store(instance: string): PresenceStore;
	/** Topics that are remembered. */
	readonly size: number;
}

/** By instance; the one that put last is the last one. */
type Holders = Map<string, Member>;

interface Topic {
	readonly epoch: string;
	seq: number;
	readonly members: Map<string, Holders>;
	readonly listeners: Set<RosterListener>;
	/** Of those who have not come yet, and until when. */
	readonly places: Map<string, number>;
}

interface Lease {
	/** Milliseconds since the Unix epoch. */
	ends: number;
	/** What the instance has, by topic. */
	readonly held: Map<string, Set<string>>;
}

export function memoryPresence(clock: Clock): MemoryPresence {
	const topics = new Map<string, Topic>();
	const leases = new Map<string, Lease>();
	/** Names of topics in which places are kept. */
	const reserved = new Set<string>();
	const origin = randomId();
	let begun = 0;

	function open(name: string): Topic {
		let topic = topics.get(name);
		if (topic === undefined) {
			const epoch = `${origin}.${(begun += 1).toString(36)}`;
			topic = { epoch, seq: 0, members: new Map(), listeners: new Set(), places: new Map() };
			topics.set(name, topic);
		}
		return topic;
	}

	function forgetEmpty(name: string, { members, listeners, places }: Topic): void {
		if (members.size + listeners.size + places.size === 0) topics.delete(name);
	}

	/** Lets go of the places of those who have come, and of those who did not. */
	function freePlaces(name: string): void {
		const topic = topics.get(name);
		for (const [key, until] of topic?.places ?? []) {
			if (topic!.members.has(key) || until <= clock.now()) topic!.places.delete(key);
		}
		if (topic?.places.size === 0) reserved.delete(name);
		if (topic) forgetEmpty(name, topic);
	}

	function change(name: string, instance: string, changes: Changes): void {
		const topic = open(name);
		const diff = changed(topic.members, instance, changes);
		if (diff.joins.length + diff.updates.length + diff.leaves.length > 0) {
			const position = { epoch: topic.epoch, seq: (topic.seq += 1) };
			for (const listener of [...topic.listeners]) listener.changed(diff, position);
		}
		forgetEmpty(name, topic);
	}

	function takeOut(instance: string, { held }: Lease): void {
		leases.delete(instance);
		for (const [name, keys] of held) change(name, instance, { puts: [], removes: [...keys] });
	}

	function takeOutEnded(): void {
		const now = clock.now();
		for (const [instance, lease] of leases) if (lease.ends <= now) takeOut(instance, lease);
	}

	return {
		get size() {
			return topics.size;
		},
		store: (instance) => ({
			apply(topic, changes) {
				takeOutEnded();
				const lease = leases.get(instance);
				if (lease === undefined) return false;
				note(lease.held, topic, changes);
				change(topic, instance, changes);
				return true;
			},
			list: (topic) => listed(topics.get(topic)),
			count: (topic) => topics.get(topic)?.members.size ?? 0,
			follow(name, listener) {
				const topic = open(name);
				topic.listeners.add(listener);
				return {
					roster: { epoch: topic.epoch, seq: topic.seq, members: listed(topic) },
					close() {
						if (topic.listeners.delete(listener)) forgetEmpty(name, topic);
					}
				};
			},
			reserve(name, key, most, ttl) {
				takeOutEnded();
				freePlaces(name);
				const known = topics.get(name);
				if (known?.members.has(key)) return true;
				const taken = (known?.members.size ?? 0) + (known?.places.size ?? 0);
				if (!known?.places.has(key) && taken >= most) return false;
				open(name).places.set(key, clock.now() + ttl);
				reserved.add(name);
				return true;
			},
			beat(ttl) {
				takeOutEnded();
				for (const name of [...reserved]) freePlaces(name);
				const ends = clock.now() + ttl;
				const lease = leases.get(instance);
				if (lease !== undefined) lease.ends = ends;
				else leases.set(instance, { ends, held: new Map() });
				return lease !== undefined;
			}
		})
	};
}

function listed(topic: Topic | undefined): Member[] {
	return [...(topic?.members.values() ?? [])].map(latest);
}

function latest(holders: Holders): Member {
	return [...holders.values()].at(-1)!;
}

/** Changes who holds what, and tells what that means to others. */
function changed(
	members: Map<string, Holders>,
	instance: string,
	{ puts, removes }: Changes
): Diff {
	const diff = { joins: [] as Member[], updates: [] as Member[], leaves: [] as string[] };
	for (const key of removes) {
		const holders = members.get(key);
		const shown = holders && latest(holders);
		if (!holders?.delete(instance)) continue;
		if (holders.size === 0) {
			members.delete(key);
			diff.leaves.push(key);
		} else if (latest(holders) !== shown) diff.updates.push(latest(holders));
	}
	for (const member of puts) {
		const holders = members.get(member.key);
		if (holders === undefined) {
			members.set(member.key, new Map([[instance, member]]));
			diff.joins.push(member);
		} else {
			holders.delete(instance);
			holders.set(instance, member);
			diff.updates.push(member);
		}
	}
	return diff;
}

function note(held: Map<string, Set<string>>, topic: string, { puts, removes }: Changes): void {
	const keys = held.get(topic) ?? new Set();
	for (const key of removes) keys.delete(key);
	for (const { key } of puts) keys.add(key);
	if (keys.size > 0) held.set(topic, keys);
	else held.delete(topic);
}
