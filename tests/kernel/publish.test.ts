import { expect, test, vi } from 'vitest';
import {
	definePlugin,
	DROP,
	LIMITS,
	TAKEN,
	type HookOptions,
	type KernelHooks,
	type Plugin,
	type PublishedContext,
	type PublishResult
} from 'svelte-realtime/kernel';
import { settle } from 'svelte-realtime/testing';
import { startKernel, takeErrors } from './tracked.ts';

type PublishHandler = KernelHooks['publish'];

/** A plugin with one publish handler. */
function pipe(name: string, handler: PublishHandler, options?: HookOptions): Plugin {
	return definePlugin({ name, setup: (kernel) => void kernel.hook('publish', handler, options) });
}

/** A plugin that remembers what observers are told. */
function observer(seen: PublishedContext[]): Plugin {
	return definePlugin({
		name: 'observer',
		setup: (kernel) => void kernel.hook('published', (ctx) => void seen.push(ctx))
	});
}

/** Frames that its handler deferred, by event, to be settled by the test. */
function deferring(only: (event: string) => boolean = () => true, options?: HookOptions) {
	const settlers = new Map<string, { resolve: () => void; reject: (error: unknown) => void }>();
	const plugin = pipe(
		'deferring',
		(ctx) => {
			if (!only(ctx.event)) return;
			return ctx.defer(
				new Promise<void>((resolve, reject) => settlers.set(ctx.event, { resolve, reject }))
			);
		},
		options
	);
	return {
		plugin,
		resolve: (event: string) => settlers.get(event)!.resolve(),
		reject: (event: string, error: unknown) => settlers.get(event)!.reject(error)
	};
}

/** A kernel with one connection that follows the topics, and the events that it is sent. */
async function listening(plugins: Plugin[], ...topics: string[]) {
	const kernel = await startKernel(plugins);
	const ada = await kernel.connect();
	for (const topic of topics) ada.connection.follow(topic);
	return { kernel, ada, events: () => ada.received.map(({ event }) => event) };
}

const OK = { status: 'ok', level: 'local' };
const rejected = (code: string): object => ({ status: 'rejected', code });

test('a publish without handlers is delivered and answered at once', async () => {
	const { kernel, ada } = await listening([], 'news');

	const result = kernel.publish('news', 'headline', { text: 'hi' });

	expect(result).toEqual(OK);
	expect(ada.received).toEqual([
		{ type: 'event', topic: 'news', event: 'headline', data: { text: 'hi' } }
	]);
});

test('a frame reaches nobody who follows another topic', async () => {
	const { kernel, ada } = await listening([], 'news');

	kernel.publish('news2', 'headline');

	expect(ada.received).toEqual([]);
});

test('handlers see only the topics and the class of topic that they ask for', async () => {
	const seen: string[] = [];
	const note = (name: string, options: HookOptions): Plugin =>
		pipe(name, ({ topic }) => void seen.push(`${name} ${topic}`), options);
	const kernel = await startKernel(
		[
			note('one', { topics: 'room:1' }),
			note('prefix', { topics: ['x', 'room:*'] }),
			note('ephemeral', { class: 'ephemeral' })
		],
		{ topics: { 'cursor:*': 'ephemeral' } }
	);

	kernel.publish('room:1', 'e');
	kernel.publish('room:2', 'e');
	kernel.publish('cursor:1', 'e');

	expect(seen).toEqual(['one room:1', 'prefix room:1', 'prefix room:2', 'ephemeral cursor:1']);
});

test('handlers run in the order pre, default, post, and within it in the order of the list', async () => {
	const seen: string[] = [];
	const note = (name: string, order?: 'pre' | 'post'): Plugin =>
		pipe(name, () => void seen.push(name), order && { order });
	const kernel = await startKernel([
		note('post', 'post'),
		note('a'),
		note('pre', 'pre'),
		note('b')
	]);

	kernel.publish('news', 'e');

	expect(seen).toEqual(['pre', 'a', 'b', 'post']);
});

test('a handler that comes or goes at runtime changes lanes that are compiled already', async () => {
	let add!: () => () => void;
	const kernel = await startKernel([
		definePlugin({
			name: 'late',
			setup: (kernel) => void (add = () => kernel.hook('publish', () => DROP))
		})
	]);
	expect(kernel.publish('news', 'e')).toEqual(OK);

	const remove = add();
	expect(kernel.publish('news', 'e')).toEqual(rejected('DROPPED'));

	remove();
	expect(kernel.publish('news', 'e')).toEqual(OK);
});

