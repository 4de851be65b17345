import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { RedisReplayOptions } from 'svelte-realtime/plugins/redis-replay';
import { Holes } from '../../plugins/redis-replay/holes.ts';
import { createGateway, type Gateway } from '../servers/gateway.ts';
import {
	startLogInstance,
	stopLogInstances,
	type RedisLogInstance,
	type Published
} from '../servers/log-instance.ts';
import { startRedis, type RedisServer } from '../servers/redis.ts';
import { until } from '../servers/until.ts';

let server: RedisServer;
let gateway: Gateway;
let prefix: string;
let prefixes = 0;

beforeAll(async () => {
	server = await startRedis();
}, 120_000);
afterAll(() => server?.stop());
beforeEach(async () => {
	prefix = `outage${(prefixes += 1)}:`;
	gateway = await createGateway(server.port);
});
afterEach(async () => {
	await stopLogInstances();
	await gateway.close();
});

const upTo = (last: number): number[] => Array.from({ length: last }, (_, index) => index + 1);
const dataOf = ({ delivered }: RedisLogInstance): unknown[] => delivered.map(({ data }) => data);

/** An instance whose way can be cut. */
const far = (replay: RedisReplayOptions = {}): Promise<RedisLogInstance> =>
	startLogInstance({ url: `redis://127.0.0.1:${gateway.port}`, prefix, replay });
const near = (replay: RedisReplayOptions = {}): Promise<RedisLogInstance> =>
	startLogInstance({ url: server.url, prefix, replay });

const isDown = ({ redis }: RedisLogInstance): Promise<void> => until(() => !redis.commands.isUp);

describe('with { outage: "outbox" }', () => {
	test('publishes wait for the store, keep their order among those of a topic, and happen once', async () => {
		const [one, other] = [await far({ outage: 'outbox' }), await near()];
		await Promise.all([one.log.follow('a'), one.log.follow('b'), other.log.follow('a')]);
		await one.publish('a', 'created', 0);
		gateway.cut();
		await isDown(one);

		const waiting = upTo(200).map((n) => one.publish(n % 2 ? 'a' : 'b', 'created', n));
		await new Promise((resolve) => setImmediate(resolve));
		expect(one.delivered).toHaveLength(1);
		gateway.open();

		const results = await Promise.all(waiting);
		for (const result of results) expect(result).toMatchObject({ status: 'ok', level: 'store' });
		await until(() => one.delivered.length >= 201 && other.delivered.length >= 101);
		const odd = upTo(200).filter((n) => n % 2);
		expect(dataOf(other)).toEqual([0, ...odd]);
		const own = one.delivered.filter(({ topic }) => topic === 'a');
		expect(own.map(({ data }) => data)).toEqual([0, ...odd]);
		expect(own.map(({ seq }) => seq)).toEqual(upTo(101));
		expect(own).toEqual(other.delivered);
	});

	test('one whose answer was lost keeps those behind it waiting, and is not sent under another name', async () => {
		const own = await startRedis();
		try {
			const options = { url: own.url, prefix, replay: { outage: 'outbox' } as const };
			const one = await startLogInstance(options);
			await one.log.follow('a');
			await one.publish('a', 'created', 0);
			own.freeze();
			const waiting = [one.publish('a', 'created', 1)];
			await expect(one.redis.commands.client.ping()).rejects.toThrow('timed out');
			waiting.push(one.publish('a', 'created', 2), one.publish('a', 'created', 3));
			own.thaw();

			const results = await Promise.all(waiting);

			expect(results.map(({ position }) => position?.seq)).toEqual([2, 3, 4]);
			await until(() => one.delivered.length >= 4);
			expect(dataOf(one)).toEqual([0, 1, 2, 3]);
		} finally {
			await own.stop();
		}
	});

	test('past its bytes they are refused with QUEUE_FULL, and past their age with SERVICE_UNAVAILABLE', async () => {
		const one = await far({ outage: 'outbox', outboxAge: 150, outboxBytes: 2000 });
		await one.log.follow('a');
		gateway.cut();
		await isDown(one);

		const results = await Promise.all(upTo(20).map((n) => one.publish('a', 'created', n)));
		gateway.open();

		const codes = results.map(({ code }) => code);
		expect(codes.slice(0, 5)).toEqual(Array(5).fill('SERVICE_UNAVAILABLE'));
		expect(codes.slice(-5)).toEqual(Array(5).fill('QUEUE_FULL'));
		// There is room again, and nothing that was refused comes after all.
		await until(async () => (await one.publish('a', 'created', 'next')).level === 'store');
		expect(dataOf(one)).toEqual(['next']);
		expect((await one.log.follow('a')).head().seq).toBe(1);
	});

	test('what a full store refuses waits until it has room', async () => {
		const one = await near({ outage: 'outbox' });
		const client = new Redis(server.url);
		await one.publish('a', 'created', 1);
		await client.config('SET', 'maxmemory', '1');
		// More than travels at once: what was tried is first again.
		const waiting = upTo(150).map((n) => one.publish('a', 'created', n + 1));
		await until(() => String(one.errors).includes('OOM'));
		await client.config('SET', 'maxmemory', '0');
		client.disconnect();

		const results = await Promise.all(waiting);
		expect(results.map(({ position }) => position?.seq)).toEqual(upTo(150).map((n) => n + 1));
		expect(dataOf(one)).toEqual(upTo(151));
	});
});

