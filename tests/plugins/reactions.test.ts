import { expect, test } from 'vitest';
import { live, type MaybePromise } from 'svelte-realtime';
import { single } from 'svelte-realtime/presets';
import { createTestCluster, settle } from 'svelte-realtime/testing';
import { startKernel, takeErrors } from '../kernel/tracked.ts';

const RENDER = { url: '/', headers: {}, ip: '127.0.0.1', origin: undefined };

/** A kernel with these live exports under `app/`, and a connection of Ada's. */
async function mounted(exports: Record<string, unknown>, options: object = {}) {
	const kernel = await startKernel(single(options));
	kernel.mount({ app: exports });
	return { kernel, ada: await kernel.connect({ user: { id: 'ada' } }) };
}

const dataOf = (events: readonly { data: unknown }[]): unknown[] => events.map(({ data }) => data);

/** Something whose end the test decides. */
function pending<T>() {
	const waiting: { resolve(value: T): void; reject(error: unknown): void }[] = [];
	const wait = (): Promise<T> =>
		new Promise<T>((resolve, reject) => void waiting.push({ resolve, reject }));
	return { waiting, wait };
}

// --- derived ---

test('a derived value is there for who comes, and told anew when a source changes', async () => {
	let orders = 1;
	const total = live.derived(['orders', 'returns'], () => orders * 10);
	const { kernel, ada } = await mounted({ total });

	const { data, events, topic } = await ada.follow('app/total');
	orders = 2;
	void kernel.publish('orders', 'created', {});
	await settle();
	orders = 3;
	void kernel.publish('returns', 'created', {});
	void kernel.publish('elsewhere', 'created', {});
	await settle();

	expect([data, topic]).toEqual([10, 'app/total']);
	expect(events).toEqual([
		{ event: 'set', data: 20, seq: 2 },
		{ event: 'set', data: 30, seq: 3 }
	]);
});

test('a value that did not change is not told again', async () => {
	let runs = 0;
	const total = live.derived(['orders'], () => ({ runs: (runs += 1) > 0 }));
	const { kernel, ada } = await mounted({ total });
	const { events } = await ada.follow('app/total');

	void kernel.publish('orders', 'created', {});
	await settle();

	expect([runs, events]).toEqual([2, []]);
});

test('a derived value is never worked out twice at a time, and always once after the last change', async () => {
	const { waiting, wait } = pending<number>();
	const total = live.derived(['orders'], wait);
	const { kernel, ada } = await mounted({ total });
	const following = ada.follow('app/total');
	await settle();
	waiting[0]!.resolve(0);
	const { events } = await following;

	void kernel.publish('orders', 'a');
	await settle();
	for (const event of ['b', 'c', 'd']) void kernel.publish('orders', event);
	await settle();
	expect(waiting).toHaveLength(2);
	waiting[1]!.resolve(1);
	await settle();
	expect(waiting).toHaveLength(3);
	waiting[2]!.resolve(2);
	await settle();

	expect(waiting).toHaveLength(3);
	expect(dataOf(events)).toEqual([1, 2]);
});

test('a change while the first value is worked out is not lost', async () => {
	const { waiting, wait } = pending<number>();
	const total = live.derived(['orders'], wait);
	const { kernel, ada } = await mounted({ total });

	const following = ada.follow('app/total');
	await settle();
	void kernel.publish('orders', 'a');
	await settle();
	waiting[0]!.resolve(1);
	const { data, events } = await following;
	await settle();
	waiting[1]!.resolve(2);
	await settle();

	expect([data, dataOf(events)]).toEqual([1, [2]]);
});

test('after a burst the last value is told, once its sources are silent', async () => {
	let value = 0;
	let runs = 0;
	const total = live.derived(['orders'], () => [(runs += 1), value], { debounce: 100 });
	const { kernel, ada } = await mounted({ total });
	const { events } = await ada.follow('app/total');

	for (let i = 0; i < 1000; i += 1) {
		value += 1;
		void kernel.publish('orders', 'created', i);
		if (i % 100 === 0) await kernel.clock.advance(60);
	}
	await kernel.clock.advance(99);
	expect(events).toEqual([]);
	await kernel.clock.advance(1);

	expect(dataOf(events)).toEqual([[2, 1000]]);
});

