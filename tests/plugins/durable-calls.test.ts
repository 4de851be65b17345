import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { live, LiveError } from 'svelte-realtime';
import { createKernel } from 'svelte-realtime/kernel';
import { instances } from 'svelte-realtime/plugins/instances';
import { redis } from 'svelte-realtime/plugins/redis';
import { redisIdempotency } from 'svelte-realtime/plugins/redis-idempotency';
import { redisInstances } from 'svelte-realtime/plugins/redis-instances';
import { memoryCalls, rpc, type CallsOptions } from 'svelte-realtime/plugins/rpc';
import { fakeTransport, VirtualClock } from 'svelte-realtime/testing';
import { callsStoreContract } from '../contracts/calls-store.ts';
import { killChildren, startChild } from '../servers/child.ts';
import { startRedis, type RedisServer } from '../servers/redis.ts';
import { until } from '../servers/until.ts';

let server: RedisServer;
let prefixes = 0;

beforeAll(async () => {
	server = await startRedis();
}, 120_000);
afterAll(() => server?.stop());

const running: { shutdown(): Promise<void> }[] = [];
afterEach(async () => {
	await killChildren();
	await Promise.all(running.splice(0).map((kernel) => kernel.shutdown()));
});

const freshPrefix = (): string => `test${(prefixes += 1)}:`;

callsStoreContract('memory', async () => {
	const clock = new VirtualClock();
	return {
		store: memoryCalls({ clock, size: 100 }),
		elapse: (ms) => clock.advance(ms),
		close: async () => {}
	};
});

test('a store in memory refuses calls past its size, and forgets none for them', async () => {
	const clock = new VirtualClock();
	const store = memoryCalls({ clock, size: 2 });
	const times = { lease: 100, retention: 1000 };
	for (const call of ['a', 'b']) await store.claim(call, 'x', times);

	expect(() => store.claim('c', 'x', times)).toThrow('Too many calls');
	expect(await store.claim('a', 'y', times)).toEqual({ state: 'running' });
	await clock.advance(60_000);

	expect(await store.claim('c', 'x', times)).toEqual({ state: 'first' });
	await clock.advance(120_000);
	expect(clock.pending).toBe(0);
});

const SESSION = 'a-session-of-16-or-more';
const LEASE = 900;

type Frame = Readonly<Record<string, unknown>>;

/** What ran where, and the ends of what waits. */
interface World {
	readonly prefix: string;
	readonly ran: string[];
	readonly finish: Map<string, () => void>;
}

const world = (): World => ({ prefix: freshPrefix(), ran: [], finish: new Map() });

/** An instance of an app, under a name. */
async function start(name: string, { prefix, ran, finish }: World, options: CallsOptions = {}) {
	const errors: string[] = [];
	const transport = fakeTransport();
	const kernel = createKernel({
		plugins: [
			redis({ url: server.url, prefix, commandTimeout: 500, resetAfter: 50 }),
			redisInstances(),
			instances({ heartbeat: LEASE / 3, ttl: LEASE }),
			redisIdempotency(),
			rpc({ lease: LEASE, ...options })
		],
		transport,
		report: (_plugin, error) => errors.push(String(error))
	});
	await kernel.start();
	running.push(kernel);

	const now = (_ctx: unknown, text: string): string => {
		ran.push(`${text} ${name}`);
		return `${text} of ${name}`;
	};
	const later = async (_ctx: unknown, text: string): Promise<string> => {
		ran.push(`${text} ${name}`);
		await new Promise<void>((done) => finish.set(text, done));
		return `${text} of ${name}`;
	};
	const fail = (_ctx: unknown, text: string): never => {
		ran.push(`${text} ${name}`);
		throw new LiveError('CONFLICT', text);
	};
	const durable = { durable: true };
	kernel.use('rpc').mount({
		test: {
			now: live(now),
			later: live(later),
			pay: live(now, durable),
			hang: live(later, durable),
			fail: live(fail, durable),
			gated: live.gate((_ctx, text: string) => text !== 'y', live(now, durable)),
			large: live((_ctx, size: number) => 'x'.repeat(size), durable)
		}
	});
	return {
		kernel,
		errors,
		/** A connection of the client, with his session. */
		async connect(user?: unknown, more: object = {}) {
			const socket = transport.socket();
			const connection = kernel.open(socket, user === undefined ? {} : { user });
			socket.onClose = (code, reason) => kernel.close(connection, code, reason);
			const send = (...frames: readonly object[]): void => {
				const text = JSON.stringify(frames);
				kernel.message(connection, text, Buffer.byteLength(text));
			};
			send({ type: 'rpc:session', session: SESSION, ...more });
			const replies = (): Frame[] =>
				socket.sent
					.map((text) => JSON.parse(String(text)) as Frame)
					.filter(({ type }) => type === 'reply');
			return {
				via: connection.id,
				send,
				replies,
				/** The replies, once there are so many. */
				async got(count: number): Promise<readonly Frame[]> {
					await until(() => replies().length >= count);
					return replies();
				},
				leave: () => socket.end(1006, '')
			};
		},
		stop: async () => {
			running.splice(running.indexOf(kernel), 1);
			await kernel.shutdown();
		}
	};
}

