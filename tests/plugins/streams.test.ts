import { describe, expect, test } from 'vitest';
import {
	definePlugin,
	deny,
	live,
	LiveError,
	type KernelHooks,
	type Plugin,
	type Position,
	type UpgradeRequest
} from 'svelte-realtime';
import { memoryLog, replay, type ReplayLog } from 'svelte-realtime/plugins/replay';
import { single } from 'svelte-realtime/presets';
import { serverStream, type Seed } from 'svelte-realtime/plugins/streams';
import { provided, settle, type ReceivedFrame } from 'svelte-realtime/testing';
import { seeded, seedOf, type Random } from '../kernel/random.ts';
import { startKernel, takeErrors } from '../kernel/tracked.ts';
import { tailWith } from './tail-with.ts';

type Options = Parameters<typeof startKernel>[1];

/** A kernel with one live module, `test`, and a connection that follows its streams. */
async function following(
	exports: Record<string, unknown>,
	{ plugins = [], ...options }: Options & { plugins?: readonly Plugin[] } = {}
) {
	const names = new Set(plugins.map(({ name }) => name));
	const preset = single().filter(({ name }) => !names.has(name));
	const list: ReturnType<typeof single> = [...preset, ...plugins];
	const kernel = await startKernel(list, options);
	kernel.use('rpc').mount({ test: exports });
	return { kernel, ada: await kernel.connect() };
}

/** Something to wait for that a test brings about. */
function signal<T = void>() {
	let settleWith!: (value: T) => void;
	let fail!: (error: unknown) => void;
	const promise = new Promise<T>((resolve, reject) => {
		settleWith = resolve;
		fail = reject;
	});
	return { promise, resolve: settleWith, reject: fail };
}

const ask = (id: unknown, name: string, more: object = {}): object => ({
	type: 'stream',
	id,
	path: `test/${name}`,
	...more
});
const end = (id: number): object => ({ type: 'stream:end', id });
const failure = (id: number | null, code: string): object =>
	expect.objectContaining({ type: 'reply', id, error: expect.objectContaining({ code }) });

/** What a frame tells of the topic: the data of each event that it carries, in order. */
function eventsOf(frames: readonly ReceivedFrame[]): unknown[] {
	return frames.flatMap((frame) =>
		frame.type === 'event'
			? [frame['data']]
			: ((frame['events'] ?? []) as { data: unknown }[]).map(({ data }) => data)
	);
}

const positionOf = ({ epoch, seq }: ReceivedFrame): Position => ({
	epoch: epoch as string,
	seq: seq as number
});

const gate = (handler: KernelHooks['subscribe']): Plugin =>
	definePlugin({ name: 'gate', setup: ({ hook }) => void hook('subscribe', handler) });

// --- following ---

test('a stream begins with its value at a position, and goes on with each event', async () => {
	const { kernel, ada } = await following({ list: live.stream('list', () => [{ id: 1 }]) });
	void kernel.publish('list', 'created', { id: 1 });

	await ada.send(ask(1, 'list'));
	void kernel.publish('list', 'created', { id: 2 });

	expect(ada.received).toEqual([
		{
			type: 'stream:snapshot',
			id: 1,
			topic: 'list',
			epoch: expect.any(String),
			seq: 1,
			merge: 'crud',
			key: 'id',
			prepend: false,
			max: 0,
			data: [{ id: 1 }]
		},
		expect.objectContaining({
			type: 'event',
			topic: 'list',
			event: 'created',
			data: { id: 2 },
			seq: 2
		})
	]);
});

test('a topic that nobody has published to begins at 0, and its first event continues it', async () => {
	const { kernel, ada } = await following({ list: live.stream('list', () => []) });

	await ada.send(ask(1, 'list'));
	void kernel.publish('list', 'created', 1);

	const [snapshot, first] = ada.received;
	expect(snapshot).toMatchObject({ seq: 0, data: [] });
	expect(first).toMatchObject({ seq: 1, epoch: snapshot!['epoch'] });
});

test('the topic and the value are made from the arguments', async () => {
	const { kernel, ada } = await following({
		room: live.stream(
			(_ctx, room: string, limit: number) => `room:${room}:${limit}`,
			async (ctx, room, limit) => [ctx.path, room, limit],
			{ merge: 'latest', key: 'uuid', prepend: true, max: 7 }
		)
	});

	await ada.send(ask(1, 'room', { args: ['blue', 5] }));

	expect(ada.received).toMatchObject([
		{
			topic: 'room:blue:5',
			data: ['test/room', 'blue', 5],
			merge: 'latest',
			key: 'uuid',
			prepend: true,
			max: 7
		}
	]);
	expect(kernel.transport.subscribers('room:blue:5')).toBe(1);
});

test('a value beyond JSON arrives as it was', async () => {
	const value = new Map([['at', new Date(0)]]);
	const { kernel, ada } = await following({
		map: live.stream('map', () => value, { merge: 'set' }),
		nothing: live.stream('nothing', () => undefined, { merge: 'set' })
	});

	await ada.send(ask(1, 'map'), ask(2, 'nothing'));

	const [first, second] = ada.received;
	expect(first!['devalue']).toBe(true);
	expect(kernel.values.decode(first!['data'], true)).toEqual(value);
	expect('data' in second!).toBe(false);
});

