import * as v from 'valibot';
import { expect, test } from 'vitest';
import { definePlugin, deny, live, LiveError, type LimitName } from 'svelte-realtime';
import type { Cursor, CursorsOptions, CursorsStreamOptions } from 'svelte-realtime/plugins/cursors';
import { single } from 'svelte-realtime/presets';
import type { ReceivedFrame, TestConnection } from 'svelte-realtime/testing';
import { startKernel, takeErrors } from '../kernel/tracked.ts';

type StreamOptions = CursorsStreamOptions<[name: string]>;

/** A kernel with the cursors of boards, and of whatever limits were run into. */
async function board(options: CursorsOptions = {}, stream: StreamOptions = {}) {
	const limits: LimitName[] = [];
	const counter = definePlugin({
		name: 'counter',
		setup: ({ hook }) => void hook('limited', ({ limit }) => void limits.push(limit))
	});
	const kernel = await startKernel([...single({ cursors: options }), counter] as const);
	const cursors = live.cursors((_ctx, name: string) => `board:${name}`, stream);
	kernel.use('rpc').mount({ test: { cursors, other: live.stream('other', () => []) } });
	return { kernel, limits, cursors: kernel.use('cursors') };
}

/** A client that follows a board, and is up to date. */
async function follower(
	kernel: Awaited<ReturnType<typeof board>>['kernel'],
	{ user, name = 'a' }: { user?: object; name?: string } = {}
): Promise<TestConnection> {
	const connection = await kernel.connect(user && { user });
	await connection.send({ type: 'stream', id: 1, path: 'test/cursors', args: [name] });
	connection.take();
	return connection;
}

const move = (data?: unknown, id: number = 1): object => ({ type: 'cursors:move', id, data });
const keyOf = ({ connection }: TestConnection): string => connection.id;
const told = (frames: readonly ReceivedFrame[]): unknown[] =>
	frames.map(({ event, data }) => [event, data]);

test('a first move is told to everybody at once, in one frame', async () => {
	const { kernel } = await board();
	const [ada, bob] = [await follower(kernel), await follower(kernel)];

	await ada.send(move({ x: 1, y: 2 }));

	const event = {
		type: 'event',
		topic: '__cursors:board:a',
		event: 'update',
		data: { key: keyOf(ada), data: { x: 1, y: 2 } }
	};
	expect(bob.take()).toEqual([event]);
	expect(ada.take()).toEqual([event]);
});

test('what moves within an interval is told in one frame, the newest of each', async () => {
	const { kernel } = await board({ interval: 20 });
	const [ada, bob, eve] = [await follower(kernel), await follower(kernel), await follower(kernel)];
	await ada.send(move(0));
	eve.take();

	await ada.send(move(1));
	await bob.send(move(2));
	await ada.send(move(3));
	expect(eve.take()).toEqual([]);
	await kernel.clock.advance(20);

	expect(told(eve.take())).toEqual([
		[
			'update',
			[
				{ key: keyOf(ada), data: 3 },
				{ key: keyOf(bob), data: 2 }
			]
		]
	]);
	await kernel.clock.advance(100);
	expect(eve.take()).toEqual([]);
});

test('a move after an interval without one is told at once again', async () => {
	const { kernel } = await board({ interval: 20 });
	const ada = await follower(kernel);

	await ada.send(move(1));
	await kernel.clock.advance(20);
	ada.take();
	await ada.send(move(2));

	expect(told(ada.take())).toEqual([['update', { key: keyOf(ada), data: 2 }]]);
});

test('a stream may have an interval of its own', async () => {
	const { kernel } = await board({}, { interval: 50 });
	const ada = await follower(kernel);
	await ada.send(move(1));
	ada.take();

	await ada.send(move(2));
	await kernel.clock.advance(49);
	expect(ada.take()).toEqual([]);
	await kernel.clock.advance(1);

	expect(told(ada.take())).toEqual([['update', { key: keyOf(ada), data: 2 }]]);
});

test('who comes late has everybody’s newest cursor', async () => {
	const { kernel } = await board();
	const ada = await follower(kernel, { user: { id: 7, name: 'Ada' } });
	await ada.send(move({ x: 1 }));
	await kernel.clock.advance(16);
	await ada.send(move({ x: 2 }));

	const eve = await kernel.connect();
	await eve.send({ type: 'stream', id: 3, path: 'test/cursors', args: ['a'] });

	const data = [{ key: keyOf(ada), member: '7', user: { name: 'Ada' }, data: { x: 2 } }];
	expect(eve.take()).toMatchObject([
		{ type: 'stream:snapshot', merge: 'cursor', key: 'key', data }
	]);
});

