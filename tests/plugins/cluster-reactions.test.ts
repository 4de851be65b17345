import { fileURLToPath } from 'node:url';
import { Redis } from 'ioredis';
import { afterEach, expect, test } from 'vitest';
import { live } from 'svelte-realtime';
import { reactions } from 'svelte-realtime/plugins/reactions';
import { redis } from 'svelte-realtime/plugins/redis';
import { redisBus } from 'svelte-realtime/plugins/redis-bus';
import { redisLock } from 'svelte-realtime/plugins/redis-lock';
import { redisReplay } from 'svelte-realtime/plugins/redis-replay';
import { replay } from 'svelte-realtime/plugins/replay';
import { rpc } from 'svelte-realtime/plugins/rpc';
import { streams } from 'svelte-realtime/plugins/streams';
import type { FollowedStream } from 'svelte-realtime/testing';
import { killChildren, startChild } from '../servers/child.ts';
import { createGateway } from '../servers/gateway.ts';
import { startInstance, stopInstances } from '../servers/instance.ts';
import { prefix, server, useRedis } from '../servers/own-redis.ts';
import { until } from '../servers/until.ts';

useRedis();
afterEach(async () => {
	await stopInstances();
	await killChildren();
});

/** An instance with live exports of its own under `app/`, as its own process would have them. */
async function start(
	exports: (instance: number) => Record<string, unknown>,
	options: Options = {}
) {
	const { url = server.url, ttl = 10_000 } = options;
	const plugins = [
		redis({ url, prefix, commandTimeout: 300 }),
		redisReplay({ retryFor: 100 }),
		redisBus(),
		redisLock(),
		rpc(),
		replay(),
		streams(),
		reactions({ ttl })
	];
	const instance = await startInstance(plugins, { topics: { typing: 'ephemeral' } });
	const number = (started += 1);
	instance.mount({ app: exports(number) });
	return { ...instance, number };
}

interface Options {
	readonly url?: string;
	readonly ttl?: number;
}

let started = 0;

type Instance = Awaited<ReturnType<typeof start>>;

const ada = { user: { id: 'ada' } };
const follow = async (
	instance: Instance,
	path: string,
	data: object = ada
): Promise<FollowedStream> => (await instance.connect(data)).follow(`app/${path}`);
const three = (exports: (instance: number) => Record<string, unknown>, options?: Options) =>
	Promise.all([1, 2, 3].map(() => start(exports, options)));
const dataOf = ({ events }: FollowedStream): unknown[] => events.map(({ data }) => data);
const seqs = ({ events }: FollowedStream): number[] => events.map(({ seq }) => seq);

// --- effects ---

test('an effect is done once for each event, on the instance where it was published', async () => {
	const done: [instance: number, data: unknown][] = [];
	const all = await three((instance) => ({
		mail: live.effect('orders', (_event, data) => void done.push([instance, data])),
		orders: live.stream('orders', () => 0, { merge: 'set' })
	}));
	// One is told of it, one has a follower, one has neither.
	const heard = await follow(all[1]!, 'orders');

	for (let n = 0; n < 30; n += 1) await all[n % 3]!.kernel.publish('orders', 'created', n);
	await until(() => heard.events.length === 30 && done.length >= 30);

	expect(done).toEqual(Array.from({ length: 30 }, (_, n) => [all[n % 3]!.number, n]));
});

test('an effect of an ephemeral topic is done once, too', async () => {
	const done: number[] = [];
	const all = await three((instance) => ({
		note: live.effect('typing', () => void done.push(instance)),
		typing: live.stream('typing', () => 0, { merge: 'set' })
	}));
	const heard = await follow(all[1]!, 'typing');

	await until(async () => {
		await all[0]!.kernel.publish('typing', 'set', 1);
		return heard.events.length > 0;
	});

	expect(new Set(done)).toEqual(new Set([all[0]!.number]));
});

// --- derived ---