test('a stream that is ended hears nothing more, and may begin again', async () => {
	const { kernel, ada } = await following({ list: live.stream('list', () => []) });
	await ada.send(ask(1, 'list'));
	ada.take();

	await ada.send(end(1));
	void kernel.publish('list', 'created', 1);
	expect(ada.take()).toEqual([]);
	expect(kernel.transport.subscribers('list')).toBe(0);

	await ada.send(ask(1, 'list'));
	expect(ada.take()).toMatchObject([{ type: 'stream:snapshot', id: 1, seq: 1 }]);
});

test('ending what was never begun does nothing', async () => {
	const { ada } = await following({});

	await ada.send(end(1), { type: 'stream:end' }, { type: 'stream:end', id: '__proto__' });

	expect(ada.received).toEqual([]);
	expect(ada.connection.isOpen).toBe(true);
});

test('two streams on one topic of one connection are one native subscription', async () => {
	const { kernel, ada } = await following({
		one: live.stream('list', () => [1]),
		two: live.stream('list', () => [2])
	});

	await ada.send(ask(1, 'one'), ask(2, 'two'));
	ada.take();
	void kernel.publish('list', 'created', 'x');
	expect(ada.take()).toHaveLength(1);

	await ada.send(end(1));
	void kernel.publish('list', 'created', 'y');
	expect(ada.take()).toHaveLength(1);

	await ada.send(end(2));
	void kernel.publish('list', 'created', 'z');
	expect(ada.take()).toEqual([]);
});

// --- the hand-over ---

/** Waits for `ticks` turns of the microtask queue. */
async function microtasks(ticks: number): Promise<void> {
	for (let i = 0; i < ticks; i += 1) await undefined;
}

interface Race {
	/** Microtasks that the loader takes before and after it reads the rows. */
	readonly before: number;
	readonly after: number;
	/** Microtasks between one publish and the next. */
	readonly pauses: readonly number[];
	readonly slowLog: boolean;
	/** Where a returning client left off. */
	readonly since: 'nowhere' | 'beginning' | 'head';
}

function race(random: Random): Race {
	const upTo = (n: number): number => random.below(n + 1);
	return {
		before: upTo(8),
		after: upTo(8),
		pauses: Array.from({ length: 12 }, () => (random() < 0.4 ? 0 : upTo(4))),
		slowLog: random() < 0.3,
		since: (['nowhere', 'nowhere', 'beginning', 'head'] as const)[upTo(3)]!
	};
}

/** A memory log that answers a few microtasks later. */
function slowLog(): Plugin {
	const memory = memoryLog({ size: 1000, topicBytes: 1e6, bytes: 1e6, topics: 1000 });
	const log: ReplayLog = {
		...memory,
		append: async (...args) => {
			const position = await memory.append(...args);
			await microtasks(2);
			return position;
		}
	};
	return provided('replay.log', log);
}

/** Runs one race of a publisher and a loader; fails where an event is lost or doubled. */
async function run({ before, after, pauses, slowLog: isSlow, since }: Race): Promise<void> {
	const rows: number[] = [];
	const { kernel, ada } = await following(
		{
			list: live.stream('list', async () => {
				await microtasks(before);
				const loaded = [...rows];
				await microtasks(after);
				return loaded;
			})
		},
		{ plugins: isSlow ? [slowLog()] : [] }
	);
	const publish = (): void => {
		rows.push(rows.length + 1);
		void kernel.publish('list', 'created', rows.length);
	};
	const beginning = positionOf((await kernel.use('replay').follow('list')).head() as never);

	publish();
	publish();
	await settle();
	const position = since === 'beginning' ? beginning : { ...beginning, seq: 2 };
	const asked = ask(1, 'list', since === 'nowhere' ? {} : { since: position });
	const published = (async () => {
		for (const pause of pauses) {
			publish();
			await microtasks(pause);
		}
	})();
	const sent = ada.send(asked);
	await Promise.all([published, sent]);
	await settle();
	publish();
	await settle();

	const [answer, ...later] = ada.received;
	const first = answer!.type === 'stream:snapshot' ? (answer!['seq'] as number) : position.seq;
	expect(answer!.type).toBe(since === 'nowhere' ? 'stream:snapshot' : 'stream:recovered');
	// A log that answers later delivers what it has handed over already: a client knows it by its seq.
	const seqs = [
		...((answer!['events'] ?? []) as { seq: number }[]).map(({ seq }) => seq),
		...later.map((frame) => frame['seq'] as number)
	];
	const news = isSlow ? seqs.filter((seq, i) => seq > Math.max(first, ...seqs.slice(0, i))) : seqs;
	expect(news).toEqual(rows.filter((n) => n > first));
	// Every row is in the value, or in an event after the position: nothing is in neither.
	const loaded = (answer!['data'] ?? []) as number[];
	const held = since === 'nowhere' ? loaded : rows.slice(0, position.seq);
	expect([...new Set([...held, ...news])].sort((a, b) => a - b)).toEqual(rows);
}

