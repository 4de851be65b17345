import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { live } from 'svelte-realtime';
import { redis } from 'svelte-realtime/plugins/redis';
import { redisReplay, type RedisReplayOptions } from 'svelte-realtime/plugins/redis-replay';
import { replay } from 'svelte-realtime/plugins/replay';
import { rpc } from 'svelte-realtime/plugins/rpc';
import { streams } from 'svelte-realtime/plugins/streams';
import { createTestKernel, endTestKernels } from 'svelte-realtime/testing';
import { keysOf } from '../../plugins/redis-replay/keys.ts';
import { append } from '../../plugins/redis-replay/scripts.ts';
import { replayLogContract } from '../contracts/replay-log.ts';
import { createGateway, type Gateway } from '../servers/gateway.ts';
import {
	following,
	publishMany,
	seqs,
	startLogInstance,
	stopLogInstances,
	upTo,
	type Published,
	type RedisLogInstance
} from '../servers/log-instance.ts';
import { freshPrefix, server, useRedis } from '../servers/own-redis.ts';
import { startRedis, type RedisServer } from '../servers/redis.ts';
import { until } from '../servers/until.ts';

useRedis();
afterEach(stopLogInstances);

/** An instance of an app: a kernel on the machine's clock, with its log in Redis. */
const start = (
	prefix: string,
	options: RedisReplayOptions = {},
	url = server.url
): Promise<RedisLogInstance> => startLogInstance({ url, prefix, replay: options });

replayLogContract('redis', async () => {
	const { log, redis } = await start(freshPrefix(), { size: 5, check: 20 });
	const lose = (topic: string): Promise<unknown> => {
		const { meta, log: frames } = keysOf(redis.prefix, topic);
		return redis.commands.client.del(meta, frames);
	};
	return { log, size: 5, close: async () => {}, lose };
});

/** Two instances that publish and a third one; all of them follow the topic. */
async function three(options: RedisReplayOptions = {}, url = server.url) {
	const prefix = freshPrefix();
	return { prefix, ...(await following([1, 2, 3].map(() => start(prefix, options, url)))) };
}

test('what two instances publish at once, all three deliver in one order, once', async () => {
	const { all, one, two, third } = await three();

	await Promise.all([publishMany(one, 'a', 1000), publishMany(two, 'b', 1000)]);
	await until(() => all.every(({ delivered }) => delivered.length >= 2000));

	expect(seqs(third.delivered)).toEqual(upTo(2000));
	expect(new Set(third.delivered.map(({ data }) => data)).size).toBe(2000);
	for (const { delivered } of all) expect(delivered).toEqual(third.delivered);
});

test('subscribers that are cut off again and again miss nothing, and deliver nothing twice', async () => {
	const { all, one, two, third } = await three();
	const client = new Redis(server.url);
	const cut = (): Promise<unknown> => client.client('KILL', 'TYPE', 'PUBSUB');

	await Promise.all([publishMany(one, 'a', 1000, cut), publishMany(two, 'b', 1000, cut)]);
	client.disconnect();
	await until(() => all.every(({ delivered }) => delivered.length >= 2000));

	for (const { delivered } of all) expect(delivered).toEqual(third.delivered);
	expect(seqs(third.delivered)).toEqual(upTo(2000));
	expect(new Set(third.delivered.map(({ epoch }) => epoch)).size).toBe(1);
});

/** Adds a frame that no subscriber hears of: in one step for the server, they are cut off as well. */
async function publishUnheard(prefix: string, seq: number, isKept: boolean): Promise<void> {
	const client = new Redis(server.url);
	const step = client.multi().client('KILL', 'TYPE', 'PUBSUB').hset(`${prefix}{a}:meta`, 's', seq);
	const line = `${seq}\tanother.1\t["created",0,0]\t"missed"`;
	await (isKept ? step.zadd(`${prefix}{a}:log`, seq, line) : step.del(`${prefix}{a}:log`)).exec();
	client.disconnect();
}

test('a frame that came while a subscriber was cut off is there with its return, though nothing follows it', async () => {
	const { prefix, all, one } = await three();
	await one.publish('a', 'created', 'first');

	await publishUnheard(prefix, 2, true);

	for (const { delivered } of all) {
		await expect.poll(() => delivered.length, { timeout: 5000 }).toBe(2);
		expect(delivered[1]).toMatchObject({ seq: 2, data: 'missed' });
	}
});

test('one that is not in the log any more is not skipped over: whoever followed loads again', async () => {
	const { prefix, tails, one, third } = await three();
	await one.publish('a', 'created', 'first');
	await until(() => third.delivered.length === 1);
	const before = tails[2]!.head();

	await publishUnheard(prefix, 2, false);

	await expect.poll(() => tails[2]!.head().seq, { timeout: 5000 }).toBe(2);
	expect(tails[2]!.since(before)).toBe('truncated');
	expect(await third.log.range('a', before)).toBe('truncated');
	await one.publish('a', 'created', 'next');
	await until(() => third.delivered.at(-1)?.data === 'next');
	expect(third.delivered.at(-1)).toMatchObject({ seq: 3 });
});