test('who comes back has everything as it is then', async () => {
	const { kernel } = await board();
	const [ada, bob] = [await follower(kernel), await kernel.connect()];
	await ada.send(move(1));

	const since = { epoch: '', seq: 0 };
	await bob.send({ type: 'stream', id: 3, path: 'test/cursors', args: ['a'], since });

	expect(bob.take()).toMatchObject([{ type: 'stream:snapshot', data: [{ data: 1 }] }]);
});

test('a page that is rendered shows the cursors that are there', async () => {
	const { kernel } = await board();
	const ada = await follower(kernel);
	await ada.send(move(1));

	const request = { url: '/', headers: {}, ip: '127.0.0.1', origin: undefined };
	const seed = await kernel.use('streams').load('test/cursors', ['a'], request);

	expect(seed).toMatchObject({ value: [{ key: keyOf(ada), data: 1 }] });
});

test.each([
	['null', null],
	['nothing', undefined]
])('a move to %s hides the cursor', async (_what, data) => {
	const { kernel, cursors } = await board();
	const [ada, bob] = [await follower(kernel), await follower(kernel)];
	await ada.send(move(1));
	await kernel.clock.advance(16);
	bob.take();

	await ada.send(move(data));

	expect(told(bob.take())).toEqual([['remove', keyOf(ada)]]);
	expect(cursors.list('board:a')).toEqual([]);
});

test('who moves and hides within an interval is told of as gone, once', async () => {
	const { kernel } = await board();
	const [ada, bob] = [await follower(kernel), await follower(kernel)];
	await ada.send(move(1));
	bob.take();

	await ada.send(move(2));
	await ada.send(move(null));
	await kernel.clock.advance(16);

	expect(told(bob.take())).toEqual([['remove', keyOf(ada)]]);
});

test.each<[string, (ada: TestConnection) => Promise<void>]>([
	['closes', (ada) => ada.leave()],
	['leaves the stream', (ada) => ada.send({ type: 'stream:end', id: 1 })]
])('the cursor of who %s goes', async (_how, leave) => {
	const { kernel, cursors } = await board();
	const [ada, bob] = [await follower(kernel), await follower(kernel)];
	await ada.send(move(1));
	await kernel.clock.advance(16);
	await ada.send(move(2));
	await ada.send(move(3));
	bob.take();

	await leave(ada);
	await kernel.clock.advance(16);

	expect(told(bob.take())).toEqual([['remove', keyOf(ada)]]);
	expect(cursors.list('board:a')).toEqual([]);
});

test('the cursor of who follows twice goes with the second stream', async () => {
	const { kernel, cursors } = await board();
	const ada = await follower(kernel);
	await ada.send({ type: 'stream', id: 2, path: 'test/cursors', args: ['a'] });
	await ada.send(move(1));

	await ada.send({ type: 'stream:end', id: 1 });
	expect(cursors.list('board:a')).toHaveLength(1);
	await ada.send({ type: 'stream:end', id: 2 });

	expect(cursors.list('board:a')).toEqual([]);
});

test('a user with two tabs has two pointers of one member', async () => {
	const { kernel, cursors } = await board();
	const user = { id: 'ada' };
	const [one, two] = [await follower(kernel, { user }), await follower(kernel, { user })];

	await one.send(move(1));
	await two.send(move(2));
	await kernel.clock.advance(16);

	expect(cursors.list('board:a')).toEqual([
		{ key: keyOf(one), member: 'ada', data: 1 },
		{ key: keyOf(two), member: 'ada', data: 2 }
	]);
});

test('a cursor that does not move stays, and with a ttl goes', async () => {
	const still = await board();
	const swept = await board({ ttl: 1000 });
	for (const { kernel } of [still, swept]) {
		const [ada, bob] = [await follower(kernel), await follower(kernel)];
		await ada.send(move('still'));
		await bob.send(move('moves'));
		await kernel.clock.advance(900);
		await bob.send(move('moved'));
		await kernel.clock.advance(400);
	}

	expect(still.cursors.list('board:a')).toMatchObject([{ data: 'still' }, { data: 'moved' }]);
	expect(swept.cursors.list('board:a')).toMatchObject([{ data: 'moved' }]);
});