test('no event between load and live is lost or doubled, whatever meets in which order', async () => {
	const seed = seedOf(3);
	const random = seeded(seed);

	for (let i = 0; i < 300; i += 1) {
		const plan = race(random);
		try {
			await run(plan);
		} catch (error) {
			throw new Error(`TEST_SEED=${seed}, race ${i}: ${JSON.stringify(plan)}`, { cause: error });
		}
	}
});

test('a publish in the very microtask after the loader is in the snapshot or comes after it', async () => {
	for (let delay = 0; delay < 12; delay += 1) {
		const loader = signal<unknown[]>();
		const { kernel, ada } = await following({ list: live.stream('list', () => loader.promise) });
		await ada.send(ask(1, 'list'));

		const later = (ticks: number): void => {
			if (ticks === 0) void kernel.publish('list', 'e', 1);
			else queueMicrotask(() => later(ticks - 1));
		};
		void loader.promise.then(() => later(delay));
		loader.resolve([]);
		await settle();

		expect(eventsOf(ada.received), `${delay} microtasks`).toEqual([1]);
	}
});

test('a topic that outruns the log while it is loaded is loaded again', async () => {
	let loads = 0;
	const { kernel, ada } = await following(
		{
			list: live.stream('list', () => {
				loads += 1;
				if (loads < 3) for (let i = 0; i < 6; i += 1) void kernel.publish('list', 'e', i);
				return [loads];
			})
		},
		{ plugins: [replay({ size: 5 })] }
	);

	await ada.send(ask(1, 'list'));

	expect(loads).toBe(3);
	expect(ada.received).toMatchObject([{ type: 'stream:snapshot', data: [3], seq: 12 }]);
});

test('a topic that outruns its loader for ever is SERVICE_UNAVAILABLE', async () => {
	const { kernel, ada } = await following(
		{
			list: live.stream('list', () => {
				for (let i = 0; i < 6; i += 1) void kernel.publish('list', 'e', i);
				return [];
			})
		},
		{ plugins: [replay({ size: 5 })] }
	);

	await ada.send(ask(1, 'list'));

	expect(ada.received).toEqual([failure(1, 'SERVICE_UNAVAILABLE')]);
	expect(kernel.transport.subscribers('list')).toBe(0);
});

// --- coming back ---