test('a derived value is worked out by one instance, from what is published on any, and is one for all', async () => {
	let orders = 0;
	const by = new Set<number>();
	const all = await three((instance) => ({
		total: live.derived(['orders'], () => {
			by.add(instance);
			return orders;
		})
	}));
	const followed = await Promise.all(all.map((each) => follow(each, 'total')));
	expect(followed.map(({ data }) => data)).toEqual([0, 0, 0]);

	for (let n = 1; n <= 10; n += 1) {
		orders = n;
		await all[n % 3]!.kernel.publish('orders', 'created', n);
		await until(() => followed.every((each) => dataOf(each).at(-1) === n));
	}

	expect(by.size).toBe(1);
	for (const each of followed) {
		expect(dataOf(each)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
		expect(seqs(each)).toEqual(seqs(followed[0]!));
	}
});

test('who comes back to another instance goes on from where the value stands', async () => {
	let orders = 0;
	const all = await three(() => ({ total: live.derived(['orders'], () => orders) }));
	const [first, witness] = [await all[0]!.connect(ada), await follow(all[1]!, 'total')];
	await first.follow('app/total');
	const { seq, epoch } = (await head(all[1]!, 'app/total'))!;
	await first.leave();
	orders = 7;
	await all[2]!.kernel.publish('orders', 'created');
	await until(() => dataOf(witness).includes(7));

	const back = await all[2]!.connect(ada);
	await back.send({ type: 'stream', id: 9, path: 'app/total', args: [], since: { seq, epoch } });
	await until(() => back.received.some(({ id }) => id === 9));

	expect(back.received.find(({ id }) => id === 9)).toMatchObject({
		type: 'stream:recovered',
		events: [{ event: 'set', data: 7 }]
	});
});

async function head({ kernel }: Instance, topic: string) {
	const tail = await kernel.find('replay.log')!.follow(topic);
	const at = tail.head();
	tail.close();
	return at;
}

test('whoever comes after everybody had left gets the value as it is by then, on any instance', async () => {
	let orders = 0;
	const all = await three(() => ({ total: live.derived(['orders'], () => orders) }));
	const [one] = all;
	const ada1 = await one!.connect(ada);
	expect((await ada1.follow('app/total')).data).toBe(0);
	await ada1.leave();
	orders = 5;

	const [second, third] = await Promise.all([follow(all[1]!, 'total'), follow(all[2]!, 'total')]);

	expect([second.data, third.data]).toEqual([5, 5]);
});

test('when the instance that works a value out ends, another one does at once, and nobody loads it again', async () => {
	let orders = 0;
	const by: number[] = [];
	const all = await three(
		(instance) => ({
			total: live.derived(['orders'], () => {
				by.push(instance);
				return orders;
			})
		}),
		{ ttl: 60_000 }
	);
	const first = all[0]!;
	await follow(first, 'total');
	const others = [await follow(all[1]!, 'total'), await follow(all[2]!, 'total')];
	const owner = by[0];

	await first.kernel.shutdown();
	orders = 3;
	await all[2]!.kernel.publish('orders', 'created');
	await until(() => others.every((each) => dataOf(each).at(-1) === 3));

	expect(new Set(by).size).toBe(2);
	expect(by.at(-1)).not.toBe(owner);
	for (const each of others) {
		expect(each.error).toBe(undefined);
		expect(seqs(each)).toEqual(seqs(others[0]!));
	}
});

test('values are derived from derived ones, and from ephemeral topics, on whatever instance that happens', async () => {
	let orders = 1;
	const all = await three(() => ({
		total: live.derived(['orders', 'typing'], () => orders),
		double: live.derived(['app/total'], async () => orders * 2),
		typing: live.stream('typing', () => 0, { merge: 'set' })
	}));
	const [one, other] = [await follow(all[0]!, 'double'), await follow(all[1]!, 'double')];
	expect(one.data).toBe(2);

	orders = 2;
	await all[2]!.kernel.publish('orders', 'created');
	await until(() => [one, other].every((each) => dataOf(each).at(-1) === 4));
	orders = 3;
	await all[2]!.kernel.publish('typing', 'set');
	await until(() => [one, other].every((each) => dataOf(each).at(-1) === 6));

	expect(seqs(one)).toEqual(seqs(other));
});

test('a value of each user is that of one user on all instances, and that of a visitor stays where it is', async () => {
	const all = await three(() => ({
		mine: live.derived(['orders'], ({ user }) => (user as { id?: string } | null)?.id ?? 'nobody', {
			perUser: true
		})
	}));

	const found = await Promise.all([
		follow(all[0]!, 'mine'),
		follow(all[1]!, 'mine'),
		follow(all[1]!, 'mine', { user: { id: 'grace' } }),
		follow(all[0]!, 'mine', {}),
		follow(all[2]!, 'mine', {})
	]);

	expect(found.map(({ data }) => data)).toEqual(['ada', 'ada', 'grace', 'nobody', 'nobody']);
	// Another instance has visitors under the same names.
	const client = new Redis(server.url);
	const keys = (await client.keys(`${prefix}*app/mine:*`)).map((key) => key.slice(prefix.length));
	client.disconnect();
	expect(keys.some((key) => key.includes('app/mine:u"ada"'))).toBe(true);
	expect(keys.filter((key) => key.includes('app/mine:c'))).toEqual([]);
});

test('a value that cannot be worked out is refused to who comes first, on the instance that tried', async () => {
	let isBroken = true;
	const all = await three(() => ({
		total: live.derived(['orders'], () => {
			if (isBroken) throw new Error('no');
			return 1;
		})
	}));

	await expect(follow(all[0]!, 'total')).rejects.toThrow();
	isBroken = false;
	expect((await follow(all[1]!, 'total')).data).toBe(1);

	for (const { errors } of all) errors.length = 0;
});

test('while Redis is away each instance goes on for itself, and together afterwards', async () => {
	const gateway = await createGateway(server.port);
	let orders = 0;
	const options = { url: `redis://127.0.0.1:${gateway.port}`, ttl: 600 };
	const all = await three(() => ({ total: live.derived(['orders'], () => orders) }), options);
	const followed = await Promise.all(all.map((each) => follow(each, 'total')));
	gateway.cut();
	await until(() => all.every(({ kernel }) => !kernel.find('redis')!.commands.isUp));
	orders = 1;
	let tries = 0;
	await until(async () => {
		await all[0]!.kernel.publish('orders', 'created', (tries += 1));
		return dataOf(followed[0]!).includes(1);
	});

	gateway.open();
	orders = 2;
	await until(async () => {
		await all[1]!.kernel.publish('orders', 'created', (tries += 1));
		return (await fresh(all[2]!)) === 2;
	});

	for (const { errors } of all) errors.length = 0;
	await gateway.close();
});

test('a value whose sources have begun anew, and tell nobody what was missed, is worked out anew', async () => {
	let orders = 0;
	const one = await start(() => ({ total: live.derived(['orders'], () => orders) }));
	const followed = await follow(one, 'total');
	await one.kernel.publish('orders', 'created');
	orders = 1;
	const client = new Redis(server.url);

	// A publish that no subscriber hears of, and that the log has lost.
	const base = `${prefix}{orders}`;
	await client
		.multi()
		.client('KILL', 'TYPE', 'PUBSUB')
		.hset(`${base}:meta`, 's', 2)
		.del(`${base}:log`)
		.exec();
	client.disconnect();

	await until(() => dataOf(followed).includes(1));
});

/** What who comes now gets. */
async function fresh(instance: Instance): Promise<unknown> {
	const connection = await instance.connect(ada);
	const value = await connection.follow('app/total').then(
		({ data }) => data,
		() => undefined
	);
	await connection.leave();
	return value;
}

// --- aggregates ---

const counting = () => ({
	orders: live.aggregate('orders', {
		count: { init: 0, reduce: (count: number) => count + 1 }
	})
});

test('an aggregate adds each event once for all instances, wherever it was published', async () => {
	const all = await three(counting);
	const followed = await Promise.all(all.map((each) => follow(each, 'orders')));

	for (let n = 0; n < 30; n += 1) await all[n % 3]!.kernel.publish('orders', 'created', n);
	await until(() =>
		followed.every((each) => (dataOf(each).at(-1) as { count: number })?.count === 30)
	);

	for (const each of followed) expect(dataOf(each)).toEqual(dataOf(followed[0]!));
});

test('where the instance that adds is killed, another one goes on from its snapshot within the lease', async () => {
	const VALUES = fileURLToPath(new URL('../fixtures/cluster/values.ts', import.meta.url));
	const child = await startChild<{ owns: true }>(VALUES, { url: server.url, prefix, ttl: 900 });
	await until(() => child.said.length > 0);
	let orders = 0;
	const one = await start(
		() => ({
			orders: live.aggregate(
				'orders',
				{ count: { init: 0, reduce: (count: number) => count + 1 } },
				{ snapshot: () => ({ count: orders }) }
			)
		}),
		{ ttl: 900 }
	);
	const { data, events } = await follow(one, 'orders');
	expect(data).toMatchObject({ count: 0 });
	const order = async (): Promise<void> => {
		orders += 1;
		await one.kernel.publish('orders', 'created');
	};
	await order();
	await until(() => (events.at(-1)?.data as { count: number })?.count === 1);

	await child.kill();
	await order();
	await until(() => (events.at(-1)?.data as { count: number })?.count === 2);

	// Without a hole, and without loading it again.
	expect(events.map(({ seq }) => seq)).toEqual(events.map((_, n) => events[0]!.seq + n));
});

test('an aggregate without a snapshot goes on from what was told last', async () => {
	const [one, other] = [await start(counting), await start(counting)];
	const there = await follow(other, 'orders');
	await one.kernel.publish('orders', 'created');
	await other.kernel.publish('orders', 'created');
	await until(() => (dataOf(there).at(-1) as { count: number })?.count === 2);

	await one.kernel.shutdown();
	await until(() => there.events.length >= 3);
	await other.kernel.publish('orders', 'created');

	await until(() => (dataOf(there).at(-1) as { count: number })?.count === 3);
});