test('values of different arguments are different ones, however alike they are written', async () => {
	const at = live.derived(
		(_ctx, ...args: unknown[]) => [`source:${JSON.stringify(args)}`],
		(_ctx, ...args) => JSON.stringify(args)
	);
	const { ada } = await mounted({ at });
	const lists = [
		[1],
		['1'],
		['x~y'],
		['x', 'y'],
		['xy'],
		[{ a: 1 }],
		[{ a: 2 }],
		[[]],
		[null],
		['']
	];

	const found = [];
	for (const args of lists) found.push(await ada.follow('app/at', ...args));

	expect(found.map(({ data }) => data)).toEqual(lists.map((args) => JSON.stringify(args)));
	expect(new Set(found.map(({ topic }) => topic)).size).toBe(lists.length);
});

test('one value of each arguments is worked out for all, and none when nobody follows it', async () => {
	const runs: string[] = [];
	const room = live.derived(
		(_ctx, name: string) => [`room:${name}`],
		(_ctx, name) => runs.push(name)
	);
	const { kernel, ada } = await mounted({ room });
	const grace = await kernel.connect();

	const [one, other] = [await ada.follow('app/room', 'a'), await grace.follow('app/room', 'a')];
	void kernel.publish('room:a', 'x');
	void kernel.publish('room:b', 'x');
	await settle();
	expect(runs).toEqual(['a', 'a']);
	expect([one.events, other.events]).toMatchObject([[{ data: 2 }], [{ data: 2 }]]);
	await one.end();
	await grace.leave();
	void kernel.publish('room:a', 'x');
	await settle();

	expect(runs).toEqual(['a', 'a']);
});

test('whoever returns after everybody had left gets the value as it is by then', async () => {
	let value = 1;
	const total = live.derived(['orders'], () => value);
	const { kernel, ada } = await mounted({ total });
	const ask = (id: number, since?: object): object => ({
		type: 'stream',
		id,
		path: 'app/total',
		since
	});
	await ada.send(ask(1));
	const [{ epoch, seq }] = ada.take() as unknown as [{ epoch: string; seq: number }];
	await ada.send({ type: 'stream:end', id: 1 });

	value = 2;
	void kernel.publish('orders', 'created');
	await ada.send(ask(2, { epoch, seq }));

	expect(ada.take()).toMatchObject([{ type: 'stream:snapshot', data: 2, reset: 'epoch' }]);
});

test('whoever was away for one change is told that change', async () => {
	let value = 1;
	const total = live.derived(['orders'], () => value);
	const { kernel, ada } = await mounted({ total });
	await ada.follow('app/total');
	const ask = { type: 'stream', id: 1, path: 'app/total' };
	await ada.send(ask);
	const [{ epoch, seq }] = ada.take() as unknown as [{ epoch: string; seq: number }];
	await ada.send({ type: 'stream:end', id: 1 });

	value = 2;
	void kernel.publish('orders', 'created');
	await settle();
	ada.take();
	await ada.send({ ...ask, since: { epoch, seq } });

	expect(ada.take()).toMatchObject([{ type: 'stream:recovered', events: [{ data: 2 }] }]);
});

test('a shared value is worked out for nobody, whoever asked first', async () => {
	const who = live.derived(['x'], (ctx) => [ctx.user, 'connection' in ctx]);
	const { ada } = await mounted({ who });

	const { data } = await ada.follow('app/who');

	expect(data).toEqual([null, false]);
});

test('a value of each user is worked out for that user, and shown to no other', async () => {
	const mine = live.derived(['x'], (ctx) => ctx.user, { perUser: true });
	const { kernel, ada } = await mounted({ mine });
	const others = [
		await kernel.connect({ user: { id: 'grace' } }),
		await kernel.connect({ user: { name: 'no id' } }),
		await kernel.connect({ user: { name: 'none either' } })
	];

	const found = [await ada.follow('app/mine')];
	for (const other of others) found.push(await other.follow('app/mine'));

	expect(dataOf(found)).toEqual([
		{ id: 'ada' },
		{ id: 'grace' },
		{ name: 'no id' },
		{ name: 'none either' }
	]);
	expect(new Set(found.map(({ topic }) => topic)).size).toBe(4);
});