describe('a client that comes back', () => {
	/** Follows, leaves at a position, and misses `missed` events. */
	async function returning(missed: number, size = 10) {
		let loads = 0;
		const context = await following(
			{
				list: live.stream('list', () => {
					loads += 1;
					return ['loaded'];
				})
			},
			{ plugins: [replay({ size })] }
		);
		const { kernel, ada } = context;
		void kernel.publish('list', 'e', 'before');
		await ada.send(ask(1, 'list'));
		const position = positionOf(ada.take()[0]!);
		await ada.send(end(1));
		for (let i = 1; i <= missed; i += 1) void kernel.publish('list', 'e', i);
		return { ...context, position, loads: () => loads - 1 };
	}

	test('is sent what it missed, and nothing is loaded', async () => {
		const { kernel, ada, position, loads } = await returning(3);

		await ada.send(ask(2, 'list', { since: position }));
		void kernel.publish('list', 'e', 4);

		const [recovered] = ada.received;
		expect(recovered).toMatchObject({
			type: 'stream:recovered',
			id: 2,
			topic: 'list',
			epoch: position.epoch,
			seq: position.seq,
			merge: 'crud'
		});
		expect(eventsOf(ada.received)).toEqual([1, 2, 3, 4]);
		expect(loads()).toBe(0);
	});

	test('and has missed nothing is told so', async () => {
		const { ada, position, loads } = await returning(0);

		await ada.send(ask(2, 'list', { since: position }));

		expect(ada.received).toMatchObject([{ type: 'stream:recovered', events: [] }]);
		expect(loads()).toBe(0);
	});

	test('after exactly as much as the log keeps is continued, after one more it begins anew', async () => {
		const just = await returning(10);
		await just.ada.send(ask(2, 'list', { since: just.position }));
		expect(just.ada.received).toMatchObject([{ type: 'stream:recovered' }]);
		expect(eventsOf(just.ada.received)).toHaveLength(10);

		const over = await returning(11);
		await over.ada.send(ask(2, 'list', { since: over.position }));
		expect(over.ada.received).toMatchObject([
			{ type: 'stream:snapshot', reset: 'truncated', data: ['loaded'], seq: 12 }
		]);
	});

	test.each([
		['another history', (p: Position) => ({ ...p, epoch: 'another' })],
		['a position beyond the head', (p: Position) => ({ ...p, seq: 99 })],
		['the beginning of another process', () => ({ epoch: '', seq: 0 })]
	])('with %s begins anew', async (_, since) => {
		const { ada, position } = await returning(1);

		await ada.send(ask(2, 'list', { since: since(position) }));

		expect(ada.received).toMatchObject([
			{ type: 'stream:snapshot', reset: 'epoch', data: ['loaded'], seq: 2 }
		]);
	});

	test('from before the first event is sent every event', async () => {
		const { kernel, ada } = await following({ list: live.stream('list', () => []) });
		await ada.send(ask(1, 'list'));
		const beginning = positionOf(ada.take()[0]!);
		await ada.send(end(1));
		for (const n of [1, 2]) void kernel.publish('list', 'e', n);

		await ada.send(ask(2, 'list', { since: beginning }));

		expect(ada.received).toMatchObject([{ type: 'stream:recovered' }]);
		expect(eventsOf(ada.received)).toEqual([1, 2]);
	});

	test('to a topic that was forgotten meanwhile begins anew, also from before its first event', async () => {
		const { kernel, ada } = await following(
			{ list: live.stream('list', () => ['loaded']) },
			{ plugins: [replay({ topics: 2 })] }
		);
		await ada.send(ask(1, 'list'));
		const beginning = positionOf(ada.take()[0]!);
		await ada.send(end(1));
		for (const topic of ['list', 'other', 'another']) void kernel.publish(topic, 'e', 1);

		await ada.send(ask(2, 'list', { since: beginning }));

		expect(ada.received).toMatchObject([
			{ type: 'stream:snapshot', reset: 'epoch', data: ['loaded'] }
		]);
	});

	/** A log whose tails hold two frames, and whose reads a test lets end. */
	function logReadFromAfar() {
		const near = memoryLog({ size: 2, topicBytes: 1e6, bytes: 1e6, topics: 10 });
		const far = memoryLog({ size: 1000, topicBytes: 1e6, bytes: 1e6, topics: 10 });
		const reading = signal();
		/** The epoch in which topics have begun anew, once they have. */
		let renewed: string | undefined;
		const log: ReplayLog = {
			async follow(topic) {
				const tail = await near.follow(topic);
				const { epoch: first } = tail.head();
				return tailWith(tail, {
					head: () => ({ epoch: renewed ?? first, seq: tail.head().seq }),
					since({ epoch, seq }) {
						return epoch === (renewed ?? first) ? tail.since({ epoch: first, seq }) : 'epoch';
					}
				});
			},
			append(...args) {
				const position = near.append(...args);
				void far.append(...args);
				return position;
			},
			async range(topic, { seq }) {
				const tail = await far.follow(topic);
				const { epoch } = tail.head();
				const entries = tail.since({ epoch, seq });
				await reading.promise;
				return entries;
			}
		};
		return { log, near, reading, renew: (epoch: string) => void (renewed = epoch) };
	}

	/** Ten events that its client has seen three of, and comes back to while they are read. */
	async function returningFromAfar() {
		const { log, near, reading, renew } = logReadFromAfar();
		const context = await following(
			{ list: live.stream('list', () => ['loaded']) },
			{ plugins: [provided('replay.log', log)] }
		);
		for (let i = 1; i <= 10; i += 1) void context.kernel.publish('list', 'e', i);
		const { epoch } = (await near.follow('list')).head();
		await context.ada.send(ask(1, 'list', { since: { epoch, seq: 3 } }));
		return { ...context, reading, renew };
	}

	test('has the log read where the tail of its instance does not reach back', async () => {
		const { kernel, ada, reading } = await returningFromAfar();

		void kernel.publish('list', 'e', 11); // while the log is read
		reading.resolve();
		await settle();
		void kernel.publish('list', 'e', 12);

		expect(ada.received[0]).toMatchObject({ type: 'stream:recovered', seq: 3 });
		expect(eventsOf(ada.received)).toEqual([4, 5, 6, 7, 8, 9, 10, 11, 12]);
	});

	test('begins anew where the topic does while the log is read', async () => {
		const { ada, reading, renew } = await returningFromAfar();

		renew('another');
		reading.resolve();
		await settle();

		expect(ada.received[0]).toMatchObject({ type: 'stream:snapshot', reset: 'epoch' });
	});

	test.each([
		5,
		'x',
		{},
		{ epoch: 'x' },
		{ epoch: 1, seq: 1 },
		{ epoch: 'x', seq: -1 },
		{ epoch: 'x', seq: 1.5 },
		[]
	])('with %j for a position is INVALID_REQUEST', async (since) => {
		const { ada } = await following({ list: live.stream('list', () => []) });

		await ada.send(ask(1, 'list', { since }));

		expect(ada.received).toEqual([failure(1, 'INVALID_REQUEST')]);
	});
});

// --- leaving while loading ---