// --- who may move what ---

test('who does not follow cannot move, and names neither topic, key nor user', async () => {
	const { kernel, cursors } = await board();
	const [ada, eve] = [await follower(kernel), await kernel.connect()];
	await eve.send({ type: 'stream', id: 4, path: 'test/other' });
	eve.take();

	for (const id of [1, 4, '1', null, -1, {}, ['1'], '__proto__']) {
		await eve.send({ ...move(1, id as number), topic: '__cursors:board:a', key: keyOf(ada) });
	}
	await ada.send({
		...move(1),
		key: 'forged',
		topic: 'board:b',
		member: 'bob',
		user: { name: 'B' }
	});

	expect(cursors.list('board:a')).toEqual([{ key: keyOf(ada), data: 1 }]);
	expect(cursors.list('board:b')).toEqual([]);
	expect(eve.take()).toEqual([]);
});

test('who is refused by the guard, or by a gate of the topic, neither follows nor moves', async () => {
	const gate = definePlugin({
		name: 'gate',
		setup: ({ hook }) => void hook('subscribe', () => deny('FORBIDDEN'), { topics: 'board:b' })
	});
	const kernel = await startKernel([...single(), gate] as const);
	const guard = async (_ctx: unknown, name: string): Promise<boolean> => name !== 'c';
	const cursors = live.cursors((_ctx, name: string) => `board:${name}`, { guard });
	kernel.use('rpc').mount({ test: { cursors } });
	const eve = await kernel.connect();

	for (const [index, name] of ['a', 'b', 'c'].entries()) {
		await eve.send({ type: 'stream', id: index, path: 'test/cursors', args: [name] });
		await eve.send(move(1, index));
	}

	const codes = eve.take().map((frame) => (frame['error'] as { code?: string } | undefined)?.code);
	expect(codes).toEqual([undefined, undefined, 'FORBIDDEN', 'FORBIDDEN']);
	const { list } = kernel.use('cursors');
	expect(['a', 'b', 'c'].map((name) => (list(`board:${name}`) as Cursor[]).length)).toEqual([
		1, 0, 0
	]);
});

test('others see the name and the colour of a user, and nothing else', async () => {
	const { kernel, cursors } = await board();
	const user = { id: 1, name: 'Ada', color: '#f00', email: 'ada@example.com', admin: true };
	const ada = await follower(kernel, { user });

	await ada.send(move(1));

	const shown = { name: 'Ada', color: '#f00' };
	expect(cursors.list('board:a')).toEqual([{ key: keyOf(ada), member: '1', user: shown, data: 1 }]);
});

test('an app says what others see of a user', async () => {
	const { kernel, cursors } = await board({}, { user: (_ctx, name) => ({ initials: name }) });
	const ada = await follower(kernel);

	await ada.send(move(1));

	expect(cursors.list('board:a')).toMatchObject([{ user: { initials: 'a' } }]);
});

// --- what a client sends ---

const Point = v.object({ x: v.pipe(v.number(), v.transform(Math.round)), y: v.number() });

test('a move is what the schema makes of it', async () => {
	const { kernel, cursors } = await board({}, { data: Point });
	const ada = await follower(kernel);

	await ada.send(move({ x: 1.4, y: 2, z: 3 }));

	expect(cursors.list('board:a')).toMatchObject([{ data: { x: 1, y: 2 } }]);
});

test('a move that the schema refuses leaves the cursor where it was, and its sender is told once', async () => {
	const { kernel, cursors } = await board({}, { data: Point });
	const [ada, bob] = [await follower(kernel), await follower(kernel)];
	await ada.send(move({ x: 1, y: 1 }));
	await kernel.clock.advance(16);
	[ada, bob].map((each) => each.take());

	for (const bad of [{ x: 'far' }, 1, {}]) {
		await ada.send(move(bad));
		await kernel.clock.advance(16);
	}

	expect(ada.take()).toMatchObject([
		{ type: 'cursors:refused', id: 1, error: { code: 'VALIDATION', issues: [{ path: ['x'] }, {}] } }
	]);
	expect(bob.take()).toEqual([]);
	expect(cursors.list('board:a')).toMatchObject([{ data: { x: 1, y: 1 } }]);
	await ada.send(move({ x: 2, y: 2 }));
	await kernel.clock.advance(16);
	await ada.send(move(1));
	expect(ada.take().map(({ type }) => type)).toEqual(['event', 'cursors:refused']);
});

