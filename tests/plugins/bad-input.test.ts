/** What clients do that mean harm, to a server that has every plugin with its defaults. */

import { expect, test } from 'vitest';
import { deny, definePlugin, live, type Plugin } from 'svelte-realtime';
import { LIMITS } from 'svelte-realtime/kernel';
import type { LiveContext } from 'svelte-realtime/plugins/rpc';
import type { MessageMiddleware } from 'svelte-realtime/plugins/middleware';
import { single } from 'svelte-realtime/presets';
import { settle, type TestConnection } from 'svelte-realtime/testing';
import { seeded, seedOf, type Random } from '../kernel/random.ts';
import { startKernel } from '../kernel/tracked.ts';

const MB = 1024 * 1024;

type Guard = (ctx: LiveContext) => boolean | Promise<boolean>;

const room = (guard: Guard = () => true) =>
	live.room({
		topic: (_ctx, name: string) => `room:${name}`,
		init: (_ctx, name) => [{ id: 1, secret: `of ${name}` }],
		presence: true,
		cursors: true,
		guard: (ctx) => guard(ctx),
		actions: {
			add: (ctx, _name: string, text: string) => {
				void ctx.publish('created', { id: 2, text });
			}
		}
	});

async function serving(board: unknown = room(), more: readonly Plugin[] = []) {
	const list: ReturnType<typeof single> = [...single(), ...more];
	const kernel = await startKernel(list);
	kernel.mount({ test: { board, echo: live((_ctx, value: unknown) => value) } });
	return kernel;
}

const follow = (id: number, part: string, name: string): object => ({
	type: 'stream',
	id,
	path: `test/board.${part}`,
	args: [name]
});
/** Topics of a connection, but for the signals of its user, which nobody asks for. */
function followedBy({ connection }: TestConnection): string[] {
	const topics: string[] = [];
	for (let wish = connection.followed; wish; wish = wish.next) topics.push(wish.name);
	return topics.filter((topic) => !topic.startsWith('__signal:'));
}
const user = (id: string): object => ({ user: { id, name: id } });
const errorOf = (frames: readonly object[]): unknown[] =>
	(frames as { error?: { code: string } }[]).map(({ error }) => error?.code);

// --- size ---

test('10 MB of cursor data close the connection, and nobody else hears of it', async () => {
	const kernel = await serving();
	const eve = await kernel.connect(user('eve'));
	const ada = await kernel.connect(user('ada'));
	await eve.send(follow(1, 'cursors', 'a'));
	await ada.send(follow(1, 'cursors', 'a'));
	ada.take();

	await eve.send({ type: 'cursors:move', id: 1, data: 'x'.repeat(10 * MB) });
	await kernel.clock.advance(100);

	expect(eve.socket.closed).toMatchObject({ code: 1009 });
	expect(ada.take()).toEqual([]);
});

test('cursor data that fits into a message and into no cursor is refused', async () => {
	const kernel = await serving();
	const eve = await kernel.connect(user('eve'));
	const ada = await kernel.connect(user('ada'));
	await eve.send(follow(1, 'cursors', 'a'));
	await ada.send(follow(1, 'cursors', 'a'));
	ada.take();
	eve.take();

	await eve.send({ type: 'cursors:move', id: 1, data: 'x'.repeat(LIMITS.message - 100) });
	await kernel.clock.advance(100);

	expect(eve.take()).toMatchObject([
		{ type: 'cursors:refused', id: 1, error: { code: 'PAYLOAD_TOO_LARGE' } }
	]);
	expect(ada.take()).toEqual([]);
});

// --- names ---

test.each(['a\u0000b', 'a\nb', '\u001b[2J', '\u007f', '\u0085', 'x'.repeat(300)])(
	'a topic that a client’s words make of %j is refused in every part, and followed by nobody',
	async (name) => {
		const kernel = await serving();
		const eve = await kernel.connect(user('eve'));

		await eve.send(...['data', 'presence', 'cursors'].map((part, i) => follow(i + 1, part, name)));

		expect(errorOf(eve.take())).toEqual(['INVALID_TOPIC', 'INVALID_TOPIC', 'INVALID_TOPIC']);
		expect(followedBy(eve)).toEqual([]);
	}
);

