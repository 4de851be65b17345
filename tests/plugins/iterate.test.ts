import { expect, test } from 'vitest';
import { live, LiveError, type PublishedContext } from 'svelte-realtime';
import { presence } from 'svelte-realtime/plugins/presence';
import { replay } from 'svelte-realtime/plugins/replay';
import { rpc } from 'svelte-realtime/plugins/rpc';
import { streams } from 'svelte-realtime/plugins/streams';
import { settle } from 'svelte-realtime/testing';
import { startKernel } from '../kernel/tracked.ts';

interface Row {
	readonly id: number;
}

async function start() {
	const rows: Row[] = [{ id: 1 }];
	let loads = 0;
	let isBarred = false;
	/** Runs in the middle of the next load. */
	let during: (() => Promise<void>) | undefined;
	const list = live.stream('rows', async () => {
		loads += 1;
		const loaded = [...rows];
		const task = during;
		during = undefined;
		await task?.();
		return loaded;
	});
	const price = live.stream('price', () => 1, { merge: 'set' });
	const log = live.stream('log', null, { merge: 'latest', max: 2 });
	const here = live.presence('lobby');
	const barred = live.gate(
		() => !isBarred,
		live.stream('barred', () => ['secret'])
	);
	const kernel = await startKernel([rpc(), replay(), streams(), presence()], {
		topics: { price: 'ephemeral' }
	});
	kernel.mount({ app: { list, price, log, here, barred } });
	const request = { url: '/', headers: {}, ip: '127.0.0.1', origin: undefined };
	const iterate = (name: string, signal?: AbortSignal) =>
		kernel.use('streams').iterate(`app/${name}`, [], request, signal && { signal });
	const add = (id: number) => {
		rows.push({ id });
		return kernel.publish('rows', 'created', { id });
	};
	return {
		kernel,
		iterate,
		add,
		loads: () => loads,
		bar: () => void (isBarred = true),
		duringLoad: (task: () => Promise<void>) => void (during = task),
		/** Handlers that hear what is published. */
		hearing: () =>
			(/published: (.*)/.exec(kernel.describe())?.[1] ?? '').match(/streams/g)?.length ?? 0
	};
}

test('the first value is loaded, and every event makes the next one', async () => {
	const { iterate, add, loads } = await start();
	const values = iterate('list');

	expect(await values.next()).toEqual({ done: false, value: [{ id: 1 }] });
	void add(2);
	expect((await values.next()).value).toEqual([{ id: 1 }, { id: 2 }]);
	const next = values.next();
	void add(3);
	expect((await next).value).toEqual([{ id: 1 }, { id: 2 }, { id: 3 }]);

	expect(loads()).toBe(1);
	await values.return!();
});

test('who takes long gets the newest value, not all of them', async () => {
	const { iterate, add } = await start();
	const values = iterate('list');
	const first = (await values.next()).value;

	for (let id = 2; id <= 1000; id += 1) void add(id);

	expect((await values.next()).value).toHaveLength(1000);
	expect(first).toEqual([{ id: 1 }]);
	await values.return!();
});

test('what happens while it is loaded is neither lost nor there twice', async () => {
	const { iterate, add, duringLoad, loads } = await start();
	duringLoad(async () => {
		await add(2);
		await settle();
	});
	const values = iterate('list');

	expect((await values.next()).value).toEqual([{ id: 1 }, { id: 2 }]);
	void add(3);

	expect((await values.next()).value).toEqual([{ id: 1 }, { id: 2 }, { id: 3 }]);
	expect(loads()).toBe(1);
	await values.return!();
});

test('a thousand readers of one topic are one listener, which goes with the last of them', async () => {
	const { iterate, add, hearing } = await start();
	expect(hearing()).toBe(0);
	const readers = Array.from({ length: 1000 }, () => iterate('list'));
	await Promise.all(readers.map((values) => values.next()));
	expect(hearing()).toBe(1);

	const next = readers.map((values) => values.next());
	void add(2);
	for (const { value } of await Promise.all(next)) expect(value).toHaveLength(2);
	await Promise.all(readers.slice(1).map((values) => values.return!()));
	expect(hearing()).toBe(1);
	await readers[0]!.return!();

	expect(hearing()).toBe(0);
});

test('who waits is let go at once by its signal, or by ending it, also inside a generator', async () => {
	const { iterate, hearing } = await start();
	const [one, other] = [new AbortController(), new AbortController()];
	const values = iterate('list', one.signal);
	await values.next();
	const waiting = values.next();
	async function* wrapped() {
		yield* iterate('list', other.signal);
	}
	const generator = wrapped();
	await generator.next();
	const inside = generator.next();
	await settle();

	one.abort();
	other.abort();

	expect(await waiting).toEqual({ done: true, value: undefined });
	expect(await inside).toEqual({ done: true, value: undefined });
	expect(await values.next()).toEqual({ done: true, value: undefined });
	expect(hearing()).toBe(0);
});

