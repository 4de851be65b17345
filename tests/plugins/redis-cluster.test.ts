import { Redis } from 'ioredis';
import {
	afterAll,
	afterEach,
	beforeAll,
	beforeEach,
	describe,
	expect,
	onTestFinished,
	test
} from 'vitest';
import { live } from 'svelte-realtime';
import { createKernel, definePlugin, type Position } from 'svelte-realtime/kernel';
import { health } from 'svelte-realtime/plugins/health';
import { redis, type RedisBackend, type RedisOptions } from 'svelte-realtime/plugins/redis';
import { redisBus } from 'svelte-realtime/plugins/redis-bus';
import { redisReplay, type RedisReplayOptions } from 'svelte-realtime/plugins/redis-replay';
import { replay } from 'svelte-realtime/plugins/replay';
import { rpc } from 'svelte-realtime/plugins/rpc';
import { streams } from 'svelte-realtime/plugins/streams';
import { createTestKernel, fakeTransport } from 'svelte-realtime/testing';
import { PARTLY } from '../../plugins/redis-failures.ts';
import { keysOf } from '../../plugins/redis-replay/keys.ts';
import { replayLogContract } from '../contracts/replay-log.ts';
import { startRedis } from '../servers/redis.ts';
import { startSentinel } from '../servers/redis-sentinel.ts';
import { startCluster, type ClusterServer, type RedisCluster } from '../servers/redis-cluster.ts';
import { until } from '../servers/until.ts';

/** Of three servers, without replicas. */
let cluster: RedisCluster;
let prefixes = 0;
beforeAll(async () => {
	cluster = await startCluster();
}, 120_000);
afterAll(() => cluster?.stop());

const freshPrefix = (): string => `test${(prefixes += 1)}:`;
const upTo = (last: number): number[] => Array.from({ length: last }, (_, index) => index + 1);

interface Delivered {
	readonly topic: string;
	readonly seq: number;
	readonly epoch: string;
	readonly data: unknown;
}

const running: { shutdown(): Promise<void> }[] = [];
afterEach(async () => {
	await Promise.all(running.splice(0).map((instance) => instance.shutdown()));
});

/** Two of the servers: the third one is found. */
const here = (): RedisOptions => ({ cluster: cluster.urls.slice(0, 2) });

/** An instance whose log is in a cluster. */
async function start(
	prefix: string,
	options: RedisReplayOptions = {},
	where: RedisOptions = here()
) {
	const errors: unknown[] = [];
	const delivered: Delivered[] = [];
	const recorder = definePlugin({
		name: 'recorder',
		setup: (kernel) =>
			void kernel.hook('published', ({ topic, seq, epoch, data }) => {
				if (topic !== '__health') delivered.push({ topic, seq, epoch, data });
			})
	});
	const backend = redis({ ...where, prefix, commandTimeout: 1000 });
	const kernel = createKernel({
		plugins: [health(), backend, redisReplay({ size: 10_000, ...options }), replay(), recorder],
		transport: fakeTransport(),
		report: (_plugin, error) => errors.push(error)
	});
	await kernel.start();
	let wasDegraded = false;
	kernel.find('health')!.watch(({ state }) => void (wasDegraded ||= state === 'degraded'));
	const instance = {
		wasDegraded: () => wasDegraded,
		log: kernel.find('replay.log')!,
		redis: kernel.find('redis')!,
		degraded: () =>
			kernel
				.find('health')!
				.states()
				.filter(({ state }) => state === 'degraded')
				.map(({ name }) => name),
		errors,
		delivered,
		of: (topic: string) => delivered.filter((frame) => frame.topic === topic),
		publish: async (topic: string, data: unknown) =>
			(await kernel.publish(topic, 'created', data)) as {
				readonly status: string;
				readonly level?: string;
				readonly position?: Position;
			},
		shutdown: () => kernel.shutdown()
	};
	running.push(instance);
	return instance;
}

type Instance = Awaited<ReturnType<typeof start>>;

replayLogContract('redis cluster', async () => {
	const { log, redis } = await start(freshPrefix(), { size: 5, check: 20 });
	const lose = (topic: string): Promise<unknown> => {
		const { meta, log: frames } = keysOf(redis.prefix, topic);
		return redis.commands.client.del(meta, frames);
	};
	return { log, size: 5, close: async () => {}, lose };
});

