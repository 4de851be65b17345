import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { systemClock, type Clock } from 'svelte-realtime/kernel';
import { startLogInstance, stopLogInstances, type LogInstance } from '../servers/log-instance.ts';
import { startRedis, type RedisServer } from '../servers/redis.ts';
import { until } from '../servers/until.ts';

let server: RedisServer;
let client: Redis;
let prefix: string;
let prefixes = 0;

beforeAll(async () => {
	server = await startRedis();
	client = new Redis(server.url);
}, 120_000);
afterAll(async () => {
	client?.disconnect();
	await server?.stop();
});
beforeEach(() => {
	prefix = `hostile${(prefixes += 1)}:`;
});
afterEach(stopLogInstances);

const CHECK = 50;
const start = (url = server.url, own = prefix): Promise<LogInstance> =>
	startLogInstance({ url, prefix: own, replay: { check: CHECK } });
const dataOf = ({ delivered }: LogInstance): unknown[] => delivered.map(({ data }) => data);
const key = (topic: string, kind: string): string => `${prefix}{${topic}}:${kind}`;
/** Publishes until the store takes it. */
const publishAgain = (instance: LogInstance, topic: string, data: unknown): Promise<void> =>
	until(async () => (await instance.publish(topic, 'created', data)).level === 'store');

test('neighbours whose prefixes and topics spell the same names do not meet', async () => {
	const [one, other] = [await start(server.url, prefix), await start(server.url, `${prefix}b:`)];
	await Promise.all([one.log.follow('b:{x'), other.log.follow('{x')]);

	await one.publish('b:{x', 'created', 'mine');
	await other.publish('{x', 'created', 'yours');

	expect([dataOf(one), dataOf(other)]).toEqual([['mine'], ['yours']]);
});

for (const kind of ['meta', 'log']) {
	test(`a key of another type in the way of the ${kind} is said, and nothing is lost once it has gone`, async () => {
		const [one, other] = [await start(), await start()];
		const tails = [await one.log.follow('a'), await other.log.follow('a')];
		await one.publish('a', 'created', 1);
		await until(() => other.delivered.length === 1);
		const before = tails.map((tail) => tail.head());
		await client.del(key('a', kind));
		await client.set(key('a', kind), 'in the way');

		expect(await one.publish('a', 'created', 2)).toEqual({ status: 'ok', level: 'local' });
		expect(String(one.errors)).toMatch(/WRONGTYPE/);
		// Other topics are looked at all the same, in the same pipeline.
		await other.log.follow('b');
		const step = client.multi().hset(key('b', 'meta'), { e: 'x', s: 1, g: 'y', h: '' });
		await step.zadd(key('b', 'log'), 1, '1\tz.1\t["created",0,0]\t"unheard"').exec();
		await until(async () => (await other.log.follow('b')).head().seq === 1);
		await client.del(key('a', kind));

		await publishAgain(one, 'a', 3);

		await until(() => tails.every((tail, index) => tail.since(before[index]!) === 'epoch'));
		await until(() => tails[1]!.last(1)[0]?.value.json === '3');
		expect(dataOf(other)).not.toContain(2);
		// No frame has the number of another one.
		const numbers = await client.zrange(key('a', 'log'), '0', '-1', 'WITHSCORES');
		const scores = numbers.filter((_, index) => index % 2 === 1);
		expect(new Set(scores).size).toBe(scores.length);
	});
}

test('what is in the way of one topic is nothing to those that are published to in the same tick', async () => {
	const [one, other] = [await start(), await start()];
	await Promise.all(['a', 'b', 'c'].map((topic) => other.log.follow(topic)));
	await client.set(key('b', 'meta'), 'in the way');
	const calls = async (): Promise<number> =>
		Number(/cmdstat_evalsha:calls=(\d+)/.exec(await client.info('commandstats'))?.[1] ?? 0);
	await one.publish('a', 'created', 0);
	const before = await calls();

	const results = await Promise.all(
		['a', 'b', 'c'].map((topic) => one.publish(topic, 'created', topic))
	);

	expect(await calls()).toBe(before + 1);
	expect(results).toMatchObject([{ level: 'store' }, { level: 'local' }, { level: 'store' }]);
	expect(String(one.errors)).toMatch(/WRONGTYPE/);
	await until(() => other.delivered.length === 3);
	expect(dataOf(other)).toEqual([0, 'a', 'c']);
});

