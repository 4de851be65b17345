/** The stores that are asked and answer, and what they hold of a worker that has ended. */

import type { Clock } from '../../kernel/clock.ts';
import { memoryRuns, type CronRun } from '../../plugins/cron/index.ts';
import { memoryCursors, type CursorChange } from '../../plugins/cursors/index.ts';
import { memoryClaims, type DedupStore } from '../../plugins/dedup/index.ts';
import { memoryLocks } from '../../plugins/lock/memory.ts';
import { memoryRateLimits, type RateLimitPolicy } from '../../plugins/ratelimit/index.ts';
import { memoryCalls, type CallTimes } from '../../plugins/rpc/index.ts';
import { memorySessions, type SessionStore } from '../../plugins/session/index.ts';
import type { SharedBounds } from '../../plugins/workers/index.ts';
import type { Peer, SharedPort } from './hub.ts';

export function sharedStores(clock: Clock, bounds: SharedBounds): Record<string, SharedPort> {
	const limits = memoryRateLimits({ identities: bounds.identities ?? 5000 });
	const runs = memoryRuns(clock);
	const calls = memoryCalls({ clock, size: bounds.calls ?? 10_000 });
	/** One for each window: an id has one window, so that nobody finds it in two of them. */
	const windows = new Map<number, DedupStore>();
	const claims = (window: number): DedupStore => {
		const known = windows.get(window);
		if (known) return known;
		const made = memoryClaims({ clock, window, size: bounds.claims ?? 10_000 });
		windows.set(window, made);
		return made;
	};

	return {
		ratelimit: {
			methods: {
				take: (_peer, key: string, cost: number, policy: RateLimitPolicy) => ({
					// All workers have one machine, and its clock is the supervisor's too.
					...(limits.take(key, cost, policy, clock.now()) as object),
					source: 'shared'
				})
			}
		},
		dedup: {
			methods: {
				claim: (_peer, id: string, owner: string, window: number) =>
					claims(window).claim(id, owner, window),
				done: (_peer, id: string, owner: string, window: number) =>
					claims(window).done(id, owner, window),
				free(_peer, id: string, owner: string) {
					for (const store of windows.values()) void store.free(id, owner);
				}
			}
		},
		cron: {
			methods: {
				time: () => runs.time(),
				claim: (_peer, run: CronRun, ttl: number) => runs.claim(run, ttl),
				renew: (_peer, run: CronRun, ttl: number) => runs.renew(run, ttl),
				finish: (_peer, run: CronRun) => runs.finish(run)
			}
		},
		calls: {
			methods: {
				claim: (_peer, call: string, owner: string, times: CallTimes) =>
					calls.claim(call, owner, times),
				renew: (_peer, call: string, owner: string, times: CallTimes) =>
					calls.renew(call, owner, times),
				commit: (_peer, call: string, owner: string, reply: string, times: CallTimes) =>
					calls.commit(call, owner, reply, times),
				abort: (_peer, call: string, owner: string) => calls.abort(call, owner)
			}
		}
	};
}

export function sharedSessions(clock: Clock, bounds: SharedBounds): SharedPort {
	let sessions: SessionStore | undefined;
	let asking: Peer | undefined;

	function open(peer: Peer, ttl: number): SessionStore {
		asking = peer;
		const limited = (): void => asking?.tell('session.limited');
		return (sessions ??= memorySessions({ clock, ttl, size: bounds.sessions ?? 10_000, limited }));
	}

	return {
		methods: {
			get: (peer, id: string, ttl: number) => open(peer, ttl).get(id, ttl),
			set: (peer, id: string, value: unknown, ttl: number) => open(peer, ttl).set(id, value, ttl),
			touch: (peer, id: string, ttl: number) => open(peer, ttl).touch(id, ttl),
			delete: (_peer, id: string) => sessions?.delete(id) ?? false
		}
	};
}

/** The cursors of a worker that has ended go with it. */
export function sharedCursors(clock: Clock): SharedPort {
	const cursors = memoryCursors(clock);
	const held = new Map<Peer, Map<string, Set<string>>>();

	return {
		methods: {
			save(peer, topic: string, change: CursorChange) {
				const topics = held.get(peer) ?? new Map<string, Set<string>>();
				held.set(peer, topics);
				const keys = topics.get(topic) ?? new Set<string>();
				for (const key of change.removes) keys.delete(key);
				for (const { key } of change.puts) keys.add(key);
				if (keys.size > 0) topics.set(topic, keys);
				else topics.delete(topic);
				return cursors.save(topic, change);
			},
			list: (_peer, topic: string) => cursors.list(topic)
		},
		gone(peer) {
			for (const [topic, keys] of held.get(peer) ?? []) {
				void cursors.save(topic, { puts: [], removes: [...keys] });
			}
			held.delete(peer);
		}
	};
}

/** The locks of a worker that has ended are free at once. */
export function sharedLocks(clock: Clock): SharedPort {
	const locks = memoryLocks(clock);
	/** Key → owner, of each worker. */
	const held = new Map<Peer, Map<string, string>>();
	const watched = new Map<Peer, Map<number, () => void>>();

	return {
		methods: {
			acquire(peer, key: string, owner: string, ttl: number) {
				const answer = locks.acquire(key, owner, ttl);
				if (!('fence' in (answer as object))) return answer;
				held.set(peer, (held.get(peer) ?? new Map<string, string>()).set(key, owner));
				return answer;
			},
			renew: (_peer, key: string, owner: string, ttl: number) => locks.renew(key, owner, ttl),
			release(peer, key: string, owner: string) {
				if (held.get(peer)?.get(key) === owner) held.get(peer)!.delete(key);
				return locks.release(key, owner);
			},
			watch(peer, key: string, id: number) {
				const end = locks.watch(key, () => peer.tell('lock', id)) as () => void;
				watched.set(peer, (watched.get(peer) ?? new Map<number, () => void>()).set(id, end));
			},
			unwatch(peer, id: number) {
				watched.get(peer)?.get(id)?.();
				watched.get(peer)?.delete(id);
			}
		},
		gone(peer) {
			for (const end of watched.get(peer)?.values() ?? []) end();
			watched.delete(peer);
			for (const [key, owner] of held.get(peer) ?? []) void locks.release(key, owner);
			held.delete(peer);
		}
	};
}
