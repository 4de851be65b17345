/** Everybody's cursor, over all instances: kept in Redis. */

import { definePlugin, type Plugin } from 'svelte-realtime/kernel';
import type {} from 'svelte-realtime/plugins/cursors';
import type {} from 'svelte-realtime/plugins/redis';
import { checkTime } from '../checks.ts';
import { redisCursorStore } from './store.ts';

export { redisCursorStore, type RedisCursorStoreOptions } from './store.ts';

export interface RedisCursorsOptions {
	/**
	 * Milliseconds after which a cursor goes whose instance does not say any more that it is there, by
	 * the time of Redis; more than the 30 s from one such time to the next. @default 90000
	 */
	ttl?: number;
}

/** Milliseconds from one time that an instance saves all its cursors to the next. */
const HEARTBEAT = 30_000;

/**
 * Keeps cursors in Redis for who comes late: provides `cursors.store`. That something moves travels
 * over `redis-bus`.
 *
 * @throws {RealtimeError} RT_OPTION_INVALID
 */
export function redisCursors(options: RedisCursorsOptions = {}): Plugin<'redis', 'cursors.store'> {
	const { ttl = 90_000 } = options;
	checkTime('ttl', 'redisCursors()', ttl, HEARTBEAT + 1);
	return definePlugin({
		name: 'redis-cursors',
		requires: ['redis'],
		provides: ['cursors.store'],
		setup(kernel) {
			kernel.provide('cursors.store', redisCursorStore({ redis: kernel.use('redis'), ttl }));
		}
	});
}