test('a member id that a client makes up is nobody’s', async () => {
	const kernel = await serving();
	const ada = await kernel.connect(user('ada'));
	const eve = await kernel.connect(user('eve'));
	for (const part of ['data', 'presence', 'cursors']) {
		await ada.send(follow(['data', 'presence', 'cursors'].indexOf(part) + 1, part, 'a'));
		await eve.send(follow(['data', 'presence', 'cursors'].indexOf(part) + 1, part, 'a'));
	}
	await kernel.clock.advance(100);
	ada.take();
	const forged = { key: 'ada', member: 'ada', user: { id: 'ada' }, topic: 'room:a' };

	await eve.send({ type: 'presence:update', ...forged, id: 2, state: { ...forged } });
	await eve.send({ type: 'cursors:move', ...forged, id: 3, data: { x: 1 } });
	await eve.send({ type: 'presence:leave', ...forged, id: 4 });
	await eve.send({ type: 'event', event: 'leave', data: { key: 'ada' }, ...forged, id: 5 });
	await kernel.clock.advance(100);

	const keys = (await kernel.use('presence').list('room:a')).map(({ key }) => key);
	expect(keys).toEqual(['ada', 'eve']);
	const heard = ada.take();
	expect(heard).toMatchObject([{ event: 'update', data: { member: 'eve', data: { x: 1 } } }]);
});

// --- refusals ---

test('who an async guard keeps out hears nothing, and nobody hears of them', async () => {
	let decide = (_is: boolean): void => {};
	const decided = new Promise<boolean>((resolve) => (decide = resolve));
	const guard: Guard = ({ user }) => (user as unknown as { id: string }).id !== 'eve' || decided;
	const kernel = await serving(room(guard));
	const ada = await kernel.connect(user('ada'));
	const eve = await kernel.connect(user('eve'));
	const parts = ['data', 'presence', 'cursors'];
	for (const [i, part] of parts.entries()) await ada.send(follow(i + 1, part, 'a'));
	await kernel.clock.advance(100);
	ada.take();

	const add = { type: 'rpc', id: 9, path: 'test/board.add', args: ['a', 'hers'] };
	await eve.send(...parts.map((part, i) => follow(i + 1, part, 'a')), add);
	await eve.send({ type: 'cursors:move', id: 3, data: { x: 1 } });
	await eve.send({ type: 'presence:update', id: 8, state: { typing: true } });
	await kernel.publish('room:a', 'created', { id: 3, secret: 'said meanwhile' });
	await kernel.clock.advance(100);

	const before = eve.take();
	expect(JSON.stringify(before)).not.toMatch(/secret|ada|room:a/);
	expect(followedBy(eve)).toEqual([]);
	decide(false);
	await settle();
	await kernel.publish('room:a', 'created', { id: 4, secret: 'said after' });
	await kernel.clock.advance(100);

	const refusals = [1, 2, 3, 9].map((id) => expect.objectContaining({ type: 'reply', id }));
	const after = eve.take();
	expect(after).toEqual(expect.arrayContaining(refusals));
	expect(errorOf(after)).toEqual(after.map(() => 'FORBIDDEN'));
	expect(after).toHaveLength(4);
	expect(JSON.stringify(ada.take())).not.toMatch(/"eve"|hers/);
	expect((await kernel.use('presence').list('room:a')).map(({ key }) => key)).toEqual(['ada']);
});

