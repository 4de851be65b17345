/** Which connections users have, in Redis: one hash for each user. */

import type { Redis } from 'ioredis';
import { definePlugin, type Plugin } from 'svelte-realtime/kernel';
import type {} from 'svelte-realtime/plugins/instances';
import type {} from 'svelte-realtime/plugins/redis';
import type { RegistryStore } from 'svelte-realtime/plugins/registry';
import { tagged } from '../redis-keys.ts';
import { pipelined, type PipelinedCommand } from '../redis-pipeline.ts';
import { script } from '../redis-script.ts';

/** Users of an instance that has gone that are looked at in one go. */
const CHUNK = 500;

/** Takes out the connections of an instance. KEYS: connections of a user. ARGV: instance. */
const clear = script(`
local all = redis.call('HGETALL', KEYS[1])
for i = 1, #all, 2 do
	if string.sub(all[i + 1], 1, #ARGV[1] + 1) == ARGV[1] .. ' ' then
		redis.call('HDEL', KEYS[1], all[i])
	end
end
return 1
`);

/**
 * Keeps the connections of users in Redis: provides `registry.store`.
 *
 * A connection costs two commands when it opens and one or two when it closes; what a tick brings
 * travels together. The users of an instance that has gone are cleared up after by another one.
 */
export function redisRegistry(): Plugin<'redis' | 'instances', 'registry.store'> {
	return definePlugin({
		name: 'redis-registry',
		requires: ['redis', 'instances'],
		provides: ['registry.store'],
		setup(kernel) {
			const { prefix, run: runAs } = kernel.use('redis');
			const { instanceId: own, report } = kernel;
			const instances = kernel.use('instances');
			const run = <T>(work: (client: Redis) => Promise<T>): Promise<T> => runAs('registry', work);
			const connectionsOf = (user: string): string =>
				`${tagged(prefix, `user ${user}`)}:connections`;
			/** Whom an instance has connections of. */
			const usersOf = (instance: string): string =>
				`${tagged(prefix, `instance ${instance}`)}:users`;

			async function clearUp(instance: string): Promise<void> {
				const users = usersOf(instance);
				let cursor = '0';
				do {
					const [next, some] = await run((client) => client.sscan(users, cursor, 'COUNT', CHUNK));
					await run((client) =>
						Promise.all(some.map((user) => clear(client, [connectionsOf(user)], [instance])))
					);
					cursor = next;
				} while (cursor !== '0');
				await run((client) => client.del(users));
			}
			kernel.attach(() => instances.onGone(clearUp));

			kernel.provide('registry.store', {
				async apply(changes) {
					const commands = changes.flatMap(
						({ user, connection, since, hasOthers }): PipelinedCommand[] => {
							const key = connectionsOf(user);
							// Whoever clears up finds the user by the set, so that comes first and goes last.
							if (since !== undefined) {
								const value = `${own} ${since}`;
								return [
									['sadd', usersOf(own), user],
									['hset', key, connection, value]
								];
							}
							const left: PipelinedCommand = ['hdel', key, connection];
							return hasOthers ? [left] : [left, ['srem', usersOf(own), user]];
						}
					);
					const answers = await run((client) => pipelined(client, commands));
					// One user's key that is in the way of ours is nothing to the others.
					for (const [error] of answers) if (error) report(error);
				},
				async connections(user) {
					const all = await run((client) => client.hgetall(connectionsOf(user)));
					return Object.entries(all).map(([connection, value]) => {
						const [instance, since] = value.split(' ');
						return { instance: instance!, connection, since: Number(since) };
					});
				},
				count: (user) => run((client) => client.hlen(connectionsOf(user))),
				onLost: (listener) => instances.onLost(listener)
			} satisfies RegistryStore);
		}
	});
}
