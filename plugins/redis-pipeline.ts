/** Several commands in one round trip, each with its own outcome. */

import type { Redis } from 'ioredis';
import { outageOf } from './redis-failures.ts';

/** The name of a command in lower case, then its arguments. */
export type PipelinedCommand = readonly [name: string, ...args: (string | number)[]];

/** What a command came to; an error is only what Redis says of that command. */
export type PipelinedAnswer = readonly [error: Error | null, value: unknown];

/**
 * Runs commands whose keys may be in different slots of a Cluster. A pipeline as such never fails:
 * whoever does not look at each answer takes a Redis that refuses everything for one that works.
 *
 * @throws {Error} what Redis or the connection says where it cannot serve, for `redis.run()` to count.
 * @example const answers = await redis.run('presence', (client) => pipelined(client, [['get', key]]));
 */
export async function pipelined(
	client: Redis,
	commands: readonly PipelinedCommand[]
): Promise<readonly PipelinedAnswer[]> {
	if (commands.length === 0) return [];
	const answers = client.isCluster
		? await Promise.all(commands.map((command) => single(client, command)))
		: ((await client.pipeline(commands.map((command) => [...command])).exec()) ?? []);
	for (const [error] of answers) {
		if (outageOf(error) !== undefined) throw error!;
	}
	return answers as readonly PipelinedAnswer[];
}

/** In a Cluster each goes to the server of its own key; what is written in one tick travels together. */
function single(client: Redis, [name, ...args]: PipelinedCommand): Promise<PipelinedAnswer> {
	return client.call(name, ...args).then(
		(value) => [null, value] as const,
		(error: Error) => [error, undefined] as const
	);
}
