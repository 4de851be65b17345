import { afterEach, expect, test } from 'vitest';
import { live } from 'svelte-realtime';
import {
	memoryCursors,
	type Cursor,
	type Cursors,
	type CursorStore
} from 'svelte-realtime/plugins/cursors';
import { single } from 'svelte-realtime/presets';
import {
	createTestCluster,
	provided,
	settle,
	type TestConnection,
	type TestKernel
} from 'svelte-realtime/testing';
import { apply, createList, type List } from '../../plugins/streams/merge/index.ts';
import { installMembers } from '../../plugins/streams/merge/members.ts';
import { seeded, seedOf, type Random } from '../kernel/random.ts';

installMembers();

const HEARTBEAT = 30_000;
const SEEDS = Array.from({ length: 20 }, (_, index) => seedOf(1) + index);

const ends: (() => Promise<void>)[] = [];
afterEach(async () => {
	for (const end of ends.splice(0)) await end();
});

/** What an instance has of the store that all share. */
type Access = (store: CursorStore, index: number) => CursorStore;

/** Instances that share a store of cursors, and of one alone none. */
async function instances(size: number, access: Access = (store) => store) {
	let now = (): number => 0;
	const store = memoryCursors({ now: () => now() });
	const cluster = await createTestCluster(size, (index) => [
		...single(),
		...(size > 1 ? [provided('cursors.store', access(store, index))] : [])
	]);
	now = () => cluster.clock.now();
	ends.push(() => cluster.end());
	const cursors = live.cursors((_ctx, name: string) => name);
	for (const kernel of cluster.kernels) kernel.use('rpc').mount({ test: { cursors } });
	return cluster;
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

	static async of(kernel: TestKernel<never>, topic: string = 'a'): Promise<Observer> {
		const observer = new Observer(await kernel.connect(), topic);
		await observer.test.send({ type: 'stream', id: 1, path: 'test/cursors', args: [topic] });
		return observer;
	}

	move(data: unknown): Promise<void> {
		return this.test.send({ type: 'cursors:move', id: 1, data });
	}

	/** By key. */
	get seen(): unknown {
		for (const frame of this.test.take()) {
			if (frame.type === 'stream:snapshot') {
				this.#list = createList(undefined, frame as never);
				this.#list.reset(frame['data']);
			} else if (frame.type === 'event') {
				apply(this.#list!, frame['event'] as string, frame['data']);
			}
		}
		return byKey(this.#list!.read() as Cursor[]);
	}
}

function byKey(cursors: readonly Cursor[]): Record<string, unknown> {
	return Object.fromEntries(cursors.map(({ key, data }) => [key, data]).sort());
}

const cursorsOf = (kernel: TestKernel<never>): Cursors => kernel.find('cursors')!;

test('who follows on another instance has those that are there, and hears who moves and goes', async () => {
	const { kernels, clock } = await instances(2);
	const [one, other] = kernels as unknown as TestKernel<never>[];
	const ada = await Observer.of(one!);
	await ada.move(1);

	const eve = await Observer.of(other!);
	expect(eve.seen).toEqual({ [ada.test.connection.id]: 1 });
	await clock.advance(16);
	await ada.move(2);
	expect(eve.seen).toEqual({ [ada.test.connection.id]: 2 });
	await clock.advance(16);
	await ada.test.leave();

	expect(eve.seen).toEqual({});
});

test('a cursor that the server takes away is gone on every instance, whose it was too', async () => {
	const { kernels, clock } = await instances(2);
	const [one, other] = kernels as unknown as TestKernel<never>[];
	const [ada, eve] = [await Observer.of(one!), await Observer.of(other!)];
	await ada.move(1);
	await clock.advance(16);

	cursorsOf(other!).remove('a', ada.test.connection.id);
	await clock.advance(HEARTBEAT);

	expect([ada.seen, eve.seen]).toEqual([{}, {}]);
	expect(await cursorsOf(one!).list('a')).toEqual([]);
});

test('the cursors of an instance that shuts down go at once, everywhere', async () => {
	const { kernels, clock } = await instances(2);
	const [one, other] = kernels as unknown as TestKernel<never>[];
	const [ada, eve] = [await Observer.of(one!), await Observer.of(other!)];
	await ada.move(1);
	cursorsOf(one!).move('b', { key: 'bot', data: 1 });
	const late = await Observer.of(other!, 'b');
	expect([eve.seen, late.seen]).toEqual([{ [ada.test.connection.id]: 1 }, { bot: 1 }]);

	await one!.shutdown();

	expect([eve.seen, late.seen]).toEqual([{}, {}]);
	const lists = [await cursorsOf(other!).list('a'), await cursorsOf(other!).list('b')];
	expect(lists).toEqual([[], []]);
	expect(clock.now()).toBe(0);
});

test('the cursors of an instance that is gone go, and those of one that is there stay', async () => {
	let isGone = false;
	const { kernels, clock, bus } = await instances(3, (store, index) => ({
		save: (topic, change) => (isGone && index === 0 ? undefined : store.save(topic, change)),
		list: (topic) => store.list(topic)
	}));
	const [gone, there, here] = kernels as unknown as TestKernel<never>[];
	const [ada, bob, eve] = [
		await Observer.of(gone!),
		await Observer.of(there!),
		await Observer.of(here!)
	];
	await ada.move(1);
	await bob.move(2);
	await clock.advance(2 * HEARTBEAT);
	const both = { [ada.test.connection.id]: 1, [bob.test.connection.id]: 2 };
	expect(eve.seen).toEqual(both);

	// It ends without a word: nobody hears of it, and it saves nothing any more.
	isGone = true;
	bus.cut(0, 1);
	bus.cut(0, 2);
	await clock.advance(2 * HEARTBEAT);
	expect(eve.seen).toEqual(both);
	await clock.advance(2 * HEARTBEAT);

	expect(eve.seen).toEqual({ [bob.test.connection.id]: 2 });
	expect(byKey(await cursorsOf(here!).list('a'))).toEqual({ [bob.test.connection.id]: 2 });
});

test('frames that are lost between instances are made up for by the next look at the store', async () => {
	const { kernels, clock, bus } = await instances(2);
	const [one, other] = kernels as unknown as TestKernel<never>[];
	const [ada, bob, eve] = [
		await Observer.of(one!),
		await Observer.of(one!),
		await Observer.of(other!)
	];
	await ada.move(1);
	await clock.advance(16);
	expect(eve.seen).toEqual({ [ada.test.connection.id]: 1 });

	bus.cut(0, 1);
	await bob.move(2);
	await clock.advance(16);
	await ada.test.leave();
	bus.heal();
	expect(eve.seen).toEqual({ [ada.test.connection.id]: 1 });
	await clock.advance(HEARTBEAT);

	expect(eve.seen).toEqual({ [bob.test.connection.id]: 2 });
});

test('what another instance says while the store is asked is not overwritten by its answer', async () => {
	const waiting: (() => void)[] = [];
	const slow: Access = (all) => ({
		save: (topic, change) => all.save(topic, change),
		list: async (topic) => {
			const cursors = await all.list(topic);
			await new Promise<void>((resolve) => waiting.push(resolve));
			return cursors;
		}
	});
	const { kernels, clock } = await instances(2, slow);
	const [one, other] = kernels as unknown as TestKernel<never>[];
	const [ada, bob, cy] = [
		await Observer.of(one!),
		await Observer.of(one!),
		await Observer.of(one!)
	];
	await ada.move(1);
	await clock.advance(16);
	await bob.move(1);
	await clock.advance(16);

	const eve = await Observer.of(other!);
	await ada.move(2);
	await cy.move(3);
	await clock.advance(16);
	await bob.test.leave();
	await clock.advance(16);
	for (const resolve of waiting) resolve();
	await settle();

	expect(eve.seen).toEqual({ [ada.test.connection.id]: 2, [cy.test.connection.id]: 3 });
});

test('a store that fails is reported, and those of one instance see each other', async () => {
	let isAway = true;
	const { kernels } = await instances(2, (store) => ({
		save: (topic, change) =>
			isAway ? Promise.reject(new Error('away')) : store.save(topic, change),
		list(topic) {
			if (isAway) throw new Error('away');
			return store.list(topic);
		}
	}));
	const [one] = kernels as unknown as TestKernel<never>[];
	const [ada, eve] = [await Observer.of(one!), await Observer.of(one!)];

	await ada.move(1);
	isAway = false;

	expect(eve.seen).toEqual({ [ada.test.connection.id]: 1 });
	expect(one!.errors.splice(0).map(({ error }) => String(error))).toEqual([
		'Error: away',
		'Error: away'
	]);
});

/** One step of whoever is there. */
async function step(
	random: Random,
	kernels: readonly TestKernel<never>[],
	there: Observer[]
): Promise<void> {
	const who = there.length === 0 ? undefined : random.pick(there);
	const what = random.below(20);
	if (who === undefined || what === 0) {
		there.push(await Observer.of(random.pick(kernels), random.pick(['a', 'b'])));
	} else if (what === 1) {
		there.splice(there.indexOf(who), 1);
		await who.test.leave();
	} else if (what === 2) await who.move(null);
	else if (what === 3) await who.move({ large: 'x'.repeat(3000) });
	else if (what === 4) {
		// Moves in the message that asks for the stream again, and leaves the first one.
		await who.test.send(
			{ type: 'stream', id: 2, path: 'test/cursors', args: [who.topic] },
			{ type: 'cursors:move', id: 1, data: random.below(100) },
			{ type: 'stream:end', id: 1 },
			{ type: 'stream:end', id: 2 },
			{ type: 'stream', id: 1, path: 'test/cursors', args: [who.topic] }
		);
	} else await who.move({ x: random.below(100) });
	if (random.chance(0.4)) await kernels[0]!.clock.advance(random.below(20));
}

test.each([1, 3])(
	'on %i instances every observer’s cursors are the server’s when nothing moves any more',
	{ timeout: 60_000 },
	async (size) => {
		for (const seed of SEEDS) {
			const random = seeded(seed);
			const { kernels, clock, end } = await instances(size);
			const list = kernels as unknown as TestKernel<never>[];
			const there: Observer[] = [];
			for (let count = 0; count < 150; count += 1) await step(random, list, there);
			await clock.advance(50);

			for (const topic of ['a', 'b']) {
				const lists = await Promise.all(list.map((kernel) => cursorsOf(kernel).list(topic)));
				const [truth, ...others] = lists.map(byKey);
				for (const other of others) expect(other, `seed ${seed}`).toEqual(truth);
				const observers = there.filter((observer) => observer.topic === topic);
				for (const { seen } of observers) expect(seen, `seed ${seed}`).toEqual(truth);
				const keys = new Set(observers.map(({ test: { connection } }) => connection.id));
				expect(Object.keys(truth!).filter((key) => !keys.has(key))).toEqual([]);
			}
			await end();
			ends.pop();
		}
	}
);