test('when to come back, a gate’s refusal says to who wants to follow, a page included', async () => {
	const closed = definePlugin({
		name: 'closed',
		setup: ({ hook }) => void hook('subscribe', () => deny('RATE_LIMITED', 'Not now.', 700))
	});
	const kernel = await serving(room(), [closed]);
	kernel.mount({ test: { news: live.stream('news', () => []) } });
	const ada = await kernel.connect();

	await ada.send({ type: 'stream', id: 1, path: 'test/news' });

	const error = { code: 'RATE_LIMITED', message: 'Not now.', retryAfter: 700 };
	expect(ada.take()).toEqual([{ type: 'reply', id: 1, error }]);
	const request = { url: '/', headers: {}, ip: '::1', origin: undefined };
	await expect(kernel.use('streams').load('test/news', [], request)).rejects.toMatchObject(error);
});

// --- floods ---

/** Bytes of the heap that are in use. */
function heap(): number {
	globalThis.gc?.();
	return process.memoryUsage().heapUsed;
}

test('joins without end from one connection stop at its budget, and leave nothing behind', async () => {
	const kernel = await serving();
	const eve = await kernel.connect(user('eve'));
	const codes = new Map<unknown, number>();

	for (let id = 1; id <= 3000; id += 1) {
		await eve.send(follow(id, 'data', `r${id}`));
		for (const frame of eve.take()) {
			const what = frame.type === 'reply' ? errorOf([frame])[0] : frame.type;
			codes.set(what, (codes.get(what) ?? 0) + 1);
		}
	}

	// The clock stands: the budget is what can be taken at once.
	expect(Object.fromEntries(codes)).toEqual({ 'stream:snapshot': 100, RATE_LIMITED: 2900 });
	// One topic for the data of each, and nothing for those that were refused.
	expect(followedBy(eve)).toHaveLength(100);
	await eve.leave();
	await kernel.clock.advance(60_000);
	for (let i = 1; i <= 100; i += 1) {
		expect(await kernel.use('presence').count(`room:r${i}`)).toBe(0);
	}
});

test('of more who come than find room some are not listed, and what all of them cost is bounded', async () => {
	const kernel = await startKernel(single({ presence: { entries: 2000 } }));
	kernel.mount({ test: { board: room() } });
	const before = heap();
	const clients: TestConnection[] = [];
	for (let i = 0; i < 3000; i += 1) {
		const client = await kernel.connect(user(`u${i}`));
		kernel.message(client.connection, JSON.stringify(follow(1, 'data', 'a')), 100);
		clients.push(client);
		if (i % 500 === 0) await kernel.clock.advance(100);
		client.socket.sent.length = 0;
	}
	await kernel.clock.advance(100);

	expect(await kernel.use('presence').count('room:a')).toBe(2000);
	for (const { socket } of clients) socket.sent.length = 0;
	// A connection, its stream and its member; with what the test itself keeps of it.
	expect((heap() - before) / clients.length).toBeLessThan(32 * 1024);

	for (const client of clients) client.socket.end(1001, '');
	await kernel.clock.advance(60_000);
	expect(await kernel.use('presence').count('room:a')).toBe(0);
}, 60_000);

test('of 5,001 who call at once one is refused, and those who are counted are not', async () => {
	const kernel = await serving();
	const call = { type: 'rpc', id: 1, path: 'test/echo', args: [1] };
	const clients: TestConnection[] = [];

	for (let i = 0; i < 5001; i += 1) {
		const client = await kernel.connect(user(`u${i}`));
		kernel.message(client.connection, JSON.stringify(call), 60);
		clients.push(client);
	}

	const refused = clients.flatMap((client, i) => (errorOf(client.take())[0] ? [i] : []));
	expect(refused).toEqual([5000]);
	await clients[0]!.send(call);
	expect(errorOf(clients[0]!.take())).toEqual([undefined]);
	// Once one of them has all points back there is room again.
	await kernel.clock.advance(2000);
	await clients[5000]!.send(call);
	expect(errorOf(clients[5000]!.take())).toEqual([undefined]);
}, 30_000);

// --- anything ---

