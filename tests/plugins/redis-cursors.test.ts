import { expect, test } from 'vitest';
import { live } from 'svelte-realtime';
import type { Cursor, Cursors } from 'svelte-realtime/plugins/cursors';
import { redis } from 'svelte-realtime/plugins/redis';
import { redisBus } from 'svelte-realtime/plugins/redis-bus';
import { redisCursors } from 'svelte-realtime/plugins/redis-cursors';
import { single } from 'svelte-realtime/presets';
import {
	createTestKernel,
	VirtualClock,
	type TestConnection,
	type TestKernel
} from 'svelte-realtime/testing';
import { apply, createList, type List } from '../../plugins/streams/merge/index.ts';
import { installMembers } from '../../plugins/streams/merge/members.ts';
import { cursorStoreContract } from '../contracts/cursor-store.ts';
import { seeded, seedOf } from '../kernel/random.ts';
import {
	ageScores,
	client,
	prefix,
	server,
	slots,
	slotted,
	useRedis,
	useSlots
} from '../servers/own-redis.ts';
import { CONNECTED, keep, useOutages } from '../servers/outages.ts';
import { until } from '../servers/until.ts';

installMembers();

const HEARTBEAT = 30_000;
const STALE = 90_000;

useRedis();
useSlots();

useOutages();

/** Makes time pass for Redis. */
const age = (ms: number, at = client): Promise<void> =>
	ageScores(`${prefix}*:cursors:saved`, ms, at);

cursorStoreContract('redis', async () => {
	const start = (): Promise<TestKernel> =>
		createTestKernel([redis({ url: slots.url, prefix }), redisCursors({ ttl: STALE })]);
	const [one, other] = [await start(), await start()];
	return {
		stores: [one.find('cursors.store')!, other.find('cursors.store')!],
		stale: STALE,
		advance: (ms) => age(ms, slotted),
		close: async () => {}
	};
});

test('changes of a topic that are made while one is on its way travel together', async () => {
	const kernel = await createTestKernel([redis({ url: server.url, prefix }), redisCursors()]);
	const store = kernel.use('cursors.store');
	const put = (n: number): unknown =>
		store.save('a', { puts: [{ key: 'x', data: n }], removes: [] });
	await put(0);
	await client.config('RESETSTAT');

	await Promise.all(Array.from({ length: 100 }, (_, n) => put(n)));

	const [, calls] = /cmdstat_evalsha:calls=(\d+)/.exec(await client.info('commandstats'))!;
	expect(Number(calls)).toBe(2);
	expect(await store.list('a')).toEqual([{ key: 'x', data: 99 }]);
});

/** Turns the clock by a heartbeat, in steps that leave Redis the time to answer what is asked meanwhile. */
async function beat(clock: VirtualClock): Promise<void> {
	for (let time = 0; time < HEARTBEAT; time += 3000) {
		await clock.advance(3000);
		await client.ping().catch(() => {});
	}
}

/** Instances that share a Redis, and a time of their own which Redis knows nothing of. */
async function instances(size: number) {
	const clock = new VirtualClock();
	const kernels: TestKernel[] = [];
	for (let index = 0; index < size; index += 1) {
		const backend = redis({ url: server.url, prefix, commandTimeout: 500 });
		const plugins = [...single(), backend, redisBus(), redisCursors()];
		const kernel = await createTestKernel(plugins, { clock, label: `kernel ${index}` });
		const cursors = live.cursors((_ctx, name: string) => name);
		kernel.mount({ test: { cursors } });
		kernels.push(kernel as unknown as TestKernel);
		keep(kernel);
	}
	return { kernels, clock, one: kernels[0]!, other: kernels[1]! };
}

/** A client that follows, and applies what it hears as a browser does. */
class Observer {
	readonly test: TestConnection;
	readonly topic: string;
	#list: List | undefined;

	constructor(test: TestConnection, topic: string) {
		this.test = test;
		this.topic = topic;
	}