describe('a stream that is left while it is loaded', () => {
	/** A stream whose loader a test finishes, and the tails that are open. */
	async function loadingSlowly(options: Options & { plugins?: readonly Plugin[] } = {}) {
		const loader = signal<unknown[]>();
		const memory = memoryLog({ size: 10, topicBytes: 1e6, bytes: 1e6, topics: 10 });
		let tails = 0;
		const log: ReplayLog = {
			...memory,
			async follow(topic) {
				const tail = await memory.follow(topic);
				tails += 1;
				return tailWith(tail, {
					close() {
						tails -= 1;
						tail.close();
					}
				});
			}
		};
		const { plugins = [], ...rest } = options;
		const context = await following(
			{ list: live.stream('list', () => loader.promise) },
			{ ...rest, plugins: [provided('replay.log', log), ...plugins] }
		);
		return { ...context, loader, tails: () => tails };
	}

	test('by its client subscribes to nothing, leaks nothing and answers nothing', async () => {
		const { kernel, ada, loader, tails } = await loadingSlowly();
		await ada.send(ask(1, 'list'));
		expect(tails()).toBe(1);

		await ada.send(end(1));
		expect(tails()).toBe(0);
		loader.resolve([1]);
		await settle();
		void kernel.publish('list', 'created', 2);

		expect(ada.received).toEqual([]);
		expect(kernel.transport.subscribers('list')).toBe(0);
	});

	test('by its connection subscribes to nothing and leaks nothing', async () => {
		const { kernel, ada, loader, tails } = await loadingSlowly();
		await ada.send(ask(1, 'list'));

		await ada.leave();
		loader.resolve([1]);
		await settle();

		expect(tails()).toBe(0);
		expect(kernel.transport.subscribers('list')).toBe(0);
	});

	test('and whose loader fails then is reported, and answers nothing', async () => {
		const { kernel, ada, loader } = await loadingSlowly();
		await ada.send(ask(1, 'list'));
		await ada.send(end(1));

		loader.reject(new Error('too late'));
		await settle();

		expect(ada.received).toEqual([]);
		expect(takeErrors(kernel)).toEqual(['streams Error: too late']);
	});

	test('and begun anew under the same id is answered once, by the second', async () => {
		const { kernel, ada, loader, tails } = await loadingSlowly();
		await ada.send(ask(1, 'list'));
		await ada.send(end(1), ask(1, 'list'));

		loader.resolve([1]);
		await settle();

		expect(ada.received).toMatchObject([{ type: 'stream:snapshot', id: 1 }]);
		expect(kernel.transport.subscribers('list')).toBe(1);
		expect(tails()).toBe(1);
	});

	test('and begun anew under the same id is still known by that when the first one fails', async () => {
		const loaders = [signal<unknown[]>(), signal<unknown[]>()] as const;
		let loads = 0;
		const list = live.stream('list', () => loaders[(loads += 1) - 1]!.promise);
		const { kernel, ada } = await following({ list });
		await ada.send(ask(1, 'list'));
		await ada.send(end(1), ask(1, 'list'));
		loaders[1].resolve([]);
		loaders[0].reject(new Error('too late'));
		await settle();
		expect(takeErrors(kernel)).toEqual(['streams Error: too late']);
		expect(kernel.transport.subscribers('list')).toBe(1);

		await ada.send(end(1));

		expect(kernel.transport.subscribers('list')).toBe(0);
	});

	test('before the gates have spoken is never loaded', async () => {
		const verdict = signal();
		const { ada, tails } = await loadingSlowly({ plugins: [gate(() => verdict.promise)] });
		await ada.send(ask(1, 'list'), end(1));

		verdict.resolve();
		await settle();

		expect(ada.received).toEqual([]);
		expect(tails()).toBe(0);
	});

	test('still counts as running, so that a client cannot pile loaders up', async () => {
		const { ada, loader } = await loadingSlowly({ limits: { calls: 3 } });
		for (let id = 1; id <= 5; id += 1) {
			await ada.send(ask(id, 'list'));
			await ada.send(end(id));
		}
		expect(ada.take()).toEqual([failure(4, 'RATE_LIMITED'), failure(5, 'RATE_LIMITED')]);

		loader.resolve([]);
		await settle();
		await ada.send(ask(6, 'list'));

		expect(ada.take()).toMatchObject([{ type: 'stream:snapshot', id: 6 }]);
	});
});

test('a connection that closes leaves every stream', async () => {
	const { kernel, ada } = await following({
		one: live.stream('one', () => []),
		two: live.stream('two', () => [])
	});
	await ada.send(ask(1, 'one'), ask(2, 'two'), ask(3, 'two'));

	await ada.leave();
	await settle();

	expect(['one', 'two'].map((topic) => kernel.transport.subscribers(topic))).toEqual([0, 0]);
});

// --- refusals ---