const TYPES = [
	...['rpc', 'rpc:session', 'rpc:cancel', 'stream', 'stream:end', 'stream:more'],
	...['presence:update', 'cursors:move', 'ping', 'event', 'reply', '__proto__', 'nothing']
];
/** Types whose frames are answered, if at all, by what is in ANSWERS. */
const SILENT = new Set(['rpc:session', 'rpc:cancel', 'stream:end', 'cursors:move', 'ping']);
const ANSWERS = new Set([
	...['reply', 'stream:snapshot', 'stream:recovered', 'stream:delta', 'stream:page'],
	'presence:self'
]);
const PATHS = [
	...['test/echo', 'test/board.data', 'test/board.presence', 'test/board.cursors'],
	...['test/board.add', 'test/board', 'test/pages', 'test/none', '__proto__/x']
];
const VALUES = [
	...[undefined, null, true, 0, -1, 1.5, 1e308, '', 'a', '\u0000', '__proto__', [], {}],
	...[[[]], ['a'], ['a', 'b'], { x: 1 }, { epoch: 'a', seq: 1 }, { epoch: 1, seq: -1 }]
];

function frameOf(random: Random): Record<string, unknown> {
	const frame: Record<string, unknown> = { type: random.pick(TYPES) };
	const value = (): unknown => random.pick(VALUES);
	if (random.chance(0.9)) frame['id'] = random.chance(0.9) ? random.below(40) : value();
	if (random.chance(0.8)) frame['path'] = random.chance(0.95) ? random.pick(PATHS) : value();
	if (random.chance(0.8)) frame['args'] = random.chance(0.7) ? ['a', 'b'] : value();
	const rare = ['data', 'state', 'devalue', 'since', 'pages', 'version', 'cursor', 'op', 'after'];
	for (const name of [...rare, 'again', 'done', 'session', 'topic', 'key', 'last', 'via']) {
		if (random.chance(0.15)) frame[name] = value();
	}
	return frame;
}

const later: MessageMiddleware = async (_message, next) => {
	await settle();
	return next();
};

test.each<[string, readonly MessageMiddleware[]]>([
	['', []],
	[' behind a middleware that takes its time', [later]]
])(
	'whatever the frames are, each%s is answered at most once, and the server lives',
	async (_where, messages) => {
		const seed = seedOf(20_261_122);
		const random = seeded(seed);
		const list = single({ ratelimit: { calls: false }, middleware: { messages } });
		const kernel = await startKernel(list);
		const pages = live.stream('pages', (_ctx) => [{ id: 1 }]);
		kernel.mount({
			test: { board: room(), echo: live((_ctx, value: unknown) => value), pages }
		});

		let asked = 0;
		for (let round = 0; round < 60; round += 1) {
			const eve = await kernel.connect(user(`u${round % 3}`));
			const owed = new Map<number, number>();
			const answered = new Map<number, number>();
			for (let turn = 0; turn < 60; turn += 1) {
				const frames = Array.from({ length: 1 + random.below(4) }, () => frameOf(random));
				for (const { type, id } of frames) {
					const isId = Number.isSafeInteger(id) && (id as number) >= 0;
					if (!isId || SILENT.has(type as string)) continue;
					owed.set(id as number, (owed.get(id as number) ?? 0) + 1);
				}
				await eve.send(...frames);
				if (messages.length > 0) for (let i = 0; i < 5; i += 1) await settle();
				if (random.chance(0.2)) await kernel.clock.advance(random.below(200));
				for (const { type, id } of eve.take()) {
					if (!ANSWERS.has(type) || typeof id !== 'number') continue;
					answered.set(id, (answered.get(id) ?? 0) + 1);
				}
			}
			for (const [id, count] of answered) {
				asked += count;
				expect(count, `seed ${seed}, round ${round}, id ${id}`).toBeLessThanOrEqual(
					owed.get(id) ?? 0
				);
			}
			expect(eve.connection.isOpen).toBe(true);
			await eve.leave(random.chance(0.5) ? 1001 : 1006);
		}

		expect(asked).toBeGreaterThan(1000);
		expect(kernel.errors.map(({ plugin, error }) => `${plugin}: ${String(error)}`)).toEqual([]);
		const ada = await kernel.connect(user('ada'));
		expect(await ada.call('test/echo', 1)).toBe(1);
	},
	60_000
);
