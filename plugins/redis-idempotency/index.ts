/** What runs once, in Redis: the claims of `dedup` and `webhooks`, and durable calls. */

import type { Redis } from 'ioredis';
import { definePlugin, type Plugin } from 'svelte-realtime/kernel';
import type { DedupStore } from 'svelte-realtime/plugins/dedup';
import type { RedisBackend } from 'svelte-realtime/plugins/redis';
import type { CallClaim, CallStore } from 'svelte-realtime/plugins/rpc';
import { tagged } from '../redis-keys.ts';
import { abortCall, claimCall, commitCall, done, free, renewCall } from './scripts.ts';

/**
 * Keeps in Redis what is done once on all instances: provides `dedup.store` and `calls.store`. Claims
 * name their owner, and what somebody else holds is changed by nobody. While Redis is away each step
 * throws SERVICE_UNAVAILABLE, and what has not been claimed does not run.
 */
export function redisIdempotency(): Plugin<'redis', 'dedup.store' | 'calls.store'> {
	return definePlugin({
		name: 'redis-idempotency',
		requires: ['redis'],
		provides: ['dedup.store', 'calls.store'],
		setup(kernel) {
			const redis = kernel.use('redis');
			kernel.provide('dedup.store', claims(redis));
			kernel.provide('calls.store', calls(redis));
		}
	});
}

function claims(redis: RedisBackend): DedupStore {
	const keyOf = (id: string): string => tagged(redis.prefix, `once ${id}`);
	const run = <T>(work: (client: Redis) => Promise<T>): Promise<T> => redis.run('dedup', work);
	const whole = (window: number): number => Math.ceil(window);

	return {
		claim: (id, owner, window) =>
			run(async (client) => {
				// Of those who set it at once one alone is told that there was nothing.
				const held = await client.set(keyOf(id), `r${owner}`, 'PX', whole(window), 'NX', 'GET');
				if (held === null) return 'first';
				return held.startsWith('d') ? 'done' : 'running';
			}),
		done: (id, owner, window) =>
			run(async (client) => void (await done(client, [keyOf(id)], [owner, whole(window)]))),
		free: (id, owner) => run(async (client) => void (await free(client, [keyOf(id)], [owner])))
	};
}

function calls(redis: RedisBackend): CallStore {
	const keyOf = (call: string): string => tagged(redis.prefix, `call ${call}`);
	const run = <T>(work: (client: Redis) => Promise<T>): Promise<T> => redis.run('calls', work);

	return {
		claim: (call, owner, { lease, retention }) =>
			run(async (client) => {
				const answer = await claimCall(client, [keyOf(call)], [owner, lease, retention]);
				const [state, reply] = answer as [CallClaim['state'], string];
				return state === 'done' ? { state, reply } : { state };
			}),
		renew: (call, owner, { lease, retention }) =>
			run(async (client) => {
				return (await renewCall(client, [keyOf(call)], [owner, lease, retention])) === 1;
			}),
		commit: (call, owner, reply, { retention }) =>
			run(async (client) => {
				return (await commitCall(client, [keyOf(call)], [owner, reply, retention])) === 1;
			}),
		abort: (call, owner) =>
			run(async (client) => void (await abortCall(client, [keyOf(call)], [owner])))
	};
}