describe('a stream that cannot be had', () => {
	test.each([undefined, null, 'x', 1.5, -1, 2 ** 60])(
		'with the id %s is INVALID_REQUEST',
		async (id) => {
			const { ada } = await following({ list: live.stream('list', () => []) });

			await ada.send(ask(id, 'list'));

			expect(ada.received).toEqual([failure(null, 'INVALID_REQUEST')]);
		}
	);

	test('with an id that is in use is CONFLICT, and the first one goes on', async () => {
		const { kernel, ada } = await following({ list: live.stream('list', () => []) });

		await ada.send(ask(1, 'list'), ask(1, 'list'));
		void kernel.publish('list', 'e', 1);

		expect(ada.received).toMatchObject([
			failure(1, 'CONFLICT'),
			{ type: 'stream:snapshot', id: 1 },
			{ type: 'event' }
		]);
	});

	test.each(['nothing', '__proto__', 'constructor', 'toString'])(
		'%s is NOT_FOUND',
		async (name) => {
			const { ada } = await following({});

			await ada.send(ask(1, name));

			expect(ada.received).toEqual([failure(1, 'NOT_FOUND')]);
		}
	);

	test('because it is a function is INVALID_REQUEST, and the function does not run', async () => {
		let ran = false;
		const { ada } = await following({ send: live(() => void (ran = true)) });

		await ada.send(ask(1, 'send'));

		expect(ada.received).toEqual([failure(1, 'INVALID_REQUEST')]);
		expect(ran).toBe(false);
	});

	test.each([
		['is reserved', () => '__internal', 'INVALID_TOPIC'],
		['is empty', () => '', 'INVALID_TOPIC'],
		['has control characters', () => 'a\u0000b', 'INVALID_TOPIC'],
		['is too long', () => 'x'.repeat(257), 'INVALID_TOPIC'],
		[
			'is refused by its function',
			() => {
				throw new LiveError('FORBIDDEN', 'Members only.');
			},
			'FORBIDDEN'
		]
	])('because its topic %s is refused before anything is loaded', async (_, topic, code) => {
		let loaded = false;
		const { ada } = await following({
			list: live.stream(topic, () => void (loaded = true))
		});

		await ada.send(ask(1, 'list'));

		expect(ada.received).toEqual([failure(1, code)]);
		expect(loaded).toBe(false);
	});

	test.each<[string, () => unknown, string]>([
		[
			'throws',
			() => {
				throw new Error('the password is 1234');
			},
			'Error: the password is 1234'
		],
		['gives a number', () => 5, 'RT_STREAM_TOPIC'],
		['gives undefined', () => undefined, 'RT_STREAM_TOPIC'],
		['is asynchronous', async () => 'list', 'RT_STREAM_TOPIC'],
		[
			'is asynchronous and fails',
			async () => {
				throw new Error('x');
			},
			'RT_STREAM_TOPIC'
		]
	])('because its topic function %s is INTERNAL_ERROR, and reported', async (_, topic, error) => {
		const { kernel, ada } = await following({ list: live.stream(topic as () => string, () => []) });

		await ada.send(ask(1, 'list'));

		expect(ada.received).toEqual([failure(1, 'INTERNAL_ERROR')]);
		expect(JSON.stringify(ada.received)).not.toContain('1234');
		expect(takeErrors(kernel)).toEqual([`rpc ${error}`]);
	});

	test('because a gate refuses is never loaded', async () => {
		let loaded = false;
		const { kernel, ada } = await following(
			{ list: live.stream('list', () => void (loaded = true)) },
			{ plugins: [gate(async () => deny('FORBIDDEN', 'Members only.'))] }
		);

		await ada.send(ask(1, 'list'));
		void kernel.publish('list', 'e', 1);

		expect(ada.received).toEqual([
			{ type: 'reply', id: 1, error: { code: 'FORBIDDEN', message: 'Members only.' } }
		]);
		expect(loaded).toBe(false);
	});

	test.each<[string, () => unknown, string, number]>([
		[
			'throws',
			() => {
				throw new Error('the password is 1234');
			},
			'INTERNAL_ERROR',
			1
		],
		['rejects', () => Promise.reject(new Error('the password is 1234')), 'INTERNAL_ERROR', 1],
		[
			'rejects with nothing',
			() => Promise.reject(undefined as unknown as Error),
			'INTERNAL_ERROR',
			1
		],
		['refuses', () => Promise.reject(new LiveError('FORBIDDEN')), 'FORBIDDEN', 0],
		['loads what cannot be sent', () => [() => {}], 'INTERNAL_ERROR', 1]
	])(
		'because its loader %s is answered with a code, and nothing stays behind',
		async (_, loader, code, reported) => {
			const { kernel, ada } = await following({ list: live.stream('list', loader) });

			await ada.send(ask(1, 'list'));

			expect(ada.take()).toEqual([failure(1, code)]);
			expect(kernel.transport.subscribers('list')).toBe(0);
			expect(takeErrors(kernel)).toHaveLength(reported);
			// The id is free again.
			await ada.send(ask(1, 'nothing'));
			expect(ada.take()).toEqual([failure(1, 'NOT_FOUND')]);
		}
	);

	test('because there are too many is RATE_LIMITED until one is ended', async () => {
		const { ada } = await following(
			{
				list: live.stream(
					(_ctx, n: number) => `list:${n}`,
					() => []
				)
			},
			{ limits: { subscriptions: 2 } }
		);

		await ada.send(...[1, 2, 3].map((n) => ask(n, 'list', { args: [n] })));
		expect(ada.take()).toMatchObject([
			failure(3, 'RATE_LIMITED'),
			{ type: 'stream:snapshot', id: 1 },
			{ type: 'stream:snapshot', id: 2 }
		]);

		await ada.send(end(1), ask(4, 'list', { args: [4] }));
		expect(ada.take()).toMatchObject([{ type: 'stream:snapshot', id: 4 }]);
	});
});

// --- what the log holds, and ephemeral topics ---