test('after DROP nobody gets the frame, neither handler nor follower nor observer', async () => {
	const seen: PublishedContext[] = [];
	let reached = false;
	const { kernel, events } = await listening(
		[pipe('drop', () => DROP), pipe('next', () => void (reached = true)), observer(seen)],
		'news'
	);

	const result = kernel.publish('news', 'e');

	expect(result).toEqual(rejected('DROPPED'));
	expect([reached, events(), seen]).toEqual([false, [], []]);
});

test('a held frame that is taken does not hold those behind it until its taker has a result', async () => {
	const { plugin, resolve } = deferring();
	let answer = (_: PublishResult): void => {};
	const taking = pipe('take', (ctx) =>
		ctx.event === 'taken' ? ctx.take(new Promise((done) => (answer = done))) : undefined
	);
	const { kernel, events } = await listening([plugin, taking], 'news');
	const results = [kernel.publish('news', 'taken'), kernel.publish('news', 'next')];

	for (const event of ['taken', 'next']) resolve(event);
	await settle();
	expect(events()).toEqual(['next']);
	answer({ status: 'ok', level: 'store' });

	expect(await Promise.all(results)).toMatchObject([{ level: 'store' }, { level: 'local' }]);
});

test('after TAKEN the kernel delivers nothing and answers ok', async () => {
	const { kernel, events } = await listening([pipe('take', () => TAKEN)], 'news');

	expect(kernel.publish('news', 'e')).toEqual(OK);
	expect(events()).toEqual([]);
});

test('what `take` is given is what the publisher is told', async () => {
	const stored: PublishResult = { status: 'ok', level: 'store' };
	const kernel = await startKernel([pipe('take', (ctx) => ctx.take(Promise.resolve(stored)))]);

	expect(await kernel.publish('news', 'e')).toEqual(stored);
});

test('a taken result that rejects is reported, and rejects only the publish', async () => {
	const kernel = await startKernel([
		pipe('take', (ctx) => ctx.take(Promise.reject(new Error('gone'))))
	]);

	expect(await kernel.publish('news', 'e')).toEqual(rejected('INTERNAL_ERROR'));
	expect(takeErrors(kernel)).toEqual(['take Error: gone']);
});

test('handlers may change data; what is sent is the last word', async () => {
	const { kernel, ada } = await listening(
		[pipe('upper', (ctx) => void (ctx.data = String(ctx.data).toUpperCase()))],
		'news'
	);

	kernel.publish('news', 'e', 'hi');

	expect(ada.received[0]).toMatchObject({ data: 'HI' });
});

test('a handler that throws rejects the publish and is reported by its name', async () => {
	const { kernel, events } = await listening(
		[
			pipe('bad', () => {
				throw new Error('broken');
			})
		],
		'news'
	);

	expect(kernel.publish('news', 'e')).toEqual(rejected('INTERNAL_ERROR'));
	expect(events()).toEqual([]);
	expect(takeErrors(kernel)).toEqual(['bad Error: broken']);
});

test('a promise from a publish handler is RT_HOOK_ASYNC, and its rejection ends no process', async () => {
	const handler = (async () => {
		throw new Error('late');
	}) as unknown as PublishHandler;
	const { kernel, events } = await listening([pipe('async', handler)], 'news');

	expect(kernel.publish('news', 'e')).toEqual(rejected('INTERNAL_ERROR'));
	await settle();

	expect(events()).toEqual([]);
	expect(takeErrors(kernel)).toEqual(['async RT_HOOK_ASYNC']);
});

test('an answer that is none rejects the publish as RT_HOOK_VERDICT', async () => {
	const kernel = await startKernel([pipe('odd', (() => false) as never)]);

	expect(kernel.publish('news', 'e')).toEqual(rejected('INTERNAL_ERROR'));
	expect(takeErrors(kernel)).toEqual(['odd RT_HOOK_VERDICT']);
});

// --- names and values ---

const invalidTopics: [string, unknown][] = [
	['an empty name', ''],
	['a control character', 'a\u0000b'],
	['a line break', 'a\nb'],
	['DEL', 'a\u007fb'],
	['a C1 control', 'a\u0085b'],
	['a lone surrogate', 'a\ud800b'],
	['what turns text around', 'a\u202eb'],
	['257 characters', 'a'.repeat(257)],
	['a number', 7],
	['undefined', undefined],
	['null', null],
	['an object', { toString: () => 'news' }]
];

