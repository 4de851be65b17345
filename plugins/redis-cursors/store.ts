/** `cursors.store` in Redis: the newest cursor of everybody, for who comes late. */

import type { Cursor, CursorStore } from 'svelte-realtime/plugins/cursors';
import type { RedisBackend } from 'svelte-realtime/plugins/redis';
import { tagged } from '../redis-keys.ts';
import { Lane } from './lane.ts';
import { list, save } from './scripts.ts';

export interface RedisCursorStoreOptions {
	readonly redis: Pick<RedisBackend, 'prefix' | 'run'>;
	/** Milliseconds that a cursor is kept which is not saved again. */
	readonly ttl: number;
}

export function redisCursorStore({ redis, ttl }: RedisCursorStoreOptions): CursorStore {
	const lanes = new Map<string, Lane>();

	function keysOf(topic: string): readonly [string, string] {
		const base = `${tagged(redis.prefix, topic)}:cursors`;
		return [base, `${base}:saved`];
	}

	function laneOf(topic: string): Lane {
		let lane = lanes.get(topic);
		if (lane === undefined) {
			const keys = keysOf(topic);
			lane = new Lane(async ({ puts, removes }) => {
				const texts = puts.flatMap((cursor) => [cursor.key, JSON.stringify(cursor)]);
				const args = [ttl, puts.length, ...texts, ...removes];
				await redis.run('cursors', (client) => save(client, keys, args));
			});
			lanes.set(topic, lane);
		}
		return lane;
	}

	return {
		async save(topic, change) {
			const lane = laneOf(topic);
			try {
				await lane.add(change);
			} finally {
				if (lane.isIdle && lanes.get(topic) === lane) lanes.delete(topic);
			}
		},
		async list(topic) {
			const keys = keysOf(topic);
			const answer = await redis.run('cursors', (client) => list(client, keys, [ttl]));
			const [flat, gone] = answer as [string[], string[]];
			const stale = new Set(gone);
			const cursors: Cursor[] = [];
			for (let at = 0; at < flat.length; at += 2) {
				if (!stale.has(flat[at]!)) cursors.push(JSON.parse(flat[at + 1]!) as Cursor);
			}
			return cursors;
		}
	};
}