test('one that was ended before it began, or while it is loaded, leaves nothing behind', async () => {
	const { iterate, hearing, duringLoad, loads } = await start();
	const early = new AbortController();
	early.abort();
	expect(await iterate('list', early.signal).next()).toEqual({ done: true, value: undefined });
	expect(loads()).toBe(0);

	const values = iterate('list');
	duringLoad(() => void values.return!() as never);
	expect(await values.next()).toEqual({ done: true, value: undefined });
	await settle();

	expect(hearing()).toBe(0);
});

test('a visitor who may not have the stream is refused, and so is one who may not any more', async () => {
	const { kernel, iterate, bar, hearing } = await start();
	const values = iterate('barred');
	expect((await values.next()).value).toEqual(['secret']);

	bar();
	await expect(iterate('barred').next()).rejects.toMatchObject({ code: 'FORBIDDEN' });
	await expect(iterate('nothing').next()).rejects.toBeInstanceOf(LiveError);
	await values.return!();

	expect(hearing()).toBe(0);
	expect(kernel.errors).toEqual([]);
});

test('a value without numbers, one from the log, and one of members are kept up to date', async () => {
	const { kernel, iterate } = await start();
	const [price, log, here] = [iterate('price'), iterate('log'), iterate('here')];
	await kernel.publish('log', 'x', { id: 1 });

	expect((await price.next()).value).toBe(1);
	void kernel.publish('price', 'set', 2);
	expect((await price.next()).value).toBe(2);

	expect((await log.next()).value).toEqual([{ id: 1 }]);
	for (const id of [2, 3]) void kernel.publish('log', 'x', { id });
	expect((await log.next()).value).toEqual([{ id: 2 }, { id: 3 }]);

	expect((await here.next()).value).toEqual([]);
	const ada = await kernel.connect({ user: { id: 'ada' } });
	await ada.follow('app/here');
	await kernel.clock.advance(1000);
	expect((await here.next()).value).toMatchObject([{ key: 'ada' }]);
	for (const values of [price, log, here]) await values.return!();
});

test('an event that is missing makes it load again', async () => {
	const { kernel, iterate, loads } = await start();
	const values = iterate('list');
	await values.next();
	const { epoch } = (
		(await kernel.publish('rows', 'created', { id: 2 })) as {
			position: Pick<PublishedContext, 'epoch'>;
		}
	).position;
	await values.next();
	expect(loads()).toBe(1);

	const value = { json: '{"id":9}', devalue: false };
	await kernel.add({
		name: 'stray',
		setup: (own) =>
			void own.deliver({ topic: 'rows', event: 'created', value, seq: 7, epoch, origin: 'remote' })
	});

	expect((await values.next()).value).toEqual([{ id: 1 }]);
	expect(loads()).toBe(2);
	await values.return!();
});

test('when the server ends, who reads a stream is left to notice it by the connection', async () => {
	const { kernel, iterate } = await start();
	const end = new AbortController();
	const values = iterate('list', end.signal);
	await values.next();
	let result: unknown = 'waits';
	void values.next().then((next) => (result = next));

	await kernel.shutdown();
	await settle();
	expect(result).toBe('waits');
	end.abort();
	await settle();

	expect(result).toEqual({ done: true, value: undefined });
});

// --- the events of a topic ---

test('the events of a topic come one by one, in order, from when they are asked for', async () => {
	const { kernel, hearing } = await start();
	const events = kernel.use('streams').listen('orders');
	void kernel.publish('orders', 'early', 0);
	const first = events.next();

	for (const n of [1, 2, 3]) void kernel.publish('orders', 'placed', n);
	void kernel.publish('other', 'placed', 4);

	expect((await first).value).toEqual({ event: 'placed', data: 1 });
	expect((await events.next()).value).toEqual({ event: 'placed', data: 2 });
	expect((await events.next()).value).toEqual({ event: 'placed', data: 3 });
	await events.return!();
	expect(hearing()).toBe(0);
});

test('who does not take them is told, after those that were kept, that there were more', async () => {
	const { kernel, hearing } = await start();
	const events = kernel.use('streams').listen('orders', { buffer: 2 });
	const first = events.next();

	for (const n of [1, 2, 3, 4, 5]) void kernel.publish('orders', 'placed', n);

	expect((await first).value).toMatchObject({ data: 1 });
	expect((await events.next()).value).toMatchObject({ data: 2 });
	expect((await events.next()).value).toMatchObject({ data: 3 });
	await expect(events.next()).rejects.toMatchObject({ code: 'QUEUE_FULL' });
	expect(await events.next()).toEqual({ done: true, value: undefined });
	expect(hearing()).toBe(0);
});

test('they end when the server does, after those that were kept', async () => {
	const { kernel } = await start();
	const events = kernel.use('streams').listen('orders');
	const first = events.next();
	for (const n of [1, 2]) void kernel.publish('orders', 'placed', n);

	await kernel.shutdown();

	expect((await first).value).toMatchObject({ data: 1 });
	expect((await events.next()).value).toMatchObject({ data: 2 });
	expect(await events.next()).toEqual({ done: true, value: undefined });
});

test('outside a running server there is nothing to iterate', async () => {
	expect(() => live.iterate('orders')).toThrow(/RT_SERVER_NOT_RUNNING/);
	const { kernel } = await start();
	expect(() => kernel.use('streams').listen('orders', { buffer: 0 })).toThrow(/RT_OPTION_INVALID/);
});
