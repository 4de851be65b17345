/** The members of all workers. What they are is text here: only workers know the app's own types. */

import type { Clock } from '../../kernel/clock.ts';
import type { Position } from '../../kernel/contexts.ts';
import {
	memoryPresence,
	type Changes,
	type Diff,
	type Followed,
	type PresenceStore
} from '../../plugins/presence/index.ts';
import type { Peer, SharedPort } from './hub.ts';

export function sharedPresence(clock: Clock): SharedPort {
	const presence = memoryPresence(clock);
	const stores = new Map<Peer, PresenceStore>();
	const followed = new Map<Peer, Map<number, Followed>>();

	function storeOf(peer: Peer): PresenceStore {
		const store = stores.get(peer) ?? presence.store(peer.instance);
		stores.set(peer, store);
		return store;
	}

	function unfollow(peer: Peer, id: number): void {
		followed.get(peer)?.get(id)?.close();
		followed.get(peer)?.delete(id);
	}

	return {
		methods: {
			apply: (peer, topic: string, changes: Changes) => storeOf(peer).apply(topic, changes),
			list: (peer, topic: string) => storeOf(peer).list(topic),
			count: (peer, topic: string) => storeOf(peer).count(topic),
			reserve: (peer, topic: string, key: string, places: number, ttl: number) =>
				storeOf(peer).reserve(topic, key, places, ttl),
			beat: (peer, ttl: number) => storeOf(peer).beat(ttl),
			follow(peer, topic: string, id: number) {
				const following = storeOf(peer).follow(topic, {
					changed: (diff: Diff, position: Position) => peer.tell('presence', id, diff, position),
					// Nothing is ever lost on the way.
					replaced() {}
				}) as Followed;
				const all = followed.get(peer) ?? new Map<number, Followed>();
				followed.set(peer, all.set(id, following));
				return following.roster;
			},
			unfollow
		},
		gone(peer) {
			for (const id of [...(followed.get(peer)?.keys() ?? [])]) unfollow(peer, id);
			followed.delete(peer);
			const store = storeOf(peer);
			// Its lease ends now, and the second look finds that: its members leave, and all are told.
			void store.beat(0);
			void store.beat(0);
			stores.delete(peer);
		}
	};
}