test.each(invalidTopics)('%s is no topic', async (_, topic) => {
	const seen: unknown[] = [];
	const kernel = await startKernel([pipe('see', (ctx) => void seen.push(ctx))]);

	expect(kernel.publish(topic as string, 'e')).toEqual(rejected('INVALID_TOPIC'));
	expect(seen).toEqual([]);
});

test.each(['a'.repeat(256), 'raum:größe', '日本', '😀', 'a b', '__x'])(
	'%s is a topic',
	async (topic) => {
		const { kernel, events } = await listening([], topic);

		expect(kernel.publish(topic, 'e')).toEqual(OK);
		expect(events()).toEqual(['e']);
	}
);

test.each([undefined, '', 5, 'e'.repeat(257)])('%s is no event name', async (event) => {
	const kernel = await startKernel([]);

	expect(kernel.publish('news', event as string)).toEqual(rejected('INVALID_REQUEST'));
});

test('data that cannot be sent is rejected and reported, and nothing is delivered', async () => {
	const { kernel, events } = await listening([], 'news');

	expect(kernel.publish('news', 'e', () => {})).toEqual(rejected('INVALID_REQUEST'));
	expect(events()).toEqual([]);
	expect(takeErrors(kernel)).toEqual(['kernel RT_VALUE_UNSERIALIZABLE']);
});

test('data with a getter that throws is rejected and ends nothing', async () => {
	const kernel = await startKernel([]);
	const data = {
		get boom(): never {
			throw new Error('boom');
		}
	};

	expect(kernel.publish('news', 'e', data)).toMatchObject({ status: 'rejected' });
	expect(takeErrors(kernel)).toHaveLength(1);
});

// --- except ---

test('`except` leaves out one connection of an ephemeral topic', async () => {
	const kernel = await startKernel([], { topics: { cursors: 'ephemeral' } });
	const [ada, bob] = [await kernel.connect(), await kernel.connect()];
	for (const { connection } of [ada, bob]) connection.follow('cursors');

	const result = kernel.publish('cursors', 'move', 1, { except: ada.connection });

	expect(result).toEqual(OK);
	expect([ada.received.length, bob.received.length]).toEqual([0, 1]);
});

test('`except` on a logged topic is refused, as it would make a gap', async () => {
	const { kernel, ada, events } = await listening([], 'news');

	const result = kernel.publish('news', 'e', 1, { except: ada.connection });

	expect(result).toEqual(rejected('INVALID_REQUEST'));
	expect(events()).toEqual([]);
});

test('`except` with a connection that is gone leaves out nobody', async () => {
	const kernel = await startKernel([], { topics: { cursors: 'ephemeral' } });
	const [ada, bob] = [await kernel.connect(), await kernel.connect()];
	for (const { connection } of [ada, bob]) connection.follow('cursors');
	await ada.leave();

	expect(kernel.publish('cursors', 'move', 1, { except: ada.connection })).toEqual(OK);
	expect(bob.received).toHaveLength(1);
});

// --- defer ---

test('a deferred frame is delivered when its work is done', async () => {
	const held = deferring();
	const { kernel, events } = await listening([held.plugin], 'news');

	const result = kernel.publish('news', 'a');
	await settle();
	expect(events()).toEqual([]);

	held.resolve('a');
	expect(await result).toEqual(OK);
	expect(events()).toEqual(['a']);
});

test('a deferred frame goes on after the handler that deferred it', async () => {
	const seen: string[] = [];
	const held = deferring();
	const kernel = await startKernel([
		pipe('first', () => void seen.push('first')),
		held.plugin,
		pipe('last', () => void seen.push('last'))
	]);

	const result = kernel.publish('news', 'a');
	expect(seen).toEqual(['first']);

	held.resolve('a');
	await result;
	expect(seen).toEqual(['first', 'last']);
});

test('deferred frames are delivered in the order of publishing, whatever settles first', async () => {
	const held = deferring();
	const { kernel, events } = await listening([held.plugin], 'news');

	const results = ['a', 'b', 'c'].map((event) => kernel.publish('news', event));
	held.resolve('c');
	await settle();
	held.resolve('b');
	await settle();
	expect(events()).toEqual([]);

	held.resolve('a');
	expect(await Promise.all(results)).toEqual([OK, OK, OK]);
	expect(events()).toEqual(['a', 'b', 'c']);
});