describe('a stream without a loader', () => {
	const says = (max?: number) =>
		live.stream<{ id: number }>('log', null, {
			merge: 'latest',
			...(max !== undefined && { max })
		});

	test('is what the log holds: the latest events, as events on an empty list', async () => {
		const { kernel, ada } = await following({ log: says(2) });
		for (let id = 1; id <= 4; id += 1) void kernel.publish('log', 'said', { id });

		await ada.send(ask(1, 'log'));
		void kernel.publish('log', 'said', { id: 5 });

		expect(ada.received[0]).toMatchObject({ data: [], seq: 2, merge: 'latest', max: 2 });
		expect(eventsOf(ada.received)).toEqual([{ id: 3 }, { id: 4 }, { id: 5 }]);
	});

	test('keeps 50 where it says nothing, and all with max 0', async () => {
		const { kernel, ada } = await following({ some: says(), all: says(0) });
		for (let id = 1; id <= 60; id += 1) void kernel.publish('log', 'said', { id });

		await ada.send(ask(1, 'some'), ask(2, 'all'));

		expect(ada.received.map((frame) => eventsOf([frame]).length)).toEqual([50, 60]);
	});

	test('of a topic that nobody has published to is empty', async () => {
		const { ada } = await following({ log: says() });

		await ada.send(ask(1, 'log'));

		expect(ada.received).toMatchObject([{ data: [], seq: 0 }]);
	});
});

describe('a stream of an ephemeral topic', () => {
	const options = { topics: { cursors: 'ephemeral' } } as const;

	test('has no position, and every event after its value', async () => {
		const { kernel, ada } = await following(
			{ cursors: live.stream('cursors', () => ['a']) },
			options
		);

		await ada.send(ask(1, 'cursors', { since: { epoch: 'x', seq: 5 } }));
		void kernel.publish('cursors', 'moved', 1);

		expect(ada.received).toEqual([
			expect.objectContaining({ type: 'stream:snapshot', epoch: '', seq: 0, data: ['a'] }),
			{ type: 'event', topic: 'cursors', event: 'moved', data: 1 }
		]);
	});

	test('that is left while it is loaded subscribes to nothing', async () => {
		const loader = signal<unknown[]>();
		const { kernel, ada } = await following(
			{ cursors: live.stream('cursors', () => loader.promise) },
			options
		);
		await ada.send(ask(1, 'cursors'), end(1));

		loader.resolve([]);
		await settle();

		expect(ada.received).toEqual([]);
		expect(kernel.transport.subscribers('cursors')).toBe(0);
	});

	test('may do without a loader', async () => {
		const { ada } = await following(
			{ cursors: live.stream('cursors', null, { merge: 'latest' }) },
			options
		);

		await ada.send(ask(1, 'cursors'));

		expect(ada.received).toMatchObject([{ type: 'stream:snapshot', epoch: '', seq: 0 }]);
	});
});

// --- for a page that is rendered ---