const call = (id: number, name: string, text: unknown, more: object = {}): object => ({
	type: 'rpc',
	id,
	path: `test/${name}`,
	args: [text],
	...more
});
const done = (id: number, data: string): object => expect.objectContaining({ id, data });
const failed = (id: number, code: string): object =>
	expect.objectContaining({ id, error: expect.objectContaining({ code }) });
const unknown = (id: number): object => failed(id, 'UNKNOWN_OUTCOME');

/** Two instances, and a client who has lost his connection to the first one. */
async function two(...sent: readonly object[]) {
	const at = world();
	const [a, b] = [await start('a', at), await start('b', at)];
	const first = await a.connect();
	first.send(...sent);
	first.leave();
	return { ...at, a, b, via: first.via, first };
}

test('a repeat on another instance is answered with what the first one has got', async () => {
	const { b, ran, via } = await two(call(1, 'now', 'x'));

	const second = await b.connect();
	second.send(call(1, 'now', 'x', { again: via }));

	expect(await second.got(1)).toEqual([done(1, 'x of a')]);
	second.send(call(1, 'now', 'x', { again: via }));
	expect(await second.got(2)).toEqual([done(1, 'x of a'), done(1, 'x of a')]);
	expect(ran).toEqual(['x a']);
});

test('a repeat on another instance waits for a call that runs on the first one', async () => {
	const { b, ran, finish, via } = await two(call(1, 'later', 'x'));

	const second = await b.connect();
	second.send(call(1, 'later', 'x', { again: via }), call(2, 'now', 'y'));
	expect(await second.got(1)).toEqual([done(2, 'y of b')]);
	finish.get('x')!();

	expect(await second.got(2)).toEqual([done(2, 'y of b'), done(1, 'x of a')]);
	expect(ran).toEqual(['x a', 'y b']);
});

test('what never arrived runs where it comes to, once, and not where it comes to late', async () => {
	const { a, b, ran, via } = await two();
	const abandoned = await a.connect();
	const second = await b.connect();
	second.send(
		call(1, 'now', 'x', { again: via }),
		call(2, 'now', 'y', { again: abandoned.via, after: 1 })
	);
	expect(await second.got(2)).toEqual([done(1, 'x of b'), done(2, 'y of b')]);

	abandoned.send(call(1, 'now', 'x'), call(2, 'now', 'y'));
	expect(await abandoned.got(2)).toEqual([unknown(1), unknown(2)]);
	second.leave();
	const back = await a.connect();
	back.send(call(2, 'now', 'y', { again: abandoned.via }));

	expect(await back.got(1)).toEqual([done(2, 'y of b')]);
	expect(ran).toEqual(['x b', 'y b']);
});