test('a frame that is not deferred waits behind those of its topic, and behind no others', async () => {
	const held = deferring((event) => event === 'a');
	const { kernel, events } = await listening([held.plugin], 'news', 'other');

	const first = kernel.publish('news', 'a');
	const second = kernel.publish('news', 'b');
	const elsewhere = kernel.publish('other', 'c');
	expect(elsewhere).toEqual(OK);
	await settle();
	expect(events()).toEqual(['c']);

	held.resolve('a');
	await Promise.all([first, second]);
	expect(events()).toEqual(['c', 'a', 'b']);
});

test('a topic whose queue has run empty answers at once again', async () => {
	const held = deferring((event) => event === 'a');
	const { kernel } = await listening([held.plugin], 'news');

	const first = kernel.publish('news', 'a');
	held.resolve('a');
	await first;
	await settle();

	expect(kernel.publish('news', 'b')).toEqual(OK);
});

test('handlers behind the deferring one see frames in the order of publishing', async () => {
	const seen: string[] = [];
	const held = deferring((event) => event === 'a', { order: 'pre' });
	const kernel = await startKernel([
		held.plugin,
		pipe('number', (ctx) => {
			ctx.seq = seen.push(ctx.event);
			ctx.epoch = 'e';
		})
	]);

	const first = kernel.publish('news', 'a');
	const second = kernel.publish('news', 'b');
	held.resolve('a');

	expect(await Promise.all([first, second])).toMatchObject([
		{ position: { seq: 1 } },
		{ position: { seq: 2 } }
	]);
	expect(seen).toEqual(['a', 'b']);
});

test('a frame may be deferred by two handlers, and keeps its place', async () => {
	const one = deferring();
	const two = deferring((event) => event === 'a');
	const { kernel, events } = await listening([one.plugin, { ...two.plugin, name: 'two' }], 'news');

	const results = ['a', 'b'].map((event) => kernel.publish('news', event));
	one.resolve('b');
	one.resolve('a');
	await settle();
	expect(events()).toEqual([]);

	two.resolve('a');
	await Promise.all(results);
	expect(events()).toEqual(['a', 'b']);
});

test('work that fails rejects its frame, is reported, and lets the topic go on', async () => {
	const held = deferring();
	const { kernel, events } = await listening([held.plugin], 'news');

	const results = ['a', 'b'].map((event) => kernel.publish('news', event));
	held.reject('a', new Error('store is gone'));
	held.resolve('b');

	expect(await Promise.all(results)).toEqual([rejected('INTERNAL_ERROR'), OK]);
	expect(events()).toEqual(['b']);
	expect(takeErrors(kernel)).toEqual(['deferring Error: store is gone']);
});

test('a handler behind the deferring one that throws rejects only its frame', async () => {
	const held = deferring();
	const { kernel, events } = await listening(
		[
			held.plugin,
			pipe('picky', ({ event }) => {
				if (event === 'a') throw new Error('not a');
			})
		],
		'news'
	);

	const results = ['a', 'b'].map((event) => kernel.publish('news', event));
	held.resolve('a');
	held.resolve('b');

	expect(await Promise.all(results)).toEqual([rejected('INTERNAL_ERROR'), OK]);
	expect(events()).toEqual(['b']);
	expect(takeErrors(kernel)).toEqual(['picky Error: not a']);
});

test('a frame deferred for longer than 5 s is rejected, and its topic goes on', async () => {
	const held = deferring((event) => event === 'a');
	const { kernel, events } = await listening([held.plugin], 'news');

	const first = kernel.publish('news', 'a');
	const second = kernel.publish('news', 'b');
	await kernel.clock.advance(LIMITS.deferTimeout - 1);
	expect(events()).toEqual([]);
	await kernel.clock.advance(1);

	expect(await Promise.all([first, second])).toEqual([rejected('TIMEOUT'), OK]);
	expect(events()).toEqual(['b']);
	expect(takeErrors(kernel)).toEqual(['deferring RT_DEFER_TIMEOUT']);
	held.reject('a', new Error('too late to matter'));
	await settle();
	expect(kernel.clock.pending).toBe(0);
});

test('a full queue rejects the next frame before any handler has seen it', async () => {
	const seen: string[] = [];
	const held = deferring((event) => event === 'first');
	const { kernel, events } = await listening(
		[pipe('see', ({ event }) => void seen.push(event)), held.plugin],
		'news'
	);

	const results = [kernel.publish('news', 'first')];
	for (let i = 1; i < LIMITS.deferredFrames; i += 1) results.push(kernel.publish('news', 'e'));
	expect(kernel.publish('news', 'too many')).toEqual(rejected('QUEUE_FULL'));
	expect(seen).not.toContain('too many');

	held.resolve('first');
	expect(await Promise.all(results)).toEqual(results.map(() => OK));
	expect(events()).toHaveLength(LIMITS.deferredFrames);
	expect(kernel.publish('news', 'e')).toEqual(OK);
});