test('who may not follow a derived value starts nothing', async () => {
	let runs = 0;
	const guard = (ctx: { user: unknown }): boolean => (ctx.user as { id: string }).id === 'grace';
	const total = live.derived(['x'], () => (runs += 1), { guard });
	const { ada } = await mounted({ total });

	await expect(ada.follow('app/total')).rejects.toMatchObject({ code: 'FORBIDDEN' });

	expect(runs).toBe(0);
});

test('a value that cannot be worked out is refused at first, and later keeps what it was', async () => {
	let fails = true;
	let value = 1;
	const total = live.derived(['x'], () => {
		if (fails) throw new Error('no');
		return value;
	});
	const { kernel, ada } = await mounted({ total });

	await expect(ada.follow('app/total')).rejects.toMatchObject({ code: 'INTERNAL_ERROR' });
	expect(takeErrors(kernel)).toEqual(['rpc Error: no']);
	fails = false;
	const { data, events } = await ada.follow('app/total');
	fails = true;
	void kernel.publish('x', 'y');
	await settle();
	expect(takeErrors(kernel)).toEqual(['reactions RT_REACTION_FAILED']);
	fails = false;
	value = 2;
	void kernel.publish('x', 'y');
	await settle();

	expect([data, dataOf(events)]).toEqual([1, [2]]);
});

test('a value can be derived from a derived value, which is then followed by it alone', async () => {
	let price = 1;
	const total = live.derived(['prices'], () => price * 10);
	const label = live.derived(['app/total'], () => `${price * 10} €`);
	const { kernel, ada } = await mounted({ label, total });

	const { data, events } = await ada.follow('app/label');
	price = 2;
	void kernel.publish('prices', 'set', 2);
	await settle();

	expect([data, dataOf(events)]).toEqual(['10 €', ['20 €']]);
});

test('values that depend on each other in a circle are refused, with the circle', async () => {
	const kernel = await startKernel(single());
	const a = live.derived(['b', 'x'], () => 'a', { topic: 'a' });
	const b = live.aggregate('c', { n: { init: 0 } }, { topic: 'b' });
	const c = live.derived(['a'], () => 'b', { topic: 'c' });
	const itself = live.derived(['app/itself'], () => 1);

	expect(() => kernel.mount({ app: { a, b, c } })).toThrow('a → b → c → a');
	expect(() => kernel.mount({ app: { itself } })).toThrow('app/itself → app/itself');
	kernel.mount({ app: { a, b } });
});

test('a page that is rendered gets the value, and keeps nothing going', async () => {
	let runs = 0;
	const total = live.derived(['x'], () => (runs += 1));
	const { kernel } = await mounted({ total });

	const seed = await kernel.use('streams').load('app/total', [], RENDER);
	void kernel.publish('x', 'y');
	await settle();

	expect(seed).toMatchObject({ value: 1, topic: 'app/total', merge: 'set' });
	expect(runs).toBe(1);
});

test('every instance works its values out from what is published on any', async () => {
	let value = 1;
	const total = live.derived(['orders'], () => value);
	const { kernels, clock } = await createTestCluster(2, () => single());
	const streams = [];
	for (const kernel of kernels) {
		kernel.mount({ app: { total } });
		streams.push(await (await kernel.connect()).follow('app/total'));
	}

	value = 2;
	void kernels[0]!.publish('orders', 'created');
	await clock.advance(0);

	expect(streams.map(({ events }) => dataOf(events))).toEqual([[2], [2]]);
});

test('who follows a value that is saved anew gets what the new code makes of it', async () => {
	const { kernel, ada } = await mounted({ total: live.derived(['x'], () => 'old') });
	const { data, events } = await ada.follow('app/total');

	kernel.mount({ app: { total: live.derived(['y'], () => 'new') } });
	await settle();

	expect([data, dataOf(events)]).toEqual(['old', ['new']]);
});

test('past the limit of values another one is refused, and one that is there is not', async () => {
	const at = live.derived(
		(_ctx, n: number) => [`x${n}`],
		(_ctx, n) => n
	);
	const { ada } = await mounted({ at }, { reactions: { values: 2 } });
	await ada.follow('app/at', 1);
	await ada.follow('app/at', 2);

	await expect(ada.follow('app/at', 3)).rejects.toMatchObject({ code: 'SERVICE_UNAVAILABLE' });

	expect((await ada.follow('app/at', 2)).data).toBe(2);
});