	static async of(kernel: TestKernel, topic: string = 'a'): Promise<Observer> {
		const observer = new Observer(await kernel.connect(), topic);
		await observer.test.send({ type: 'stream', id: 1, path: 'test/cursors', args: [topic] });
		return observer;
	}

	get id(): string {
		return this.test.connection.id;
	}

	move(data: unknown): Promise<void> {
		return this.test.send({ type: 'cursors:move', id: 1, data });
	}

	/** By key. */
	get seen(): Record<string, unknown> {
		for (const frame of this.test.take()) {
			if (frame.type === 'stream:snapshot') {
				this.#list = createList(undefined, frame as never);
				this.#list.reset(frame['data']);
			} else if (frame.type === 'event') {
				apply(this.#list!, frame['event'] as string, frame['data']);
			}
		}
		return byKey((this.#list?.read() ?? []) as Cursor[]);
	}

	/** Waits until it sees these and no others. */
	async sees(expected: Record<string, unknown>): Promise<void> {
		const text = JSON.stringify(Object.entries(expected).sort());
		await until(() => JSON.stringify(Object.entries(this.seen)) === text);
	}
}

function byKey(cursors: readonly Cursor[]): Record<string, unknown> {
	return Object.fromEntries(cursors.map(({ key, data }) => [key, data]).sort());
}

const cursorsOf = (kernel: TestKernel): Cursors => kernel.find('cursors')!;
const listed = async (kernel: TestKernel, topic = 'a'): Promise<Record<string, unknown>> =>
	byKey(await cursorsOf(kernel).list(topic));

/** Waits until so many instances hear a topic's cursors. */
async function heard(topic: string, count: number): Promise<void> {
	await until(async () => {
		const pattern = `${prefix}*cursors:${topic}*`;
		const [channel] = (await client.pubsub('CHANNELS', pattern)) as string[];
		if (channel === undefined) return false;
		return ((await client.pubsub('NUMSUB', channel)) as [string, number])[1] === count;
	});
}

test('who follows on another instance has those that are there, and hears who moves and goes', async () => {
	const { clock, one, other } = await instances(2);
	const ada = await Observer.of(one);
	await ada.move(1);
	await until(async () => ada.id in (await listed(other)));

	const eve = await Observer.of(other);
	await eve.sees({ [ada.id]: 1 });
	await heard('a', 2);
	await clock.advance(16);
	await ada.move(2);
	await eve.sees({ [ada.id]: 2 });
	await clock.advance(16);
	await ada.test.leave();
	await eve.sees({});

	await until(async () => Object.keys(await listed(other)).length === 0);
});

test('a cursor that the server takes away, or an instance that shuts down, is gone everywhere', async () => {
	const { clock, one, other } = await instances(2);
	const [ada, bob, eve] = [
		await Observer.of(one),
		await Observer.of(one),
		await Observer.of(other)
	];
	await heard('a', 2);
	await ada.move(1);
	await clock.advance(16);
	await bob.move(2);
	await eve.sees({ [ada.id]: 1, [bob.id]: 2 });
	await clock.advance(16);

	cursorsOf(other).remove('a', ada.id);
	await eve.sees({ [bob.id]: 2 });
	await bob.sees({ [bob.id]: 2 });
	await one.shutdown();

	await eve.sees({});
	expect(await listed(other)).toEqual({});
});

test('the cursors of an instance that is gone go, and those of one that is there stay', async () => {
	const { clock, kernels } = await instances(2);
	const [here] = kernels as [TestKernel];
	const [bob, eve] = [await Observer.of(kernels[1]!), await Observer.of(here)];
	await heard('a', 2);
	await bob.move(2);
	await eve.sees({ [bob.id]: 2 });
	// What an instance has left behind that was killed.
	const ghost = { key: 'ghost', data: 1 };
	await here.find('cursors.store')!.save('a', { puts: [ghost], removes: [] });
	await beat(clock);
	await eve.sees({ [bob.id]: 2, ghost: 1 });

	await age(STALE - 1000);
	await beat(clock);
	// Those that are there have been saved again, so that they are younger.
	await until(async () => {
		const saved = await client.zscore(`${prefix}{a}:cursors:saved`, bob.id);
		return Date.now() - Number(saved) < STALE / 2;
	});
	await age(2000);
	await beat(clock);

	await eve.sees({ [bob.id]: 2 });
	expect(await listed(here)).toEqual({ [bob.id]: 2 });
});

test('while Redis is away those of one instance see each other, and afterwards all do', async () => {
	const { clock, one, other } = await instances(2);
	const [ada, bob, eve] = [
		await Observer.of(one),
		await Observer.of(one),
		await Observer.of(other)
	];
	await heard('a', 2);
	await server.kill();

	await ada.move(1);
	await bob.sees({ [ada.id]: 1 });
	expect(await listed(one)).toEqual({ [ada.id]: 1 });
	expect(await listed(other)).toEqual({});
	await server.restart();
	await until(async () => {
		// The clock of the instances stands still: it is what makes them connect and save again.
		await beat(clock);
		return ada.id in eve.seen;
	});

	for (const { errors } of [one, other]) {
		const others = errors.filter(({ plugin }) => !CONNECTED.includes(plugin));
		expect(others).toEqual([]);
	}
});

test('a key of another type in the way is told, and cursors are seen by frames', async () => {
	const { one, other } = await instances(2);
	const [ada, eve] = [await Observer.of(one), await Observer.of(other)];
	await heard('a', 2);
	await client.set(`${prefix}{a}:cursors`, 'in the way');

	await ada.move(1);
	await eve.sees({ [ada.id]: 1 });
	await until(() => one.errors.length > 0);

	expect(await listed(one)).toEqual({ [ada.id]: 1 });
	await client.del(`${prefix}{a}:cursors`);
	for (const { errors } of [one, other]) {
		for (const { error } of errors.splice(0)) expect(String(error)).toContain('WRONGTYPE');
	}
});

const seed = seedOf(1);

test(`every observer’s cursors are one when nothing moves any more (seed ${seed})`, async () => {
	const random = seeded(seed);
	const { kernels, clock } = await instances(3);
	let there: Observer[] = [];
	for (const kernel of kernels) await Observer.of(kernel, 'c');
	for (let step = 0; step < 300; step += 1) {
		const who = there.length === 0 ? undefined : random.pick(there);
		const what = random.below(20);
		if (who === undefined || (what < 2 && there.length < 12)) {
			there.push(await Observer.of(random.pick(kernels), random.pick(['a', 'b'])));
		} else if (what === 2) {
			there = there.filter((one) => one !== who);
			await who.test.leave();
		} else if (what === 3) await who.move(null);
		else await who.move({ x: random.below(100) });
		if (random.chance(0.4)) await clock.advance(random.below(20));
		if (step % 100 === 50) await client.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
	}

	for (const topic of ['a', 'b']) {
		const observers = there.filter((observer) => observer.topic === topic);
		await until(async () => {
			await beat(clock);
			const lists = await Promise.all(kernels.map((kernel) => listed(kernel, topic)));
			const all = [...lists, ...observers.map(({ seen }) => seen)].map((one) =>
				JSON.stringify(one)
			);
			return new Set(all).size === 1;
		});
		const ids = new Set(observers.map(({ id }) => id));
		const truth = await listed(kernels[0]!, topic);
		expect(Object.keys(truth).filter((key) => !ids.has(key))).toEqual([]);
	}
	// Every connection that was broken is there again, and has said what it had to say.
	await heard('c', 3);
	for (const { errors } of kernels) {
		expect(errors.filter(({ plugin }) => !CONNECTED.includes(plugin))).toEqual([]);
	}
});
