import * as v from 'valibot';
import { expect, test } from 'vitest';
import { live, LiveError, type LiveRoom } from 'svelte-realtime';
import { single } from 'svelte-realtime/presets';
import { settle, type TestConnection } from 'svelte-realtime/testing';
import { startKernel, takeErrors } from '../kernel/tracked.ts';

type Started = Awaited<ReturnType<typeof entering>>;

/** A kernel with `test/board` and two connections. */
async function entering(board: unknown) {
	const kernel = await startKernel(single());
	kernel.use('rpc').mount({ test: { board } });
	return {
		kernel,
		ada: await kernel.connect({ user: { id: 'ada', name: 'Ada', password: 'secret' } }),
		grace: await kernel.connect({ user: { id: 'grace', name: 'Grace' } })
	};
}

const follow = (id: number, part: string, ...args: unknown[]): object => ({
	type: 'stream',
	id,
	path: `test/board.${part}`,
	args
});
const call = (id: number, action: string, ...args: unknown[]): object => ({
	type: 'rpc',
	id,
	path: `test/board.${action}`,
	args
});
const end = (id: number): object => ({ type: 'stream:end', id });

/** What has come in, once what waits for the next tick of the plugins has been sent too. */
async function taken({ kernel }: Started, connection: TestConnection) {
	await kernel.clock.advance(100);
	return connection.take();
}

const plain = () =>
	live.room({
		topic: (_ctx, name: string) => `board:${name}`,
		init: (_ctx, name) => [{ id: 1, text: name }],
		presence: true,
		cursors: true,
		actions: {
			add(ctx, name: string, text: string) {
				const note = { id: 2, text: `${text} on ${name}` };
				void ctx.publish('created', note);
				return note.text;
			}
		}
	});

test('the data of a room is a stream of its topic', async () => {
	const { ada } = await entering(plain());

	await ada.send(follow(1, 'data', 'kitchen'));

	expect(ada.take()).toMatchObject([
		{ type: 'stream:snapshot', topic: 'board:kitchen', data: [{ id: 1, text: 'kitchen' }] }
	]);
});

test('an action publishes to its own room, and is answered', async () => {
	const started = await entering(plain());
	const { ada, grace } = started;
	await ada.send(follow(1, 'data', 'kitchen'));
	await grace.send(follow(1, 'data', 'cellar'));
	await taken(started, ada);
	await taken(started, grace);

	await grace.send(call(2, 'add', 'kitchen', 'milk'));

	expect(await taken(started, grace)).toEqual([{ type: 'reply', id: 2, data: 'milk on kitchen' }]);
	expect(await taken(started, ada)).toMatchObject([
		{ type: 'event', topic: 'board:kitchen', event: 'created', data: { id: 2 } }
	]);
});

test('who follows the data is here; who follows the list alone watches', async () => {
	const started = await entering(plain());
	const { kernel, ada, grace } = started;

	await grace.send(follow(1, 'presence', 'kitchen'));
	await ada.send(follow(1, 'data', 'kitchen'));

	expect(await kernel.find('presence')!.list('board:kitchen')).toEqual([
		{ key: 'ada', data: { id: 'ada', name: 'Ada' } }
	]);
	const frames = await taken(started, grace);
	expect(JSON.stringify(frames)).toContain('"ada"');
	expect(JSON.stringify(frames)).not.toContain('secret');
});

test('who leaves the data has gone after the grace time', async () => {
	const started = await entering(plain());
	const { kernel, ada } = started;
	await ada.send(follow(1, 'data', 'kitchen'));

	await ada.send(end(1));
	await kernel.clock.advance(4000);
	expect(await kernel.find('presence')!.count('board:kitchen')).toBe(1);
	await kernel.clock.advance(2000);

	expect(await kernel.find('presence')!.count('board:kitchen')).toBe(0);
});

test('cursors of a room go to those who follow them', async () => {
	const started = await entering(plain());
	const { ada, grace } = started;
	await ada.send(follow(1, 'cursors', 'kitchen'));
	await grace.send(follow(1, 'cursors', 'kitchen'));
	await taken(started, grace);

	await ada.send({ type: 'cursors:move', id: 1, data: { x: 3 } });

	expect(JSON.stringify(await taken(started, grace))).toContain('"x":3');
});

// --- who may ---

/** A room that only Grace may enter, which is found out later. */
const guarded = (seen: unknown[]) =>
	live.room({
		topic: (_ctx, name: string) => `board:${name}`,
		init: () => {
			seen.push('init');
			return [];
		},
		guard: async (ctx, name) => {
			await settle();
			seen.push(['guard', name]);
			return (ctx.user as unknown as { id: string } | null)?.id === 'grace';
		},
		presence: { data: () => void seen.push('presence') },
		cursors: true,
		actions: { add: () => void seen.push('add') },
		onJoin: () => void seen.push('join'),
		onLeave: () => void seen.push('leave')
	});