/** Three instances that follow topics in slots of all servers. */
async function three(options: RedisReplayOptions = {}, where: RedisOptions = here()) {
	const prefix = freshPrefix();
	const all = await Promise.all(upTo(3).map(() => start(prefix, options, where)));
	const topics = await spread(all[0]!);
	for (const { log } of all) await Promise.all(topics.map((topic) => log.follow(topic)));
	return { prefix, all, topics, one: all[0]!, two: all[1]!, third: all[2]! };
}

/** A topic on each server. */
async function spread({ redis: { commands, prefix } }: Instance): Promise<string[]> {
	const found = new Map<string, string>();
	const ranges = await commands.client.cluster('SLOTS');
	for (let n = 0; found.size < 3; n += 1) {
		const slot = (await commands.client.cluster('KEYSLOT', `${prefix}{t${n}}`)) as number;
		const [, , node] = ranges.find(([first, last]) => slot >= first && slot <= last)!;
		const port = node![1];
		if (!found.has(String(port))) found.set(String(port), `t${n}`);
	}
	return [...found.values()];
}

test('all servers are connected to when an instance has started, however many start at once', async () => {
	const backend = async (): Promise<RedisBackend> => {
		const kernel = createKernel({ plugins: [redis(here())], transport: fakeTransport() });
		running.push(kernel);
		await kernel.start();
		return kernel.use('redis');
	};

	const all = await Promise.all(Array.from({ length: 20 }, backend));

	expect(all.filter(({ commands }) => !commands.isWhole)).toEqual([]);
});

test('what two instances publish at once to topics on all servers, all three deliver in one order, once', async () => {
	const { all, topics, one, two } = await three();

	await Promise.all(
		[one, two].flatMap((instance, at) =>
			topics.map(async (topic) => {
				for (const n of upTo(100)) {
					expect(await instance.publish(topic, `${at} ${n}`)).toMatchObject({ level: 'store' });
				}
			})
		)
	);

	for (const topic of topics) {
		await until(() => all.every((instance) => instance.of(topic).length >= 200));
		for (const instance of all) {
			expect(instance.of(topic)).toEqual(one.of(topic));
			expect(instance.of(topic).map(({ seq }) => seq)).toEqual(upTo(200));
		}
	}
	expect(all.flatMap(({ errors }) => errors)).toEqual([]);
});

test('a topic whose slot moves to another server goes on without a hole, for all who follow it', async () => {
	const { prefix, all, topics, one, two } = await three();
	const topic = topics[0]!;
	const [client] = [one.redis.commands.client];
	const slot = (await client.cluster('KEYSLOT', `${prefix}{${topic}}`)) as number;
	const before = await cluster.ownerOf(slot);
	const to = cluster.masters.find((server) => server !== before)!;

	let isMoved = false;
	let head = 0;
	const publishing = [one, two].map(async (instance, at) => {
		// Goes on for a while after the move.
		for (let n = 1, left = 20; left > 0; n += 1, left -= isMoved ? 1 : 0) {
			const result = await instance.publish(topic, `${at} ${n}`);
			expect(result).toMatchObject({ level: 'store' });
			head = Math.max(head, result.position!.seq);
		}
	});
	await until(() => one.of(topic).length > 20);
	await cluster.move(slot, to);
	isMoved = true;
	await Promise.all(publishing);

	await until(() => all.every((instance) => instance.of(topic).at(-1)?.seq === head));
	for (const instance of all) {
		expect(instance.of(topic).map(({ seq }) => seq)).toEqual(upTo(head));
		expect(instance.of(topic).map(({ data }) => data)).toEqual(
			one.of(topic).map(({ data }) => data)
		);
	}
	const channel = `${prefix}{${topic}}:frames`;
	await until(async () => (await heardAt(to, channel)) === 3);
	expect(await heardAt(before, channel)).toBe(0);
	expect(await cluster.ownerOf(slot)).toBe(to);
});

