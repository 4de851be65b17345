/** The store of one process. Several instances can share one, as in tests. */

import type { Clock } from 'svelte-realtime/kernel';
import type { GroupRecord, GroupStore } from './port.ts';

interface Saved {
	record: GroupRecord | undefined;
	/** The id of the opening that was closed last. */
	closed: string | undefined;
	/** Until when: milliseconds since the Unix epoch, by `instance id` of an opening. */
	readonly open: Map<string, number>;
}

export interface MemoryGroups {
	/** The store as the instance with this name has it. */
	store(instance: string): GroupStore;
	/** Groups that are remembered. */
	readonly size: number;
}

export function memoryGroups(clock: Pick<Clock, 'now'>): MemoryGroups {
	const groups = new Map<string, Saved>();

	/** As it is now; one that nobody has open any more is none. */
	function fresh(name: string): Saved | undefined {
		const saved = groups.get(name);
		for (const [holder, until] of saved?.open ?? []) {
			if (until <= clock.now()) saved!.open.delete(holder);
		}
		if (saved?.open.size === 0) groups.delete(name);
		return groups.get(name);
	}

	return {
		get size() {
			return groups.size;
		},
		store(instance) {
			function hold(name: string, saved: Saved, record: GroupRecord, ttl: number): GroupRecord {
				saved.record = record;
				saved.open.set(`${instance} ${record.id}`, clock.now() + ttl);
				groups.set(name, saved);
				return record;
			}
			return {
				open(name, given, ttl) {
					const saved = fresh(name) ?? { record: undefined, closed: undefined, open: new Map() };
					return hold(name, saved, saved.record ?? given, ttl);
				},
				keep(name, given, ttl) {
					const saved = fresh(name) ?? { record: undefined, closed: undefined, open: new Map() };
					if (saved.closed === given.id) return undefined;
					return hold(name, saved, saved.record ?? given, ttl);
				},
				leave(name, id) {
					groups.get(name)?.open.delete(`${instance} ${id}`);
					fresh(name);
				},
				close(name) {
					const saved = fresh(name);
					const record = saved?.record;
					if (saved === undefined || record === undefined) return undefined;
					saved.record = undefined;
					saved.closed = record.id;
					return record;
				},
				find: (name) => fresh(name)?.record
			};
		}
	};
}