describe('nobody is left with a hole', () => {
	/** Lets an instance deliver something that the store does not have. */
	async function deliverAlone(instance: RedisLogInstance, ...topics: string[]): Promise<void> {
		gateway.cut();
		await isDown(instance);
		for (const topic of topics) {
			await until(
				async () => (await instance.publish(topic, 'created', 'alone')).level === 'local'
			);
		}
	}

	test('by more topics than are remembered: then everything is renewed, for everybody', async () => {
		const holes = new Holes(async () => {}, 2);
		for (const topic of ['a', 'b']) holes.add(topic);
		expect(holes.isOverflowing).toBe(false);
		holes.add('c');
		expect(holes).toMatchObject({ isOverflowing: true, topics: [], isEmpty: false });
		await holes.renewAll();
		expect(holes.isEmpty).toBe(true);
	});

	test('by a renewal of everything: followers of any topic on any instance load again, and so do those who return', async () => {
		const [one, other] = [await far({ check: 100 }), await near({ check: 100 })];
		await Promise.all(['a', 'b', 'c'].map((topic) => one.publish(topic, 'created', 1)));
		const tails = await Promise.all(['a', 'b', 'never'].map((topic) => other.log.follow(topic)));
		const before = tails.map((tail) => tail.head());
		const quiet = await other.log.follow('c');
		const absent = quiet.head();
		quiet.close();
		await deliverAlone(one, ...upTo(10_001).map(String));

		gateway.open();

		await until(() => tails.every((tail, index) => tail.since(before[index]!) === 'epoch'));
		expect(await other.log.range('c', absent)).toBe('epoch');
		await until(async () => (await one.publish('a', 'created', 'after')).level === 'store');
		await until(() => dataOf(other).includes('after'));
		expect(other.delivered.at(-1)).toMatchObject({ seq: 2 });
	});

	test('by a publish of which nobody knows what became', async () => {
		const own = await startRedis();
		try {
			const replay = { retryFor: 1, check: 100 };
			const one = await startLogInstance({ url: own.url, prefix, replay });
			const tail = await one.log.follow('a');
			await one.publish('a', 'created', 1);
			const before = tail.head();
			own.freeze();
			expect(await one.publish('a', 'created', 2)).toMatchObject({ status: 'unknown' });
			own.thaw();

			await until(async () => (await one.publish('a', 'created', 3)).level === 'store');

			await until(() => tail.since(before) === 'epoch');
		} finally {
			await own.stop();
		}
	});

	/** An instance that ends without a word, as killed ones do. */
	async function loseInstance(instance: RedisLogInstance): Promise<void> {
		const client = new Redis(server.url);
		gateway.cut();
		await instance.shutdown();
		client.disconnect();
	}

	test('by an instance that has gone for ever while Redis was away', async () => {
		const own = await startRedis('--appendonly', 'yes', '--appendfsync', 'always');
		const way = await createGateway(own.port);
		try {
			const url = `redis://127.0.0.1:${way.port}`;
			const lost = await startLogInstance({ url, prefix, replay: { check: 100 } });
			const stays = await startLogInstance({ url: own.url, prefix, replay: { check: 100 } });
			const tail = await stays.log.follow('a');
			await lost.publish('a', 'created', 1);
			await until(() => stays.delivered.length === 1);
			const before = tail.head();
			way.cut();
			await own.kill();
			await until(async () => (await lost.publish('a', 'created', 'alone')).level === 'local');
			// It has no way to say it, as one that is killed has none.
			await lost.shutdown();

			await own.restart();

			await until(() => tail.since(before) === 'epoch');
			await until(async () => (await stays.publish('a', 'created', 'after')).level === 'store');
		} finally {
			await stopLogInstances();
			await way.close();
			await own.stop();
		}
	});

	test('by the last of all instances: those that start later find it out', async () => {
		const own = await startRedis('--appendonly', 'yes', '--appendfsync', 'always');
		try {
			const options = { url: own.url, prefix, replay: { check: 50 } };
			const lost = await startLogInstance(options);
			const { position } = await lost.publish('a', 'created', 1);
			await own.kill();
			await until(async () => (await lost.publish('a', 'created', 'alone')).level === 'local');
			await lost.shutdown();
			await own.restart();

			const later = await startLogInstance(options);

			await until(async () => (await later.log.range('a', position!)) === 'epoch');
		} finally {
			await stopLogInstances();
			await own.stop();
		}
	});

	test('and one that has gone while Redis was there makes nobody load again', async () => {
		const [lost, stays] = [await far({ check: 50 }), await near({ check: 50 })];
		const tail = await stays.log.follow('a');
		await lost.publish('a', 'created', 1);
		await until(() => stays.delivered.length === 1);
		const before = tail.head();
		const seen = `${prefix}{__log}:seen`;
		const client = new Redis(server.url);
		await loseInstance(lost);

		await until(async () => (await client.hlen(seen)) === 1);

		expect(tail.since(before)).toEqual([]);
		await stays.shutdown();
		expect(await client.hlen(seen)).toBe(0);
		client.disconnect();
	});
});

test('after five failures publishes are not tried any more, and are again once Redis answers', async () => {
	const own = await startRedis();
	try {
		const redis = { commandTimeout: 50, resetAfter: 300 };
		const replay = { retryFor: 1, outage: 'reject' } as const;
		const one = await startLogInstance({ url: own.url, prefix, replay, redis });
		await one.publish('a', 'created', 0);
		own.freeze();
		const results: Published[] = [];
		for (const n of upTo(6)) results.push(await one.publish(`${n}`, 'created', n));
		own.thaw();

		expect(results.slice(0, 5).map(({ status }) => status)).toEqual(Array(5).fill('unknown'));
		expect(results[5]).toEqual({ status: 'rejected', code: 'SERVICE_UNAVAILABLE' });
		await until(async () => (await one.publish('a', 'created', 1)).level === 'store');
	} finally {
		await own.stop();
	}
});