test('two values cannot have one topic', async () => {
	const kernel = await startKernel(single());
	const topic = 'stats';
	const one = live.derived(['x'], () => 1, { topic });
	const other = live.aggregate('x', { n: { init: 0 } }, { topic });

	kernel.mount({ app: { one, again: one } });
	expect(() => kernel.mount({ app: { one, other } })).toThrow('"app/one" has it');
});

test.each([
	['no sources', () => live.derived([], () => 1)],
	['a pattern', () => live.effect('orders:*', () => {})],
	['no function', () => live.derived(['x'], undefined as never)],
	['a reserved topic', () => live.derived(['x'], () => 1, { topic: '__x' })],
	['a time that is none', () => live.effect('x', () => {}, { debounce: -1 })],
	['no fields', () => live.aggregate('x', {})],
	['another merge', () => live.derived(['x'], () => 1, { merge: 'crud' as never })]
])('%s is refused where it is declared', (_what, declare) => {
	expect(declare).toThrow(/RT_(OPTION_INVALID|LIVE_ARGUMENTS)/);
});

test('sources that come out as none are reported, and refused', async () => {
	const at = live.derived(
		(_ctx, _name: string) => [] as string[],
		() => 1
	);
	const { kernel, ada } = await mounted({ at });

	await expect(ada.follow('app/at', 'a')).rejects.toMatchObject({ code: 'INTERNAL_ERROR' });

	expect(takeErrors(kernel)).toEqual(['rpc RT_OPTION_INVALID']);
});

test('what nobody derives from is observed by nobody, however many values there are', async () => {
	const many = live.derived(
		(_ctx, n: number) => [`x${n}`],
		(_ctx, n) => n
	);
	const { kernel, ada } = await mounted({ many });
	const hooks = (): string | undefined =>
		/^ {2}published: .*$/m.exec(kernel.describe())?.[0].replace(/ {2}published: /, '');
	const before = hooks();

	const one = await ada.follow('app/many', 1);
	expect(hooks()).toContain('reactions (x1)');
	await one.end();

	expect(hooks()).toBe(before);
});

// --- effects ---

test('an effect is told each event in order, after the publisher has gone on', async () => {
	const told: unknown[] = [];
	const mail = live.effect('orders', (event, data: { n: number }, ctx) => {
		told.push([event, data.n, ctx.user, ctx.path]);
	});
	const { kernel } = await mounted({ mail });

	void kernel.publish('orders', 'created', { n: 1 });
	void kernel.publish('orders', 'deleted', { n: 2 });
	void kernel.publish('other', 'created', { n: 3 });
	told.push('published');
	await settle();

	expect(told).toEqual([
		'published',
		['created', 1, null, 'app/mail'],
		['deleted', 2, null, 'app/mail']
	]);
});

test('an effect that fails is reported, and is nothing to who published', async () => {
	const fails = live.effect(['x'], (event): MaybePromise<void> => {
		if (event === 'later') return Promise.reject(new Error('later'));
		throw new Error('at once');
	});
	const { kernel } = await mounted({ fails });

	expect(await kernel.publish('x', 'now')).toMatchObject({ status: 'ok' });
	expect(await kernel.publish('x', 'later')).toMatchObject({ status: 'ok' });
	await settle();

	expect(String(kernel.errors[0]!.error)).toContain('live.effect() "app/fails"');
	expect(takeErrors(kernel)).toEqual([
		'reactions RT_REACTION_FAILED',
		'reactions RT_REACTION_FAILED'
	]);
});

test('a debounced effect is told the last event of a burst, also where the server ends first', async () => {
	const told: unknown[] = [];
	const index = live.effect('x', (_event, data) => told.push(data), { debounce: 50 });
	const { kernel } = await mounted({ index });

	for (const n of [1, 2, 3]) void kernel.publish('x', 'y', n);
	await kernel.clock.advance(50);
	expect(told).toEqual([3]);
	void kernel.publish('x', 'y', 4);
	await kernel.end();

	expect(told).toEqual([3, 4]);
});