test('keys of another type in the way of what is known of the store harm no topic', async () => {
	await client.set(`${prefix}{__log}:store`, 'x');
	await client.set(`${prefix}{__log}:seen`, 'x');
	const [one, other] = [await start(), await start()];
	const tail = await other.log.follow('a');

	expect(await one.publish('a', 'created', 1)).toMatchObject({ level: 'store' });

	await until(() => tail.last(1)[0]?.value.json === '1');
	expect(await one.publish('a', 'created', 2)).toMatchObject({ level: 'store' });
	await until(() => dataOf(other).includes(2));
	expect(String(one.errors)).toMatch(/WRONGTYPE/);
});

test('what somebody else has put into a log is said, and those who have not seen what stood there load again', async () => {
	const [one, late] = [await start(), await start()];
	const { position } = await one.publish('a', 'created', 1);
	await one.publish('a', 'created', 2);
	await client.zremrangebyscore(key('a', 'log'), 2, 2);
	await client.zadd(key('a', 'log'), 2, 'not ours');

	const tail = await late.log.follow('a');

	expect(tail.head().seq).toBe(2);
	expect(tail.since(position!)).toBe('truncated');
	expect(await late.log.range('a', position!)).toBe('truncated');
	expect(String(late.errors)).toMatch(/something else/);
	expect(await one.publish('a', 'created', 3)).toMatchObject({ position: { seq: 3 } });
	await until(() => dataOf(late).includes(3));
});

test('garbage on a channel is said, and harms nobody', async () => {
	const [one, other] = [await start(), await start()];
	await other.log.follow('a');
	await one.publish('a', 'created', 1);
	for (const garbage of ['', 'not ours', 'e\t\nneither\tours', 'e\tx y z\n1e999\t\t\t', '\t\n\n']) {
		await client.publish(key('a', 'frames'), garbage);
	}

	await one.publish('a', 'created', 2);

	await until(() => other.delivered.length === 2);
	expect(dataOf(other)).toEqual([1, 2]);
	expect(other.errors.length).toBeGreaterThan(2);
});

describe('users who may not do everything', () => {
	const as = async (name: string, ...rules: string[]): Promise<LogInstance> => {
		await client.call(
			'ACL',
			'SETUSER',
			name,
			'reset',
			'on',
			'>word',
			'~*',
			'&*',
			'+@all',
			...rules
		);
		return start(server.url.replace('redis://', `redis://${name}:word@`));
	};

	test('without scripts a publish is refused by name, and delivered here', async () => {
		const one = await as('scriptless', '-evalsha', '-eval');

		expect(await one.publish('a', 'created', 1)).toEqual({ status: 'ok', level: 'local' });

		expect(String(one.errors)).toMatch(/NOPERM.*evalsha/);
		await client.call('ACL', 'SETUSER', 'scriptless', '+evalsha', '+eval');
		await publishAgain(one, 'a', 2);
	});

	test('without the channel what is stored counts as stored, and the others find it', async () => {
		const other = await start();
		await other.log.follow('a');
		const one = await as('mute', 'resetchannels', '&else');

		const result = await one.publish('a', 'created', 1);

		expect(result).toMatchObject({ status: 'ok', level: 'store', position: { seq: 1 } });
		expect(String(one.errors)).toMatch(/not broadcast.*channel/);
		await until(() => other.delivered.length === 1);
		expect(other.delivered).toMatchObject([{ seq: 1, data: 1 }]);
	});
});

