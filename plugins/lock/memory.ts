/** The locks of one process. */

import type { Clock } from 'svelte-realtime/kernel';
import { createFences } from '../fences.ts';
import type { LockStore } from './port.ts';

interface Held {
	readonly owner: string;
	readonly fence: number;
	/** Milliseconds since the Unix epoch. */
	until: number;
}

export function memoryLocks(clock: Clock): LockStore {
	const locks = new Map<string, Held>();
	const watchers = new Map<string, Set<() => void>>();
	const nextFence = createFences(clock);

	/** Who has a lock; one whose lease is over has it no more. */
	function holder(key: string): Held | undefined {
		const held = locks.get(key);
		return held && held.until > clock.now() ? held : undefined;
	}

	return {
		acquire(key, owner, ttl) {
			const held = holder(key);
			if (held && held.owner !== owner) {
				return { runsFor: held.until - clock.now(), heldUnder: held.fence };
			}
			const fence = held?.fence ?? nextFence();
			locks.set(key, { owner, fence, until: clock.now() + ttl });
			return { fence };
		},
		renew(key, owner, ttl) {
			const held = holder(key);
			if (held?.owner !== owner) return false;
			held.until = clock.now() + ttl;
			return true;
		},
		release(key, owner) {
			if (locks.get(key)?.owner !== owner) return;
			locks.delete(key);
			for (const released of [...(watchers.get(key) ?? [])]) released();
		},
		watch(key, released) {
			const all = watchers.get(key) ?? new Set();
			// In a function of its own, since one may watch twice.
			const watcher = (): void => released();
			watchers.set(key, all.add(watcher));
			return () => {
				if (all.delete(watcher) && all.size === 0) watchers.delete(key);
			};
		}
	};
}