test('history outlives every instance', async () => {
	const prefix = freshPrefix();
	const first = await start(prefix);
	const { position } = await first.publish('a', 'created', 1);
	await first.publish('a', 'created', 2);
	await first.shutdown();

	const tail = await (await start(prefix)).log.follow('a');

	expect(tail.head()).toEqual({ epoch: position!.epoch, seq: 2 });
	expect(tail.since(position!)).toMatchObject([{ seq: 2, value: { json: '2' } }]);
});

test('apps with a prefix each have nothing to do with one another', async () => {
	const [one, other] = [await start(freshPrefix()), await start(freshPrefix())];
	await Promise.all([one.log.follow('a'), other.log.follow('a')]);

	await one.publish('a', 'created', 'mine');
	await other.publish('a', 'created', 'yours');

	expect(one.delivered.map(({ data }) => data)).toEqual(['mine']);
	expect(other.delivered.map(({ data }) => data)).toEqual(['yours']);
});

describe('a way to the store that fails', () => {
	let gateway: Gateway;
	beforeEach(async () => {
		gateway = await createGateway(server.port);
	});
	afterEach(() => gateway.close());

	/** One instance behind the gateway, and one with a way of its own; both follow the topic. */
	async function two(options: RedisReplayOptions = {}) {
		const prefix = freshPrefix();
		const far = await start(prefix, options, `redis://127.0.0.1:${gateway.port}`);
		const near = await start(prefix, options);
		const [farTail, nearTail] = [await far.log.follow('a'), await near.log.follow('a')];
		await near.publish('a', 'created', 'first');
		await until(() => far.delivered.length === 1);
		return { far, near, farTail, nearTail };
	}

	test('the last frame before a silence is there as soon as the way is', async () => {
		const { far, near } = await two();
		gateway.cut();
		await near.publish('a', 'created', 'last');

		gateway.open();

		await expect.poll(() => far.delivered.length, { timeout: 5000 }).toBe(2);
		expect(seqs(far.delivered)).toEqual([1, 2]);
	});

	test('what was delivered without the store lets all followers of the topic load again', async () => {
		const { far, near, nearTail, farTail } = await two({ retryFor: 100 });
		const [other, before] = [await near.log.follow('b'), nearTail.head()];
		const untouched = other.head();
		gateway.cut();
		await until(async () => (await far.publish('a', 'created', 'alone')).level === 'local');
		gateway.open();

		await until(() => nearTail.since(before) === 'epoch' && farTail.since(before) === 'epoch');

		expect(other.since(untouched)).toEqual([]);
		expect(near.delivered.map(({ data }) => data)).not.toContain('alone');
		await until(async () => (await far.publish('a', 'created', 'after')).level === 'store');
		await until(() => near.delivered.at(-1)?.data === 'after');
	});

	describe('to a replica', () => {
		let replica: RedisServer;
		beforeEach(async () => {
			replica = await startRedis('--replicaof', '127.0.0.1', String(server.port));
		});
		afterEach(() => replica.stop());

		/** Lets the replica take over with the first `kept` frames of ten. */
		async function failOver(kept: number) {
			const prefix = freshPrefix();
			const all = await Promise.all(
				// What is published while there is no way would let the topic begin anew.
				[1, 2].map(() => start(prefix, { outage: 'reject' }, `redis://127.0.0.1:${gateway.port}`))
			);
			const tails = await Promise.all(all.map(({ log }) => log.follow('a')));
			const client = new Redis(replica.url);
			await publishSome(all[0]!, kept);
			await until(async () => (await client.hget(`${prefix}{a}:meta`, 's')) === String(kept));
			await client.replicaof('NO', 'ONE');
			await publishSome(all[0]!, 10 - kept);
			await until(() => all.every(({ delivered }) => delivered.length === 10));
			const positions = tails.map((tail) => tail.head());
			client.disconnect();
			gateway.cut();
			gateway.open(replica.port);
			await until(async () => (await all[0]!.publish('a', 'created', 'new')).level === 'store');
			return { all, tails, positions };
		}

		async function publishSome(instance: RedisLogInstance, count: number): Promise<void> {
			for (let n = 0; n < count; n += 1) await instance.publish('a', 'created', n);
		}

		test('that has everything, history goes on', async () => {
			const { all, tails, positions } = await failOver(10);

			await until(() => all.every(({ delivered }) => delivered.at(-1)?.data === 'new'));
			for (const { delivered } of all) expect(seqs(delivered)).toEqual(upTo(11));
			for (const [index, tail] of tails.entries()) {
				expect(tail.head().epoch).not.toBe(positions[index]!.epoch);
				expect(tail.since(positions[index]!)).toMatchObject([{ seq: 11 }]);
			}
		});

		test('that lacks the end, who has seen the end loads again, and who has not goes on', async () => {
			const { tails, positions } = await failOver(6);

			for (const [index, tail] of tails.entries()) {
				await until(() => tail.since(positions[index]!) === 'epoch');
				expect(tail.head().seq).toBe(7);
				const { epoch } = positions[index]!;
				expect(tail.since({ epoch, seq: 7 })).toBe('epoch');
				expect(tail.since({ epoch, seq: 6 })).not.toBe('epoch');
			}
		});
	});
});