test('what was published while the slot moved is there though nothing follows it, and nobody heard it', async () => {
	const { prefix, all, topics, one } = await three();
	const topic = topics[1]!;
	const slot = (await one.redis.commands.client.cluster(
		'KEYSLOT',
		`${prefix}{${topic}}`
	)) as number;
	const before = await cluster.ownerOf(slot);
	const to = cluster.masters.find((server) => server !== before)!;
	await one.publish(topic, 'first');
	await until(() => all.every((instance) => instance.of(topic).length === 1));

	await cluster.move(slot, to, async ({ client }) => {
		await client.hset(`${prefix}{${topic}}:meta`, 's', 2);
		const line = '2\tanother.1\t["created",0,0]\t"missed"';
		await client.zadd(`${prefix}{${topic}}:log`, 2, line);
	});

	await until(() => all.every((instance) => instance.of(topic).length === 2));
	for (const instance of all) {
		expect(instance.of(topic)[1]).toMatchObject({ seq: 2, data: 'missed' });
	}
});

/** How many hear a channel of a slot at a server. */
async function heardAt({ client }: ClusterServer, channel: string): Promise<number> {
	return ((await client.call('PUBSUB', 'SHARDNUMSUB', channel)) as [string, number])[1];
}

test('a message goes to the server of its channel, and to no other', async () => {
	const { prefix, topics, one, third } = await three();
	const sent = async (): Promise<number[]> =>
		Promise.all(
			cluster.masters.map(async ({ client }) => {
				const stats = (await client.call('INFO', 'everything')) as string;
				return Number(/cluster_stats_messages_publish_sent:(\d+)/.exec(stats)?.[1] ?? 0);
			})
		);
	const before = await sent();

	for (const topic of topics) await one.publish(topic, 1);
	await until(() => topics.every((topic) => third.of(topic).length === 1));

	expect(await sent()).toEqual(before);
	const heard = await Promise.all(
		topics.map((topic) =>
			Promise.all(cluster.masters.map((server) => heardAt(server, `${prefix}{${topic}}:frames`)))
		)
	);
	for (const counts of heard) expect([...counts].sort()).toEqual([0, 0, 3]);
});

test('what is published to an ephemeral topic reaches those who follow it on other instances', async () => {
	const prefix = freshPrefix();
	const startOne = async () => {
		const backend = redis({ cluster: cluster.urls, prefix });
		const plugins = [backend, redisBus(), rpc(), replay(), streams()];
		const kernel = await createTestKernel(plugins, { topics: { '*': 'ephemeral' } });
		const topic = (_ctx: unknown, name: string): string => name;
		kernel.mount({ test: { of: live.stream(topic, () => 0, { merge: 'set' }) } });
		return kernel;
	};
	const [one, other] = [await startOne(), await startOne()];
	const names = upTo(12).map((n) => `t${n}`);
	const connection = await other.connect();
	const followed = await Promise.all(names.map((name) => connection.follow('test/of', name)));
	for (const name of names) {
		await until(async () => {
			const counts = cluster.masters.map((server) => heardAt(server, `${prefix}bus:${name}`));
			return (await Promise.all(counts)).includes(1);
		});
	}

	for (const name of names) await one.publish(name, 'set', name);
	await until(() => followed.every(({ events }) => events.length === 1));

	expect(followed.map(({ events }) => events[0]!.data)).toEqual(names);
});