describe('a server that cannot serve', () => {
	let own: RedisServer;
	let admin: Redis;
	beforeEach(async () => {
		own = await startRedis('--appendonly', 'yes', '--key-load-delay', '2000');
		admin = new Redis(own.url);
	});
	afterEach(async () => {
		admin.disconnect();
		await stopLogInstances();
		await own.stop();
	});

	/** Two instances that follow a topic, of which one has published a frame. */
	async function two() {
		const [one, other] = [await start(own.url), await start(own.url)];
		const tail = await other.log.follow('a');
		await one.publish('a', 'created', 1);
		await until(() => other.delivered.length === 1);
		return { one, other, tail, before: tail.head() };
	}

	test('is full: it is said, and everybody loads again once there is room', async () => {
		const { one, tail, before } = await two();
		await admin.config('SET', 'maxmemory', '1');

		expect(await one.publish('a', 'created', 2)).toEqual({ status: 'ok', level: 'local' });
		expect(String(one.errors)).toMatch(/OOM/);
		await admin.config('SET', 'maxmemory', '0');

		await until(() => tail.since(before) === 'epoch');
	});

	test('is a replica now: it is said, and everybody loads again once it is none', async () => {
		const { one, tail, before } = await two();
		await admin.replicaof('127.0.0.1', 1);

		await until(async () => (await one.publish('a', 'created', 2)).level === 'local');
		await admin.replicaof('NO', 'ONE');

		await until(() => tail.since(before) === 'epoch');
		await publishAgain(one, 'a', 3);
	});

	test('loads what it has on disk: what it had is there, and what was published meanwhile is no hole', async () => {
		const { one, other, tail, before } = await two();
		const filler = admin.pipeline();
		for (let n = 0; n < 300; n += 1) filler.set(`filler${n}`, n);
		await filler.exec();
		await own.kill();

		const back = own.restart();
		await until(async () => (await one.publish('a', 'created', 'meanwhile')).level === 'local');
		const late = await start(own.url);
		await back;

		await until(() => tail.since(before) === 'epoch');
		await publishAgain(one, 'a', 'after');
		await until(() => tail.last(1)[0]?.value.json === '"after"');
		await publishAgain(one, 'a', 'later');
		await until(() => dataOf(other).includes('later'));
		expect(other.delivered.at(-1)!.seq).toBeGreaterThan(1);
		expect(await late.publish('a', 'created', 'late')).toMatchObject({ level: 'store' });
	});
});

test('an instance whose clock is five minutes off is like the others', async () => {
	const MINUTES = 5 * 60 * 1000;
	const off = (by: number): Clock => ({ ...systemClock, now: () => systemClock.now() + by });
	const own = await startRedis();
	try {
		const options = { url: own.url, prefix, replay: { check: CHECK, retryFor: 100 } };
		const all = await Promise.all(
			[0, MINUTES, -MINUTES].map((by) => startLogInstance({ ...options, clock: off(by) }))
		);
		const tails = await Promise.all(all.map(({ log }) => log.follow('a')));
		await Promise.all(
			all.flatMap((instance, index) =>
				Array.from({ length: 50 }, (_, n) => instance.publish('a', 'created', `${index} ${n}`))
			)
		);
		await until(() => all.every(({ delivered }) => delivered.length === 150));
		for (const { delivered } of all) expect(delivered).toEqual(all[0]!.delivered);
		const before = tails.map((tail) => tail.head());
		// Time for each to be looked for, and found, several times.
		const client = new Redis(own.url);
		const looks = async (): Promise<string> => String(await client.hvals(`${prefix}{__log}:seen`));
		for (const _ of [1, 2, 3, 4]) {
			const last = await looks();
			await until(async () => (await looks()) !== last);
		}
		expect(await client.hlen(`${prefix}{__log}:seen`)).toBe(3);
		client.disconnect();
		for (const [index, tail] of tails.entries()) expect(tail.since(before[index]!)).toEqual([]);

		await own.kill();
		for (const instance of all) {
			await until(async () => (await instance.publish('a', 'created', 'x')).level === 'local');
		}
		await own.restart();

		await until(() => tails.every((tail, index) => tail.since(before[index]!) === 'epoch'));
		for (const instance of all) await publishAgain(instance, 'a', 'after');
	} finally {
		await stopLogInstances();
		await own.stop();
	}
});