test('a schema that has to be waited for is an error of the app', async () => {
	const slow = v.pipeAsync(
		v.number(),
		v.checkAsync(async () => true)
	);
	const { kernel, cursors } = await board({}, { data: slow });
	const ada = await follower(kernel);

	await ada.send(move(1));

	expect(ada.take()).toMatchObject([{ error: { code: 'INTERNAL_ERROR' } }]);
	expect(takeErrors(kernel)).toEqual(['cursors RT_OPTION_INVALID']);
	expect(cursors.list('board:a')).toEqual([]);
});

const nested = (depth: number): unknown => (depth === 0 ? 1 : [nested(depth - 1)]);

test.each<[string, unknown, string]>([
	['too large', { path: 'x'.repeat(2048) }, 'PAYLOAD_TOO_LARGE'],
	['too large in bytes', { path: 'ü'.repeat(1024) }, 'PAYLOAD_TOO_LARGE'],
	['nested without measure', nested(500), 'INVALID_REQUEST'],
	['meant for prototypes', JSON.parse('{"__proto__":{"a":1}}'), 'INVALID_REQUEST']
])(
	'a move that is %s is refused with a code, and the stream goes on',
	async (_what, data, code) => {
		const { kernel, cursors } = await board();
		const [ada, bob] = [await follower(kernel), await follower(kernel)];

		await ada.sendText(
			JSON.stringify({ type: 'cursors:move', id: 1, data: 0 }).replace('0', JSON.stringify(data))
		);
		await bob.send(move(2));
		await kernel.clock.advance(16);

		expect(ada.take()).toMatchObject([
			{ type: 'cursors:refused', id: 1, error: { code } },
			{ event: 'update' }
		]);
		expect(cursors.list('board:a')).toEqual([{ key: keyOf(bob), data: 2 }]);
	}
);

test.each<[string, number]>([
	['ASCII', 2046],
	['ü', 1023],
	['€', 682],
	['😀', 511]
])(
	'data of just as many bytes as may be is taken, in characters of whatever size: %s',
	async (of, count) => {
		const { kernel, cursors } = await board();
		const ada = await follower(kernel);
		const data = (of === 'ASCII' ? 'x' : of).repeat(count);

		await ada.send(move(data));
		await kernel.clock.advance(16);
		await ada.send(move(`${data}€`));

		expect(cursors.list('board:a')).toMatchObject([{ data }]);
	}
);

test('ten megabytes of a cursor close the connection, and its cursor goes', async () => {
	const { kernel, cursors } = await board();
	const ada = await follower(kernel);
	await ada.send(move(1));

	await ada.send(move('x'.repeat(10_000_000)));

	expect(ada.socket.closed).toMatchObject({ code: 1009 });
	expect(cursors.list('board:a')).toEqual([]);
});

test('moves past the rate are dropped and counted', async () => {
	const { kernel, limits, cursors } = await board({ rate: 3 });
	const ada = await follower(kernel);

	for (let n = 1; n <= 5; n += 1) await ada.send(move(n));
	await kernel.clock.advance(16);

	expect(cursors.list('board:a')).toMatchObject([{ data: 3 }]);
	expect(limits).toEqual(['cursors.rate', 'cursors.rate']);
	await kernel.clock.advance(1000);
	await ada.send(move(6));
	expect(cursors.list('board:a')).toMatchObject([{ data: 6 }]);
});

// --- bounds ---

test.each<[string, CursorsOptions]>([
	['as many cursors as a topic takes', { entries: 1 }],
	['as many bytes as a topic takes', { topicBytes: 60 }],
	['as many bytes as there is room for', { bytes: 60 }]
])('where there are %s, a new one is refused and those there go on', async (_what, options) => {
	const { kernel, limits, cursors } = await board(options);
	const [ada, bob] = [await follower(kernel), await follower(kernel)];
	await ada.send(move('first'));
	await kernel.clock.advance(16);

	await bob.send(move('x'.repeat(50)));
	await kernel.clock.advance(16);
	await ada.send(move('again'));

	expect(cursors.list('board:a')).toMatchObject([{ data: 'again' }]);
	expect(bob.take().filter(({ type }) => type === 'cursors:refused')).toMatchObject([
		{ error: { code: 'SERVICE_UNAVAILABLE' } }
	]);
	expect(limits).toEqual(['cursors.room']);
	await ada.leave();
	await kernel.clock.advance(32);
	await bob.send(move('y'));
	expect(cursors.list('board:a')).toMatchObject([{ data: 'y' }]);
});