describe('a store that fails', () => {
	let own: RedisServer;
	beforeEach(async () => {
		own = await startRedis();
	});
	afterEach(async () => {
		// Whoever loses it while it runs reports that.
		await endTestKernels();
		await own.stop();
	});

	test('what is published while it is down is delivered here, and everybody loads again afterwards', async () => {
		const { one, two, tails } = await three({ retryFor: 100 }, own.url);
		await one.publish('a', 'created', 'before');
		await until(() => two.delivered.length === 1);
		const before = tails[1]!.head();
		await own.kill();

		// One that was under way when it went is asked about for a while, and comes to nothing known.
		await until(async () => (await one.publish('a', 'created', 'meanwhile')).level === 'local');

		expect(one.delivered.at(-1)).toMatchObject({ seq: 0, data: 'meanwhile' });
		await own.restart();
		await until(() => tails.every((tail) => tail.since(before) === 'epoch'));
		await until(async () => (await one.publish('a', 'created', 'after')).level === 'store');
		await until(() => two.delivered.at(-1)?.data === 'after');
		expect(two.delivered.map(({ data }) => data)).not.toContain('meanwhile');
	});

	test('with { outage: "reject" } it is refused, and delivered to nobody', async () => {
		const instance = await start(freshPrefix(), { outage: 'reject', retryFor: 100 }, own.url);
		await own.kill();
		await until(async () => (await instance.publish('a', 'created', 1)).status === 'rejected');

		const refused = await instance.publish('a', 'created', 1);

		expect(refused).toEqual({ status: 'rejected', code: 'SERVICE_UNAVAILABLE' });
		expect(instance.delivered).toEqual([]);
	});

	test('a publish whose answer is lost is asked about again, and happens once', async () => {
		const { one, third, tails } = await three({}, own.url);
		await one.publish('a', 'created', 0);
		own.freeze();
		const published = upTo(5).map((n) => one.publish('a', 'created', n));
		// What is asked later has waited too long: so have they, which are in its socket, unread.
		await expect(one.redis.commands.client.ping()).rejects.toThrow('timed out');
		own.thaw();

		expect(await Promise.all(published)).toEqual(
			upTo(5).map((n) =>
				expect.objectContaining({ position: expect.objectContaining({ seq: n + 1 }) })
			)
		);
		await until(() => third.delivered.length >= 6);
		expect(third.delivered.map(({ data }) => data)).toEqual([0, 1, 2, 3, 4, 5]);
		expect(tails[2]!.head().seq).toBe(6);
	});

	test('an epoch that begins with a repeat is told, though there is nothing new to tell', async () => {
		const { redis } = await start(freshPrefix(), {}, own.url);
		const { client, run } = redis.commands;
		const { meta, log: frames, channel } = keysOf(redis.prefix, 'a');
		const told: string[] = [];
		const follower = new Redis(own.url);
		await follower.subscribe(channel);
		follower.on('message', (_channel, message: string) => told.push(message));
		const send = (renewal: string, epoch: string, after: string): Promise<unknown> => {
			const rare = `${epoch} ~store.${renewal} 100 60`;
			const args = [run, renewal, 'publish', rare, after, 1, 'me.1\tcreated\t1'];
			return append(client, [meta, frames], args);
		};

		await send('0', 'one', '');
		// Its answer was lost, and everything was renewed before it was asked about.
		await send('7', 'two', '0');

		await until(() => told.length === 2);
		expect(told[1]).toBe('two\t');
		follower.disconnect();
	});

	test('a publish that cannot be asked about is unknown, each under an id of its own, and delivered to nobody', async () => {
		const instance = await start(freshPrefix(), { retryFor: 1 }, own.url);
		await instance.publish('a', 'created', 0);
		own.freeze();

		const [one, other, more] = await Promise.all(
			upTo(3).map((n) => instance.publish(n < 3 ? 'a' : 'b', 'created', n))
		);
		own.thaw();

		for (const result of [one!, other!, more!]) expect(result.status).toBe('unknown');
		expect(new Set([one, other, more].map((result) => (result as { id?: string }).id)).size).toBe(
			3
		);
		expect(instance.delivered.every(({ seq }) => seq > 0)).toBe(true);
	});

	test('an instance that starts while it is down serves, and follows once it is there', async () => {
		await own.kill();
		const instance = await start(freshPrefix(), {}, own.url);
		const tail = await instance.log.follow('a');
		const blind = tail.head();

		await own.restart();
		await until(() => tail.head().epoch !== blind.epoch);

		expect(tail.since(blind)).toBe('epoch');
		await until(async () => (await instance.publish('a', 'created', 1)).level === 'store');
		await until(() => instance.delivered.some(({ seq }) => seq > 0));
	});

	test('one that comes back empty is another history for those who followed the first', async () => {
		const { one, tails } = await three({}, own.url);
		await publishMany(one, 'a', 40);
		const head = tails[0]!.head();
		await own.restart();

		await until(() => tails.every((tail) => tail.since(head) === 'epoch'));
		expect(await tails[0]!.since({ epoch: head.epoch, seq: 0 })).toBe('epoch');
	});

	test('one that comes back empty has those load again who follow what is quiet, before their turn', async () => {
		const kernel = await createTestKernel([
			redis({ url: own.url, prefix: freshPrefix(), commandTimeout: 300 }),
			redisReplay(),
			replay(),
			rpc(),
			streams()
		]);
		kernel.mount({ app: { _public: true, list: live.stream('a', () => []) } });
		const tail = await kernel.use('replay.log').follow('a');
		await until(
			async () => ((await kernel.publish('a', 'created', 1)) as Published).level === 'store'
		);
		const client = await kernel.connect();
		await client.send({ type: 'stream', id: 1, path: 'app/list' });
		await until(() => client.received.length > 0);
		const since = tail.head();
		client.take();

		await own.restart();
		await until(() => tail.since(since) === 'epoch');
		expect(client.received).toEqual([]);
		// No connection has its turn by then.
		await kernel.clock.advance(250);

		const heads = [{ topic: 'a', ...tail.head() }];
		expect(client.take()).toEqual([{ type: 'stream:heads', heads }]);
		await client.send({ type: 'stream', id: 2, path: 'app/list', since });
		await until(() => client.received.length > 0);
		expect(client.received).toMatchObject([{ type: 'stream:snapshot', reset: 'epoch' }]);
		for (const { error } of kernel.errors.splice(0)) expect(String(error)).toContain('RT_REDIS_');
	});

	test('a topic whose log was evicted is loaded anew, and never skipped over', async () => {
		const { prefix, one, third, tails } = await three({}, own.url);
		await publishMany(one, 'a', 20);
		await until(() => third.delivered.length === 20);
		const old = { epoch: tails[2]!.head().epoch, seq: 10 };
		const client = new Redis(own.url);
		await client.del(`${prefix}{a}:log`);
		client.disconnect();

		expect(await third.log.range('a', old)).toBe('truncated');
		await one.publish('a', 'created', 'next');
		await until(() => third.delivered.length === 21);
		expect(third.delivered.at(-1)).toMatchObject({ seq: 21, data: 'next' });
	});

	test('garbage on the channel, and a key of another type in the way, are said and harm nobody', async () => {
		const { prefix, one, third } = await three({}, own.url);
		await one.publish('a', 'created', 1);
		const client = new Redis(own.url);
		await client.publish(`${prefix}{a}:frames`, 'not ours');
		await client.publish(`${prefix}{a}:frames`, 'e\t\nneither\tours\tnor\tours');
		await client.set(`${prefix}{b}:meta`, 'in the way');

		const refused = await one.publish('b', 'created', 1);
		await one.publish('a', 'created', 2);
		await until(() => third.delivered.length === 2);
		client.disconnect();

		expect(refused).toEqual({ status: 'ok', level: 'local' });
		expect(String(one.errors)).toMatch(/WRONGTYPE/);
		expect(third.errors).toHaveLength(2);
		expect(third.delivered.map(({ data }) => data)).toEqual([1, 2]);
	});
});

test('a publish of a name that is in the log is not taken again, whoever makes it', async () => {
	const { all, one, two, third } = await three();

	const both = await Promise.all([one, two].map((each) => each.publishAs('event 1', 'first')));
	const again = await two.publishAs('event 1', 'first');
	await third.publishAs('event 2', 'second');
	await until(() => all.every(({ delivered }) => delivered.at(-1)?.data === 'second'));

	expect(again.position).toEqual(both[0]!.position);
	for (const { delivered } of all) {
		expect(delivered.map(({ data }) => data)).toEqual(['first', 'second']);
	}
});
