/** A Redis server of a test file's own, and prefixes that its tests do not share. */

import { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach } from 'vitest';
import { startRedis, type RedisServer } from './redis.ts';
import { startSlots } from './slots.ts';

export let server: RedisServer;
/** Sees and changes what is there by itself; comes back when the server does. */
export let client: Redis;
/** Of the running test. */
export let prefix: string;

/** One that refuses what touches two slots: stores have to do all that they do on it as well. */
export let slots: RedisServer;
export let slotted: Redis;

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

/** The same for the other one, beside it. */
export function useSlots(): void {
	beforeAll(async () => {
		slots = await startSlots();
		slotted = new Redis(slots.url);
	}, 120_000);
	afterAll(async () => {
		slotted?.disconnect();
		await slots?.stop();
	});
}

/** Makes time pass for Redis: the scores of sorted sets that it compares with its time are that much older. */
export async function ageScores(pattern: string, ms: number, at: Redis): Promise<void> {
	for (const key of await at.keys(pattern)) {
		for (const member of await at.zrange(key, '0', '-1')) {
			await at.zincrby(key, String(-ms), member);
		}
	}
}