test('where as many topics have cursors as may, those of a new one are refused', async () => {
	const { kernel, cursors } = await board({ topics: 1 });
	const [ada, bob] = [await follower(kernel), await follower(kernel, { name: 'b' })];
	await ada.send(move(1));

	await bob.send(move(2));
	expect(cursors.list('board:b')).toEqual([]);
	await ada.send(move(null));
	await kernel.clock.advance(16);
	await bob.send(move(3));

	expect(cursors.list('board:b')).toMatchObject([{ data: 3 }]);
});

test.each<[string, object]>([
	['interval', { interval: -1 }],
	['ttl', { ttl: Number.NaN }],
	['dataBytes', { dataBytes: 0 }],
	['entries', { entries: 1.5 }]
])('the option %s out of its range is an error at once', (name, options) => {
	expect(() => single({ cursors: options })).toThrow(`"${name}" of cursors()`);
});

test('live.cursors() says what it takes', () => {
	expect(() => live.cursors(1 as never)).toThrow('RT_LIVE_ARGUMENTS');
	expect(() => live.cursors('a', { interval: -1 })).toThrow('"interval" of live.cursors()');
	expect(() => live.cursors('a', { data: {} as never })).toThrow('"data" of live.cursors()');
});

// --- the server ---

test('the server lists, moves and removes cursors', async () => {
	const { kernel, cursors } = await board();
	const ada = await follower(kernel);

	cursors.move('board:a', { key: 'bot', user: { name: 'Bot' }, data: 1 });
	await kernel.clock.advance(16);
	cursors.move('board:a', { key: 'bot', data: 2 });
	expect(cursors.list('board:a')).toEqual([{ key: 'bot', data: 2 }]);
	await kernel.clock.advance(16);
	cursors.remove('board:a', 'bot');
	cursors.remove('board:a', 'bot');
	cursors.remove('nowhere', 'bot');

	expect(told(ada.take())).toEqual([
		['update', { key: 'bot', user: { name: 'Bot' }, data: 1 }],
		['update', { key: 'bot', data: 2 }],
		['remove', 'bot']
	]);
	expect(cursors.list('board:a')).toEqual([]);
});

test('what the server moves and takes away within an interval is told of as gone only', async () => {
	const { kernel, cursors } = await board();
	const ada = await follower(kernel);
	cursors.move('board:a', { key: 'bot', data: 1 });
	ada.take();

	cursors.move('board:a', { key: 'bot', data: 2 });
	cursors.remove('board:a', 'bot');
	await kernel.clock.advance(16);
	expect(told(ada.take())).toEqual([['remove', 'bot']]);
	cursors.move('board:a', { key: 'bot', data: 3 });
	cursors.remove('board:a', 'bot');
	cursors.move('board:a', { key: 'bot', data: 4 });
	await kernel.clock.advance(16);

	expect(told(ada.take())).toEqual([['update', { key: 'bot', data: 4 }]]);
});

test('what is more than JSON, or finds no room, the server is told of', async () => {
	const { cursors } = await board({ entries: 1 });
	cursors.move('board:a', { key: 'one', data: 1 });

	expect(() => cursors.move('board:a', { key: 'one', data: new Date() })).toThrow(
		'RT_VALUE_UNSERIALIZABLE'
	);
	expect(() => cursors.move('board:a', { key: 'two', data: 2 })).toThrow(LiveError);
});

test('a live function lists the cursors through ctx', async () => {
	const { kernel } = await board();
	const ada = await follower(kernel);
	await ada.send(move(1));
	const count = live((ctx) => (ctx.cursors.list('board:a') as Cursor[]).length);
	kernel.use('rpc').mount({ test: { count } });

	await ada.send({ type: 'rpc', id: 9, path: 'test/count' });

	expect(ada.take()).toMatchObject([{ event: 'update' }, { type: 'reply', id: 9, data: 1 }]);
});

test('nothing is kept of topics that everybody has left', async () => {
	const { kernel } = await board();
	const timers = kernel.clock.pending;
	for (let n = 0; n < 50; n += 1) {
		const ada = await follower(kernel, { name: String(n) });
		if (n % 2 === 0) await ada.send(move(1));
		await ada.leave();
	}

	await kernel.clock.advance(100);

	expect(kernel.clock.pending).toBe(timers);
});