test('of a third instance it is known who has taken a call over', async () => {
	const { prefix, b, ran, finish, via } = await two();
	const c = await start('c', { prefix, ran, finish });
	const second = await b.connect();
	second.send(call(1, 'later', 'x', { again: via }));
	await until(() => finish.has('x'));
	second.leave();

	const third = await c.connect();
	third.send(call(1, 'later', 'x', { again: via }));
	finish.get('x')!();

	expect(await third.got(1)).toEqual([done(1, 'x of b')]);
	expect(ran).toEqual(['x b']);
});

test('each call is asked of the instance that was sent it first', async () => {
	const { prefix, a, b, ran, finish, via } = await two(call(1, 'later', 'x'));
	const c = await start('c', { prefix, ran, finish });
	const second = await b.connect();
	// The answer to the first has not come when this one goes out, and breaks as well.
	second.send(call(1, 'later', 'x', { again: via }), call(2, 'now', 'y'));
	await second.got(1);
	second.leave();

	const third = await c.connect();
	third.send(call(1, 'later', 'x', { again: via }), call(2, 'now', 'y', { again: second.via }));
	expect(await third.got(1)).toEqual([done(2, 'y of b')]);
	finish.get('x')!();

	expect(await third.got(2)).toEqual([done(2, 'y of b'), done(1, 'x of a')]);
	expect(ran).toEqual(['x a', 'y b']);
	expect(a.errors).toEqual([]);
});

test('an instance that ends tells another one; of any other that is gone nobody knows', async () => {
	const { a, b, ran, via } = await two(call(1, 'now', 'x'));
	await until(async () => (await a.kernel.use('instances').alive()).length === 2);
	await a.stop();

	const second = await b.connect();
	const again = ['nobody-1', '-', '', 'x'].map((none, i) =>
		call(i + 2, 'now', 'y', { again: none })
	);
	second.send(
		...[call(1, 'now', 'x', { again: via }), call(6, 'now', 'z', { again: via })],
		...again
	);

	const replies = await second.got(6);
	expect([...replies].sort((x, y) => Number(x['id']) - Number(y['id']))).toEqual([
		...[done(1, 'x of a'), ...[2, 3, 4, 5].map(unknown)],
		done(6, 'z of b')
	]);
	expect(ran).toEqual(['x a', 'z b']);
});

test('who has become somebody else is told nothing, and runs nothing twice', async () => {
	const at = world();
	const [a, b] = [await start('a', at), await start('b', at)];
	const guest = await a.connect();
	guest.send(call(1, 'now', 'secret'), call(2, 'pay', 'secret'));
	await guest.got(2);

	const ada = await b.connect({ id: 'ada' });
	ada.send(
		call(1, 'now', 'secret', { again: guest.via }),
		call(2, 'pay', 'secret', { again: guest.via })
	);

	expect(await ada.got(2)).toEqual(expect.arrayContaining([unknown(1), unknown(2)]));
	expect(at.ran).toEqual(['secret a', 'secret a']);
});

test('what was forgotten on the first instance is not run on another one', async () => {
	const at = world();
	const [a, b] = [await start('a', at, { sessions: 1 }), await start('b', at)];
	const first = await a.connect();
	first.send(call(1, 'now', 'x'));
	// Another client, for whom the first one has to make room.
	const other = await a.connect(undefined, { session: 'another-session-of-mine' });
	other.send(call(1, 'now', 'other'));
	await other.got(1);

	const second = await b.connect();
	second.send(call(1, 'now', 'x', { again: first.via }));

	expect(await second.got(1)).toEqual([unknown(1)]);
	expect(at.ran).toEqual(['x a', 'other a']);
});