describe('a server that is lost', () => {
	let replicated: RedisCluster;
	beforeEach(async () => {
		replicated = await startCluster(true);
	}, 60_000);
	afterEach(() => replicated?.stop());

	test('is replaced: its topics go on in one order or are loaded again, the others never stop', async () => {
		const { all, topics, one, two } = await three(
			{ outage: 'reject' },
			{ cluster: replicated.urls }
		);
		const lost = replicated.masters[1]!;
		const tails = await Promise.all(all.map(({ log }) => log.follow(topics[1]!)));
		const owners = await Promise.all(
			topics.map(async (topic) =>
				replicated.ownerOf(
					(await one.redis.commands.client.cluster(
						'KEYSLOT',
						`${one.redis.prefix}{${topic}}`
					)) as number
				)
			)
		);
		const hit = topics[owners.indexOf(lost)]!;
		const others = topics.filter((topic) => topic !== hit);
		for (const n of upTo(20)) for (const topic of topics) await one.publish(topic, n);
		await until(() => all.every(({ delivered }) => delivered.length === 60));
		expect(tails).toHaveLength(3);
		const marks = await Promise.all(all.map(({ log }) => log.follow(hit)));
		const before = marks.map((tail) => tail.head());
		expect([one.degraded(), one.wasDegraded()]).toEqual([[], false]);

		await lost.kill();

		// Refused without being sent, and that opens no breaker: the other servers go on.
		const { run, prefix } = one.redis;
		const get = (topic: string): Promise<unknown> =>
			run('mine', (client) => client.get(`${prefix}{${topic}}`)).catch(
				({ cause }: { cause?: Error }) => cause?.message
			);
		await until(async () => (await get(hit)) === PARTLY);
		for (let n = 0; n < 10; n += 1) expect(await get(hit)).toBe(PARTLY);
		expect(await Promise.all(others.map(get))).toEqual([null, null]);

		// At once by far, but for those that were on their way.
		const results = await Promise.all(upTo(20).map((n) => two.publish(hit, `away ${n}`)));
		await until(one.wasDegraded);
		await until(async () => (await one.publish(hit, 'after')).level === 'store');
		await until(() => all.every((instance) => instance.of(hit).at(-1)?.data === 'after'));
		await until(() => all.every((instance) => instance.degraded().length === 0));

		for (const [index, instance] of all.entries()) {
			// Another server writes: its history may lack the end of what was seen.
			expect(marks[index]!.head().epoch).not.toBe(before[index]!.epoch);
			const kept = marks[index]!.since(before[index]!);
			// Either all that it had is there, or it is told that it is not.
			if (kept !== 'epoch') {
				expect(instance.of(hit).map(({ seq }) => seq)).toEqual(upTo(instance.of(hit).at(-1)!.seq));
			}
			for (const [at, { level }] of results.entries()) {
				const times = instance.of(hit).filter(({ data }) => data === `away ${at + 1}`).length;
				expect(times).toBeLessThanOrEqual(1);
				if (level === 'store' && kept !== 'epoch') expect(times).toBe(1);
			}
			const seen = instance.of(hit).map(({ epoch, seq }) => `${epoch} ${seq}`);
			expect(new Set(seen).size).toBe(seen.length);
		}
		await two.publish(hit, 'more');
		for (const topic of others) await two.publish(topic, 'more');
		await until(() =>
			topics.every((topic) => all.every((i) => i.of(topic).at(-1)?.data === 'more'))
		);
		for (const topic of others) {
			for (const instance of all) {
				expect(instance.of(topic).map(({ seq }) => seq)).toEqual(upTo(instance.of(topic).length));
				expect(new Set(instance.of(topic).map(({ epoch }) => epoch)).size).toBe(1);
			}
		}
	}, 60_000);
});

test('with Sentinels, the replica that they promote goes on in the place of the one that is lost', async () => {
	const main = await startRedis();
	onTestFinished(main.stop);
	const replica = await startRedis('--replicaof', '127.0.0.1', String(main.port));
	onTestFinished(replica.stop);
	const sentinel = await startSentinel(main);
	onTestFinished(sentinel.stop);
	const watcher = new Redis(sentinel.url);
	await until(async () => {
		const [known] = (await watcher.call('SENTINEL', 'REPLICAS', 'main')) as [string[]?];
		return known !== undefined && known.includes('ok');
	});
	const where = { sentinel: { name: 'main', urls: [sentinel.url] } };
	const prefix = freshPrefix();
	const [one, two] = [
		await start(prefix, { outage: 'reject' }, where),
		await start(prefix, { outage: 'reject' }, where)
	];
	await Promise.all([one.log.follow('a'), two.log.follow('a')]);
	for (const n of upTo(10)) await one.publish('a', n);
	await until(() => two.of('a').length === 10);
	const client = new Redis(replica.url);
	await until(async () => (await client.hget(`${prefix}{a}:meta`, 's')) === '10');

	await main.kill();

	await until(async () => (await two.publish('a', 'after')).level === 'store');
	await until(() => one.of('a').at(-1)?.data === 'after', 40_000);
	await until(() => one.degraded().length === 0);
	for (const instance of [one, two]) {
		expect(instance.of('a').map(({ seq }) => seq)).toEqual(upTo(11));
	}
	for (const connection of [watcher, client]) connection.disconnect();
}, 60_000);
