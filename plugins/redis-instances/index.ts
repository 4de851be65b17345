/** The instances of an app, over Redis: their leases, and a channel to each. */

import type { Redis } from 'ioredis';
import { definePlugin, type Plugin } from 'svelte-realtime/kernel';
import type {} from 'svelte-realtime/plugins/instances';
import type {} from 'svelte-realtime/plugins/redis';
import { tagged } from '../redis-keys.ts';
import { alive, beat, leave } from './scripts.ts';

const LEASES = ['over', 'begun', 'renewed'] as const;

/** Lets instances know of each other and ask each other: provides `instances.link`. */
export function redisInstances(): Plugin<'redis', 'instances.link'> {
	return definePlugin({
		name: 'redis-instances',
		requires: ['redis'],
		provides: ['instances.link'],
		async setup(kernel) {
			const redis = kernel.use('redis');
			const { instanceId: id } = kernel;
			const base = tagged(redis.prefix, 'instances');
			const keys = [`${base}:alive`, `${base}:gone`];
			const channelOf = (instance: string): string =>
				`${tagged(redis.prefix, `instance ${instance}`)}:mail`;
			const run = <T>(work: (client: Redis) => Promise<T>): Promise<T> =>
				redis.run('instances', work);

			let hear: (message: string) => void = () => {};
			const link = redis.connect('instances');
			const subscriptions = redis.subscribe({
				link,
				receive: (_channel, message) => hear(message),
				// What was asked meanwhile has found nobody, and who asked was told so.
				resumed() {}
			});
			await link.tried;
			await subscriptions.add(channelOf(id)).catch(kernel.report);

			kernel.provide('instances.link', {
				async beat(ttl) {
					const answer = await run((client) => beat(client, keys, [id, ttl]));
					const [lease, gone] = answer as [0 | 1 | 2, string[]];
					return { lease: LEASES[lease], gone };
				},
				cleared: (instance) => run(async (client) => void (await client.zrem(keys[1]!, instance))),
				leave() {
					subscriptions.remove(channelOf(id));
					return run(async (client) => void (await leave(client, keys, [id])));
				},
				alive: () => run(async (client) => (await alive(client, keys, [])) as string[]),
				send: (instance, message) =>
					run(async (client) => {
						const heard = await client[redis.broadcast](channelOf(instance), message);
						return Number(heard) > 0;
					}),
				receive: (listener) => void (hear = listener),
				async standIn(instance) {
					await subscriptions.add(channelOf(instance));
					return () => subscriptions.remove(channelOf(instance));
				}
			});
		}
	});
}
