/** Who is in which topic, over all instances: kept in Redis. */

import { definePlugin, type Plugin } from 'svelte-realtime/kernel';
import type {} from 'svelte-realtime/plugins/presence';
import type {} from 'svelte-realtime/plugins/redis';
import { redisPresenceStore } from './store.ts';

export { redisPresenceStore, type RedisPresence, type RedisPresenceOptions } from './store.ts';

/**
 * Keeps members in Redis, so that every instance sees those of all: provides `presence.store`. How
 * long the members of an instance that is gone are seen is said by `heartbeat` and `ttl` of `presence`.
 */
export function redisPresence(): Plugin<'redis', 'presence.store'> {
	return definePlugin({
		name: 'redis-presence',
		requires: ['redis'],
		provides: ['presence.store'],
		async setup(kernel) {
			const { clock, values, instanceId, report } = kernel;
			const redis = kernel.use('redis');
			const store = redisPresenceStore({ redis, clock, values, instance: instanceId, report });
			await store.tried;
			kernel.provide('presence.store', store);
			kernel.hook('shutdown', () => store.close());
		}
	});
}