test('an effect is done once, on the instance where it was published', async () => {
	const told: unknown[] = [];
	const { kernels } = await createTestCluster(2, () => single());
	kernels.forEach((kernel, index) => {
		kernel.mount({ app: { mail: live.effect('x', (_event, data) => told.push([index, data])) } });
	});

	void kernels[1]!.publish('x', 'y', 'hello');
	await settle();

	expect(told).toEqual([[1, 'hello']]);
});

test('an effect of a derived value keeps that going', async () => {
	const told: unknown[] = [];
	let value = 1;
	const total = live.derived(['x'], () => value, { topic: 'total' });
	const alarm = live.effect('total', (_event, data) => told.push(data));
	const { kernel } = await mounted({ alarm, total });
	await settle();

	value = 2;
	void kernel.publish('x', 'y');
	await settle();

	expect(told).toEqual([1, 2]);
});

test('effects follow the modules that are mounted, and are never doubled', async () => {
	const told: string[] = [];
	const effect = (name: string) => live.effect('x', () => told.push(name));
	const [one, changed] = [effect('one'), effect('changed')];
	const { kernel } = await mounted({ one, again: one, two: effect('two') });

	kernel.mount({ app: { one, two: changed } });
	kernel.mount({ app: { one, two: changed } });
	void kernel.publish('x', 'y');
	await settle();
	expect(told.splice(0)).toEqual(['one', 'changed']);
	kernel.mount({});
	void kernel.publish('x', 'y');
	await settle();

	expect(told).toEqual([]);
});

test('no client can run an effect', async () => {
	const told: unknown[] = [];
	const { ada } = await mounted({ mail: live.effect('x', () => told.push(1)) });

	await expect(ada.call('app/mail', 'created', {})).rejects.toMatchObject({
		code: 'INVALID_REQUEST'
	});

	expect(told).toEqual([]);
});

// --- aggregates ---

const sum = { init: 0, reduce: (all: number, _event: string, n: number) => all + n };
const count = { init: 0, reduce: (all: number) => all + 1 };

test('an aggregate adds each event, and what it shows is worked out of its fields', async () => {
	const stats = live.aggregate('orders', {
		sum,
		count,
		mean: { compute: (state: { sum: number; count: number }) => state.sum / state.count },
		text: { compute: (state: { mean: number }) => `mean ${state.mean}` }
	});
	const { kernel, ada } = await mounted({ stats });
	void kernel.publish('orders', 'created', 1);
	await settle();

	const { data, events, topic } = await ada.follow('app/stats');
	void kernel.publish('orders', 'created', 2);
	void kernel.publish('orders', 'created', 6);
	await settle();

	expect(topic).toBe('app/stats');
	expect(data).toEqual({ sum: 1, count: 1, mean: 1, text: 'mean 1' });
	expect(dataOf(events)).toEqual([{ sum: 9, count: 3, mean: 3, text: 'mean 3' }]);
});

test('events that come while the snapshot is loaded are added after it', async () => {
	const { waiting, wait } = pending<{ sum: number }>();
	const stats = live.aggregate('orders', { sum, count }, { snapshot: wait });
	const { kernel, ada } = await mounted({ stats });

	void kernel.publish('orders', 'created', 5);
	const following = ada.follow('app/stats');
	void kernel.publish('orders', 'created', 7);
	await settle();
	waiting[0]!.resolve({ sum: 100 });

	expect((await following).data).toEqual({ sum: 112, count: 2 });
});

test('a snapshot that fails is reported and loaded again, and followers are told to wait', async () => {
	const { waiting, wait } = pending<{ sum: number }>();
	const stats = live.aggregate('orders', { sum }, { snapshot: wait });
	const { kernel, ada } = await mounted({ stats });

	const following = ada.follow('app/stats');
	waiting[0]!.reject(new Error('no database'));
	await expect(following).rejects.toMatchObject({ code: 'SERVICE_UNAVAILABLE' });
	expect(takeErrors(kernel)).toEqual(['reactions RT_REACTION_FAILED']);
	void kernel.publish('orders', 'created', 5);
	await kernel.clock.advance(1000);
	void kernel.publish('orders', 'created', 7);
	waiting[1]!.resolve({ sum: 105 });

	expect((await ada.follow('app/stats')).data).toEqual({ sum: 112 });
});