test('who has taken a call over and forgotten it does not take it over again', async () => {
	const at = world();
	const [a, b] = [await start('a', at), await start('b', at, { sessions: 1 })];
	const { via } = await a.connect();
	const first = await b.connect();
	first.send(call(1, 'now', 'x', { again: via }));
	expect(await first.got(1)).toEqual([done(1, 'x of b')]);
	await b.connect(undefined, { session: 'another-session-of-mine' });

	const back = await b.connect();
	back.send(call(1, 'now', 'x', { again: via }));

	expect(await back.got(1)).toEqual([unknown(1)]);
	expect(at.ran).toEqual(['x b']);
});

// --- durable ---

test('what a durable call came to is known after its instance is gone', async () => {
	const { a, b, ran } = await two();
	const first = await a.connect();
	first.send(call(1, 'pay', 'x'), call(2, 'fail', 'y'));
	await first.got(2);
	await a.stop();

	const second = await b.connect();
	second.send(
		call(1, 'pay', 'x', { again: first.via }),
		call(2, 'fail', 'y', { again: first.via })
	);

	const replies = await second.got(2);
	expect(replies).toEqual(expect.arrayContaining([done(1, 'x of a'), failed(2, 'CONFLICT')]));
	expect(ran).toEqual(['x a', 'y a']);
});

test('a durable call that runs elsewhere is waited for, for longer than its lease', async () => {
	const { b, prefix, ran, finish, via } = await two(call(1, 'hang', 'x'));
	await until(() => finish.has('x'));
	const second = await b.connect();
	second.send(call(1, 'hang', 'x', { again: via }));

	const direct = new Redis(server.url);
	const [key] = await direct.keys(`${prefix}{call*`);
	const held = async (): Promise<number> => Number(await direct.hget(key!, 'h'));
	const later = (await held()) + 1.5 * LEASE;
	await until(async () => (await held()) > later);
	direct.disconnect();
	expect(second.replies()).toEqual([]);
	finish.get('x')!();

	expect(await second.got(1)).toEqual([done(1, 'x of a')]);
	expect(ran).toEqual(['x a']);
});

test('a durable call that never arrived runs, where the first instance lives and where not', async () => {
	const { a, b, ran, via } = await two();
	const second = await b.connect();
	second.send(call(1, 'pay', 'x', { again: via }));
	expect(await second.got(1)).toEqual([done(1, 'x of b')]);
	await a.stop();

	second.send(call(2, 'pay', 'y', { again: via }));

	expect(await second.got(2)).toEqual([done(1, 'x of b'), done(2, 'y of b')]);
	expect(ran).toEqual(['x b', 'y b']);
});

test('a durable call whose age nobody knows does not run', async () => {
	const { b, ran } = await two();
	const second = await b.connect(undefined, { last: 2 });

	second.send(call(1, 'pay', 'x', { again: '-' }), call(2, 'pay', 'x', { again: true }));

	expect(await second.got(2)).toEqual(expect.arrayContaining([unknown(1), unknown(2)]));
	expect(ran).toEqual([]);
});

test('a durable call that is refused leaves nothing behind', async () => {
	const { a, prefix } = await two();
	const client = await a.connect();
	client.send(call(1, 'gated', 'x'), call(2, 'gated', 'y'), call(3, 'pay', 'z', { op: '' }));

	const replies = await client.got(3);
	expect(replies).toEqual(
		expect.arrayContaining([
			done(1, 'x of a'),
			failed(2, 'FORBIDDEN'),
			failed(3, 'INVALID_REQUEST')
		])
	);
	const direct = new Redis(server.url);
	await until(async () => (await direct.keys(`${prefix}{call*`)).length === 1);
	direct.disconnect();
});

test('what is too large to be kept is told once, and then said to be so', async () => {
	const at = world();
	const [a, b] = [await start('a', at, { replySize: 100 }), await start('b', at)];
	const first = await a.connect();
	first.send(call(1, 'large', 200));
	expect(await first.got(1)).toEqual([done(1, 'x'.repeat(200))]);

	const second = await b.connect();
	second.send(call(1, 'large', 200, { again: first.via }));

	expect(await second.got(1)).toEqual([failed(1, 'PAYLOAD_TOO_LARGE')]);
});