// --- observers ---

test('observers see frames after they have their number', async () => {
	const seen: PublishedContext[] = [];
	const kernel = await startKernel([
		observer(seen),
		pipe('number', (ctx) => {
			ctx.seq = 7;
			ctx.epoch = 'e';
		})
	]);

	kernel.publish('news', 'headline', { n: 1n });

	expect(seen).toHaveLength(1);
	expect(seen[0]).toMatchObject({ topic: 'news', event: 'headline', seq: 7, epoch: 'e' });
	expect(seen[0]).toMatchObject({ origin: 'local', class: 'logged', data: { n: 1n } });
});

test('data is read when an observer asks for it, and once', async () => {
	const seen: PublishedContext[] = [];
	const kernel = await startKernel([observer(seen)]);
	const frame = { topic: 'news', event: 'e', seq: 1, epoch: 'e', origin: 'remote' } as const;
	let deliver!: (json: string) => void;
	const relay = definePlugin({
		name: 'relay',
		setup: (kernel) =>
			void (deliver = (json) => kernel.deliver({ ...frame, value: { json, devalue: false } }))
	});
	const other = await startKernel([observer(seen), relay]);

	// A text that is no JSON would throw if anybody read it.
	deliver('{');
	deliver('{"n":1}');

	expect(seen[0]!.origin).toBe('remote');
	expect(seen[1]!.data).toEqual({ n: 1 });
	expect(seen[1]!.data).toBe(seen[1]!.data);
	expect([kernel.errors, other.errors]).toEqual([[], []]);
});

test('an observer that throws, or is asynchronous and fails, hinders nobody', async () => {
	const seen: PublishedContext[] = [];
	const { kernel, events } = await listening(
		[
			definePlugin({
				name: 'bad',
				setup(kernel) {
					kernel.hook('published', () => {
						throw new Error('sync');
					});
					kernel.hook('published', async () => {
						throw new Error('async');
					});
				}
			}),
			observer(seen)
		],
		'news'
	);

	expect(kernel.publish('news', 'e')).toEqual(OK);
	await settle();

	expect([events(), seen.length]).toEqual([['e'], 1]);
	expect(takeErrors(kernel)).toEqual(['bad Error: sync', 'bad RT_HOOK_ASYNC']);
});

test('a delivered frame passes no publish handler', async () => {
	let deliver!: () => boolean;
	const { kernel, ada } = await listening(
		[
			pipe('drop', () => DROP),
			definePlugin({
				name: 'relay',
				setup: (kernel) =>
					void (deliver = () =>
						kernel.deliver({
							topic: 'news',
							event: 'e',
							value: { json: '1', devalue: false },
							seq: 3,
							epoch: 'x',
							origin: 'remote'
						}))
			})
		],
		'news'
	);

	expect(deliver()).toBe(true);
	expect(ada.received).toEqual([
		{ type: 'event', topic: 'news', event: 'e', data: 1, seq: 3, epoch: 'x' }
	]);
	expect(kernel.publish('news', 'e')).toEqual(rejected('DROPPED'));
});

test('the epoch travels when it changes, and not with every frame', async () => {
	let epoch = 'one';
	let seq = 0;
	const { kernel, ada } = await listening(
		[
			pipe('number', (ctx) => {
				ctx.seq = seq += 1;
				ctx.epoch = epoch;
			})
		],
		'news'
	);

	kernel.publish('news', 'a');
	kernel.publish('news', 'b');
	epoch = 'two';
	kernel.publish('news', 'c');

	expect(ada.received.map((frame) => frame['epoch'])).toEqual(['one', undefined, 'two']);
});

test('an operator whose report throws does not make publish throw', async () => {
	const printed = vi.spyOn(console, 'error').mockImplementation(() => {});
	const kernel = await startKernel(
		[
			pipe('bad', () => {
				throw new Error('broken');
			})
		],
		{
			report: () => {
				throw new Error('the log is full');
			}
		}
	);

	expect(kernel.publish('news', 'e')).toEqual(rejected('INTERNAL_ERROR'));
	expect(printed).toHaveBeenCalledTimes(2);
	printed.mockRestore();
});