test('a reducer that throws, however often, is nothing to other fields, values and publishers', async () => {
	const broken = {
		init: 'as it was',
		reduce: (): string => {
			throw new Error('broken');
		}
	};
	const late = { init: 0, reduce: (): number => Promise.reject(new Error('late')) as never };
	const stats = live.aggregate('x', { broken, sum, late });
	const total = live.derived(['x'], () => sums);
	let sums = 0;
	const { kernel, ada } = await mounted({ stats, total });
	const [one, other] = [await ada.follow('app/stats'), await ada.follow('app/total')];

	for (let n = 1; n <= 20; n += 1) {
		sums += n;
		expect(await kernel.publish('x', 'y', n)).toMatchObject({ status: 'ok' });
	}
	await settle();

	expect(one.events.at(-1)!.data).toEqual({ broken: 'as it was', sum: 210, late: 0 });
	expect(other.events.at(-1)!.data).toBe(210);
	expect(new Set(takeErrors(kernel))).toEqual(new Set(['reactions RT_REACTION_FAILED']));
});

test('a field that cannot be worked out is shown as it was', async () => {
	const safe = {
		compute: ({ sum: all }: { sum: number }): number => {
			if (all > 5) throw new Error('too much');
			return all;
		}
	};
	const { kernel, ada } = await mounted({ stats: live.aggregate('x', { sum, safe }) });
	void kernel.publish('x', 'y', 5);
	await settle();
	const { events } = await ada.follow('app/stats');

	void kernel.publish('x', 'y', 1);
	await settle();

	expect(dataOf(events)).toEqual([{ sum: 6, safe: 5 }]);
	expect(takeErrors(kernel)).toEqual(['reactions RT_REACTION_FAILED']);
});

test('a debounced aggregate adds every event and tells the last state', async () => {
	const stats = live.aggregate('x', { sum }, { debounce: 50, topic: 'stats' });
	const { kernel, ada } = await mounted({ stats });
	const { events, topic } = await ada.follow('app/stats');

	for (let n = 0; n < 100; n += 1) void kernel.publish('x', 'y', 1);
	await kernel.clock.advance(50);

	expect([topic, dataOf(events)]).toEqual(['stats', [{ sum: 100 }]]);
});

test('what one kernel has added is not in another, and a list that fields begin with is their own', async () => {
	const list: number[] = [];
	const all = {
		init: list,
		reduce: (items: number[], _event: string, n: number) => {
			items.push(n);
			return items;
		}
	};
	const stats = live.aggregate('x', { all });
	const [one, two] = [await mounted({ stats }), await mounted({ stats })];

	void one.kernel.publish('x', 'y', 1);
	await settle();

	expect((await one.ada.follow('app/stats')).data).toEqual({ all: [1] });
	expect((await two.ada.follow('app/stats')).data).toEqual({ all: [] });
	expect(list).toEqual([]);
});

test('an aggregate goes on over a save of another module, and begins anew over its own', async () => {
	const stats = live.aggregate('x', { sum });
	const { kernel, ada } = await mounted({ stats });
	const { events } = await ada.follow('app/stats');
	void kernel.publish('x', 'y', 5);
	await settle();

	kernel.mount({ app: { stats }, other: { total: live.derived(['x'], () => 1) } });
	void kernel.publish('x', 'y', 1);
	await settle();
	kernel.mount({ app: { stats: live.aggregate('x', { sum }, { snapshot: () => ({ sum: 50 }) }) } });
	await settle();
	void kernel.publish('x', 'y', 1);
	await settle();

	expect(dataOf(events)).toEqual([{ sum: 5 }, { sum: 6 }, { sum: 50 }, { sum: 51 }]);
});

test('on the server an aggregate is read by calling it', async () => {
	const stats = live.aggregate('x', { sum });
	const read = live((ctx) => stats(ctx));
	const { kernel, ada } = await mounted({ stats, read });
	void kernel.publish('x', 'y', 5);
	await settle();

	expect(await ada.call('app/read')).toEqual({ sum: 5 });
});