test.each(['data', 'presence', 'cursors'])(
	'who may not enter gets no %s, and nothing happens',
	async (part) => {
		const seen: unknown[] = [];
		const started = await entering(guarded(seen));
		const { kernel, ada, grace } = started;
		await grace.send(follow(1, 'data', 'kitchen'));
		await grace.send(follow(2, 'presence', 'kitchen'));
		await taken(started, grace);
		seen.length = 0;

		await ada.send(follow(1, part, 'kitchen'));
		void kernel.publish('board:kitchen', 'created', { id: 1 });

		expect(await taken(started, ada)).toMatchObject([
			{ type: 'reply', id: 1, error: { code: 'FORBIDDEN' } }
		]);
		expect(seen).toEqual([['guard', 'kitchen']]);
		expect(await taken(started, grace)).toMatchObject([{ event: 'created' }]);
	}
);

test('who may not enter can do nothing there', async () => {
	const seen: unknown[] = [];
	const { ada } = await entering(guarded(seen));

	await ada.send(call(1, 'add', 'kitchen', 'payload'));

	expect(ada.take()).toMatchObject([{ type: 'reply', id: 1, error: { code: 'FORBIDDEN' } }]);
	expect(seen).toEqual([['guard', 'kitchen']]);
});

test('a page that is rendered passes the same guard', async () => {
	const { kernel } = await entering(guarded([]));
	const request = { url: '/', headers: {}, ip: '127.0.0.1', origin: undefined };

	const load = kernel.use('streams').load('test/board.data', ['kitchen'], request);

	await expect(load).rejects.toThrow(new LiveError('FORBIDDEN'));
});

// --- what is told ---

test('a room hears of each one who enters and leaves, once', async () => {
	const seen: unknown[] = [];
	const board = live.room({
		topic: (_ctx, name: string) => `board:${name}`,
		init: () => {
			seen.push('init');
			return [];
		},
		onJoin: (ctx, name) => void seen.push(['join', ctx.topic, name]),
		onLeave: (ctx, name) => {
			void ctx.publish('left', name);
			seen.push(['leave', ctx.topic, name]);
		}
	});
	const { ada } = await entering(board);

	await ada.send(follow(1, 'data', 'kitchen'));
	await ada.leave();

	expect(seen).toEqual([
		'init',
		['join', 'board:kitchen', 'kitchen'],
		['leave', 'board:kitchen', 'kitchen']
	]);
});

test('a room whose own handler fails is entered all the same', async () => {
	const fail = () => {
		throw new Error('not now');
	};
	const { kernel, ada } = await entering(
		live.room({ topic: 'board', init: () => [], presence: true, onJoin: fail })
	);

	await ada.send(follow(1, 'data'));

	expect(ada.take()).toMatchObject([{ type: 'stream:snapshot' }]);
	expect(await kernel.find('presence')!.count('board')).toBe(1);
	expect(takeErrors(kernel)).toEqual(['streams Error: not now']);
});

// --- payloads ---

const Note = v.object({ text: v.pipe(v.string(), v.trim(), v.nonEmpty()) });

test.each([
	['with a topic of arguments', (_ctx: unknown, name: string) => `board:${name}`, ['kitchen']],
	['with one topic', 'board', []]
] as const)('the payload of an action %s is checked', async (_what, topic, args) => {
	const add = live.room.action(Note, (_ctx, ...all: unknown[]) => all);
	const board = live.room({ topic, init: () => [], actions: { add } } as never);
	const { ada } = await entering(board as LiveRoom<[], [], object>);

	await ada.send(call(1, 'add', ...args, { text: ' milk ', other: true }));
	await ada.send(call(2, 'add', ...args, { text: ' ' }));

	expect(ada.take()).toMatchObject([
		{ type: 'reply', id: 1, data: [...args, { text: 'milk' }] },
		{ type: 'reply', id: 2, error: { code: 'VALIDATION' } }
	]);
});

test('the number of a topic’s arguments can be told', async () => {
	const seen: unknown[] = [];
	const board = live.room({
		topic: (_ctx, ...names: string[]) => `board:${names.join()}`,
		topicArgs: 2,
		init: () => [],
		guard: (_ctx, ...names) => void seen.push(names),
		actions: {
			add: (ctx, ...all: string[]) => void seen.push([ctx.topic, ...all])
		}
	});
	const { ada } = await entering(board);

	await ada.send(call(1, 'add', 'a', 'b', 'payload'));

	expect(seen).toEqual([
		['a', 'b'],
		['board:a,b', 'a', 'b', 'payload']
	]);
});

test.each([
	['a topic that is neither a name nor a function', { topic: 1, init: () => [] }, 'topic'],
	['no loader', { topic: 'board' }, 'init'],
	[
		'an action that is called like a part',
		{ topic: 'b', init: (): number => 0, actions: { data: () => 0 } },
		'actions'
	],
	[
		'an action that makes a room look like a promise',
		{ topic: 'b', init: (): number => 0, actions: { then: () => 0 } },
		'actions'
	],
	[
		'an action that is no function',
		{ topic: 'b', init: (): number => 0, actions: { add: 1 } },
		'actions.add'
	],
	[
		'a number of arguments below 0',
		{ topic: 'b', init: (): number => 0, topicArgs: -1 },
		'topicArgs'
	]
])('a room with %s is refused', (_what, options, name) => {
	expect(() => live.room(options as never)).toThrow(
		expect.objectContaining({ code: 'RT_OPTION_INVALID', message: expect.stringContaining(name) })
	);
});

test('a room can be called on the server, for its data', async () => {
	const board = plain();

	expect(await board({} as never, 'kitchen')).toEqual([{ id: 1, text: 'kitchen' }]);
});
