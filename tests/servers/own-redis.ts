/** A Redis server of a test file's own, and prefixes that its tests do not share. */

import { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach } from 'vitest';
import { startRedis, type RedisServer } from './redis.ts';

export let server: RedisServer;
/** Sees and changes what is there by itself; comes back when the server does. */
export let client: Redis;
/** Of the running test. */
export let prefix: string;

let prefixes = 0;

/** One that nothing else has. */
export const freshPrefix = (): string => `test${(prefixes += 1)}:`;

/** Starts it before the tests of the file that calls this, and stops it after them. */
export function useRedis(): void {
	beforeAll(async () => {
		server = await startRedis();
		client = new Redis(server.url, { retryStrategy: () => 20 }).on('error', () => {});
	}, 120_000);
	afterAll(async () => {
		client?.disconnect();
		await server?.stop();
	});
	beforeEach(() => {
		prefix = freshPrefix();
	});
}