describe('load', () => {
	const request: UpgradeRequest = {
		url: '/chat',
		headers: { cookie: 'name=ada' },
		ip: '127.0.0.1',
		origin: 'http://localhost'
	};
	const identity = definePlugin({
		name: 'identity',
		setup: ({ hook }) =>
			void hook('upgrade', ({ data, cookies }) => {
				const { name } = cookies;
				if (name === 'eve') return deny('FORBIDDEN', 'Not you.');
				if (name !== undefined) data.user = name;
			})
	});
	const exports = {
		list: live.stream(
			(_ctx, room: string) => `room:${room}`,
			async (ctx, room) => [ctx.user, room, ctx.connection.isOpen, ctx.path],
			{ key: 'uuid' }
		),
		log: live.stream<{ id: number }>('log', null, { merge: 'latest', max: 2, prepend: true }),
		broken: live.stream('broken', () => {
			throw new Error('the password is 1234');
		}),
		send: live(() => 1)
	};
	const loading = (more: readonly Plugin[] = []) =>
		following(exports, { plugins: [identity, ...more] });

	test('gives the value with its position, for the visitor that the gates find', async () => {
		const { kernel, ada } = await loading();
		void kernel.publish('room:blue', 'e', 1);

		const seed = await kernel.use('streams').load('test/list', ['blue'], request);

		expect(seed).toEqual({
			path: 'test/list',
			args: ['blue'],
			topic: 'room:blue',
			value: ['ada', 'blue', false, 'test/list'],
			position: { epoch: expect.any(String), seq: 1 },
			merge: 'crud',
			key: 'uuid',
			prepend: false,
			max: 0
		});
		expect(JSON.parse(JSON.stringify(seed))).toEqual(seed);

		// The browser goes on from there.
		void kernel.publish('room:blue', 'e', 2);
		await ada.send(ask(1, 'list', { args: seed.args, since: seed.position }));
		expect(ada.received).toMatchObject([{ type: 'stream:recovered', seq: 1 }]);
		expect(eventsOf(ada.received)).toEqual([2]);
	});

	test('leaves nothing behind: nobody follows the topic', async () => {
		const { kernel } = await following(
			{ list: live.stream('list', () => []) },
			{ plugins: [replay({ topics: 1 })] }
		);
		void kernel.publish('list', 'e', 1);
		const { position } = await kernel.use('streams').load('test/list', [], request);

		void kernel.publish('other', 'e', 1); // forgets `list`, unless somebody follows it

		expect(await kernel.use('replay').range('list', position!)).toBe('epoch');
	});

	test('of what the log holds gives the list that a browser would make of it', async () => {
		const { kernel } = await loading();
		for (const id of [1, 2, 3]) void kernel.publish('log', 'said', { id });
		void kernel.publish('log', 'said', { id: 3, again: true });

		const seed = await kernel.use('streams').load('test/log', [], request);

		expect(seed).toMatchObject({ value: [{ id: 3, again: true }], position: { seq: 4 } });
	});

	test('of an ephemeral topic has no position', async () => {
		const { kernel } = await following(
			{ cursors: live.stream('cursors', () => ['a']) },
			{ topics: { cursors: 'ephemeral' } }
		);

		const seed = await kernel.use('streams').load('test/cursors', [], request);

		expect(seed.value).toEqual(['a']);
		expect('position' in seed).toBe(false);
	});

	test.each<[string, string, Partial<UpgradeRequest>, string]>([
		[
			'a visitor whom the gates refuse',
			'test/list',
			{ headers: { cookie: 'name=eve' } },
			'FORBIDDEN'
		],
		['what is not there', 'test/nothing', {}, 'NOT_FOUND'],
		['a function', 'test/send', {}, 'INVALID_REQUEST'],
		['names of prototypes', '__proto__/constructor', {}, 'NOT_FOUND']
	])('is refused for %s as in the browser', async (_, path, more, code) => {
		const { kernel } = await loading();

		const loaded = kernel.use('streams').load(path, ['blue'], { ...request, ...more });

		await expect(loaded).rejects.toMatchObject({ name: 'LiveError', code });
	});

	test('is refused where the subscribe gates refuse, by who asks', async () => {
		const { kernel } = await loading([
			gate(({ connection }) =>
				connection.data.user === 'ada' ? undefined : deny('FORBIDDEN', 'Members only.')
			)
		]);
		const { load } = kernel.use('streams');

		expect(await load('test/list', ['blue'], request)).toMatchObject({ topic: 'room:blue' });
		await expect(load('test/list', ['blue'], { ...request, headers: {} })).rejects.toMatchObject({
			code: 'FORBIDDEN',
			message: 'Members only.'
		});
	});

	test('fails with the error of the loader, for the server to handle', async () => {
		const { kernel } = await loading();

		await expect(kernel.use('streams').load('test/broken', [], request)).rejects.toThrow('1234');
	});

	test('by the stub of the server finds the running kernel, and says where there is none', async () => {
		const stub = serverStream('test/list');
		const event = {
			request: new Request('http://localhost/chat', { headers: { cookie: 'name=ada' } }),
			url: new URL('http://localhost/chat?x=1'),
			getClientAddress: () => '127.0.0.1'
		};
		expect(() => stub.load(event, 'blue')).toThrow('RT_SERVER_NOT_RUNNING');

		const { kernel } = await loading();
		const running = Symbol.for('svelte-realtime.app');
		Object.assign(globalThis, { [running]: { kernel } });
		let seed: Seed;
		try {
			seed = await stub.load(event, 'blue');
		} finally {
			Reflect.deleteProperty(globalThis, running);
		}

		expect(seed.value).toEqual(['ada', 'blue', false, 'test/list']);
		const store = stub.hydrate(seed);
		const values: unknown[] = [];
		store.subscribe((value) => values.push(value))();
		expect(values).toEqual([seed.value]);
		expect([stub.current, stub.ready, store.current, store.ready]).toEqual([
			undefined,
			false,
			seed.value,
			true
		]);
	});

	test('by the stub of the server asks for no header and no address that no gate asks for', async () => {
		const ask = (): never => {
			throw new Error('Nobody has asked.');
		};
		const request = new Request('http://localhost/chat');
		Object.defineProperty(request, 'headers', { get: ask });
		const event = { request, url: new URL('http://localhost/chat'), getClientAddress: ask };
		const { kernel } = await following({ list: live.stream('list', () => [1]) });
		const running = Symbol.for('svelte-realtime.app');
		Object.assign(globalThis, { [running]: { kernel } });

		try {
			expect((await serverStream('test/list').load(event)).value).toEqual([1]);
		} finally {
			Reflect.deleteProperty(globalThis, running);
		}
	});
});

// --- declaring ---

test.each<[string, unknown[], string]>([
	['a topic that is none', [5, () => []], 'RT_LIVE_ARGUMENTS'],
	['no loader', ['list'], 'RT_LIVE_ARGUMENTS'],
	['a loader that is none', ['list', []], 'RT_LIVE_ARGUMENTS'],
	['null for a loader, but not latest', ['list', null], 'RT_LIVE_ARGUMENTS'],
	['a strategy that nobody knows', ['list', () => [], { merge: 'append' }], 'RT_OPTION_INVALID'],
	['a negative max', ['list', () => [], { max: -1 }], 'RT_OPTION_INVALID'],
	['a max that is no whole number', ['list', () => [], { max: 1.5 }], 'RT_OPTION_INVALID']
])('live.stream() with %s is an error that says what it takes', (_, args, code) => {
	expect(() => (live.stream as (...args: unknown[]) => unknown)(...args)).toThrow(code);
});

test('a stream can be called on the server, and runs its loader', async () => {
	const list = live.stream('list', async () => [1]);

	expect(await list({} as never)).toEqual([1]);
});