test('while Redis is down a durable call does not run, and one that has run is answered', async () => {
	const { a, b, ran, finish } = await two();
	const first = await a.connect();
	first.send(call(1, 'hang', 'x'));
	await until(() => finish.has('x'));
	await server.kill();

	finish.get('x')!();
	first.send(call(2, 'pay', 'y'));
	expect(await first.got(2)).toEqual(
		expect.arrayContaining([done(1, 'x of a'), failed(2, 'SERVICE_UNAVAILABLE')])
	);
	await server.restart();

	// Redis is empty: who has run it tells it again.
	const second = await b.connect();
	second.send(call(1, 'hang', 'x', { again: first.via }));
	expect(await second.got(1)).toEqual([done(1, 'x of a')]);
	expect(ran).toEqual(['x a']);
});

test('where Redis has lost its data, what the first instance knows counts', async () => {
	const { b, ran, via } = await two(call(1, 'pay', 'x'));
	await until(() => ran.length === 1);
	const direct = new Redis(server.url);
	await until(async () => (await direct.keys('*{call*')).length > 0);
	for (const key of await direct.keys('*{call*')) await direct.del(key);
	direct.disconnect();

	const second = await b.connect();
	second.send(call(1, 'pay', 'x', { again: via }));

	expect(await second.got(1)).toEqual([done(1, 'x of a')]);
	expect(ran).toEqual(['x a']);
});

// --- an instance that is killed ---

const CALLER = new URL('../fixtures/cluster/caller.ts', import.meta.url).pathname;

interface Said {
	readonly via?: string;
	readonly ran?: string;
	readonly answered?: number;
}

/** An instance that is killed when it has said what a test waits for. */
async function killedAfter(at: World, frame: object, isThere: (said: Said) => boolean) {
	const frames = [{ type: 'rpc:session', session: SESSION }, frame];
	const options = { url: server.url, prefix: at.prefix, lease: LEASE, frames };
	const child = await startChild<Said>(CALLER, options);
	await until(() => child.said.some(isThere));
	await child.kill();
	return {
		via: child.said.find(({ via }) => via)!.via!,
		runs: child.said.filter(({ ran }) => ran).length
	};
}

test('kill -9 in the middle of a durable call: nobody knows, and it is never run again', async () => {
	const at = world();
	const b = await start('b', at);
	const { via, runs } = await killedAfter(at, call(1, 'hang', 'x'), ({ ran }) => ran === 'x');

	const client = await b.connect();
	client.send(call(1, 'hang', 'x', { again: via }));
	expect(await client.got(1)).toEqual([unknown(1)]);
	client.leave();
	const c = await start('c', at);
	const next = await c.connect();
	next.send(call(1, 'hang', 'x', { again: via }));

	expect(await next.got(1)).toEqual([unknown(1)]);
	expect([runs, at.ran]).toEqual([1, []]);
}, 60_000);

test('kill -9 after a durable call has run: what it came to is told elsewhere', async () => {
	const at = world();
	const b = await start('b', at);
	const { via, runs } = await killedAfter(
		at,
		call(1, 'pay', 'x'),
		({ answered }) => answered === 1
	);

	const client = await b.connect();
	client.send(call(1, 'pay', 'x', { again: via }), call(2, 'now', 'y', { again: via }));

	expect(await client.got(2)).toEqual(
		expect.arrayContaining([done(1, 'x of the first'), unknown(2)])
	);
	expect([runs, at.ran]).toEqual([1, []]);
}, 60_000);

test.each([{ lease: 1 }, { retention: 1000 }, { replySize: 0 }])(
	'%j of rpc() is RT_OPTION_INVALID, and so is a `durable` that is neither',
	(options) => {
		expect(() => rpc(options)).toThrow('RT_OPTION_INVALID');
		expect(() => live(() => 1, { durable: 1 as never })).toThrow('RT_OPTION_INVALID');
	}
);
