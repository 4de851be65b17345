import { live, LiveError } from 'svelte-realtime';
import { createClient, type WebSocketLike } from 'svelte-realtime/client';
import { definePlugin, type Connection } from 'svelte-realtime/kernel';
import {
	memoryRateLimits,
	ratelimit,
	type RateLimitOptions,
	type RateLimitPolicy,
	type RateLimitStore
} from 'svelte-realtime/plugins/ratelimit';
import { replay } from 'svelte-realtime/plugins/replay';
import { rpc } from 'svelte-realtime/plugins/rpc';
import { streams } from 'svelte-realtime/plugins/streams';
import { provided, settle, type TestConnection } from 'svelte-realtime/testing';
import * as v from 'valibot';
import { describe, expect, test } from 'vitest';
import { rateLimiterContract, type StoreUnderTest } from '../contracts/rate-limiter.ts';
import { startKernel, takeErrors } from '../kernel/tracked.ts';

function underTest(make: (store: RateLimitStore) => RateLimitStore): StoreUnderTest {
	// A time in no special relation to anything.
	let now = 1_700_000_000_123;
	return {
		store: make(memoryRateLimits({ identities: 20 })),
		identities: 20,
		source: 'local',
		unit: 1,
		now: () => now,
		advance: async (ms) => void (now += ms),
		close: async () => {}
	};
}

rateLimiterContract('memory', async () => underTest((store) => store));

/** A memory store whose answers come later, as those of a store elsewhere. */
function slowly(store: RateLimitStore): RateLimitStore {
	return {
		take: async (...args) => {
			const verdict = await store.take(...args);
			await Promise.resolve();
			return verdict;
		}
	};
}

rateLimiterContract('memory, answered later', async () => underTest(slowly));

const FEW = { points: 3, window: 3000 };
const SESSION = 'a-session-of-16-or-more';

/** A server with functions that count how often they ran. */
async function serving(options: RateLimitOptions = { calls: FEW }, more: object = {}) {
	const kernel = await startKernel([ratelimit(options), rpc(), replay(), streams()]);
	const ran: string[] = [];
	kernel.use('rpc').mount({
		test: {
			echo: live((_ctx, value: unknown) => {
				ran.push('echo');
				return value;
			}),
			other: live(() => void ran.push('other')),
			feed: live.stream('feed', () => {
				ran.push('feed');
				return [];
			}),
			...more
		}
	});
	return { kernel, ran };
}

const call = (id: number, name = 'echo', args: unknown[] = [id]): object => ({
	type: 'rpc',
	id,
	path: `test/${name}`,
	args
});
const follow = (id: number, name = 'feed'): object => ({
	type: 'stream',
	id,
	path: `test/${name}`
});

/** What each answer was: `ok`, or the code of its error. */
function answers(client: TestConnection): string[] {
	return client.take().map(({ error }) => (error as { code: string } | undefined)?.code ?? 'ok');
}

/** Calls `count` times in one message; how many were allowed. */
async function allowed(client: TestConnection, count = 5, name = 'echo'): Promise<number> {
	await client.send(...Array.from({ length: count }, (_, i) => call(1000 + i, name)));
	return answers(client).filter((answer) => answer === 'ok').length;
}

describe('the default limit', () => {
	test('is 100 at once and 50 a second, for calls and subscriptions together', async () => {
		const { kernel } = await serving({});
		const client = await kernel.connect({ user: { id: 1 } });
		for (let i = 0; i < 49; i += 1) await client.send(call(i), follow(i + 1000));
		await client.send(call(98), call(99), call(100), follow(2000));
		const all = client.take();

		const refused = { code: 'RATE_LIMITED', message: 'Too many requests.', retryAfter: 20 };
		expect(all.filter(({ error }) => error === undefined)).toHaveLength(100);
		expect(all.filter(({ error }) => error !== undefined)).toEqual([
			{ type: 'reply', id: 100, error: refused },
			{ type: 'reply', id: 2000, error: refused }
		]);
		await kernel.clock.advance(1000);
		expect(await allowed(client, 50)).toBe(50);
		expect(await allowed(client, 1)).toBe(0);
	});

	test('refuses before anything of the function runs, arguments included', async () => {
		const { kernel, ran } = await serving();
		const client = await kernel.connect();
		await allowed(client, 3);
		ran.length = 0;

		await client.send({ ...call(1), args: 'no list' });

		expect(answers(client)).toEqual(['RATE_LIMITED']);
		expect(ran).toEqual([]);
	});

	test('counts each call of a batch', async () => {
		const { kernel, ran } = await serving();
		const client = await kernel.connect();

		await client.send(call(1), call(2), call(3), call(4));

		expect(answers(client)).toEqual(['ok', 'ok', 'ok', 'RATE_LIMITED']);
		expect(ran).toHaveLength(3);
	});

	test('of false leaves calls alone', async () => {
		const { kernel } = await serving({ calls: false });
		const client = await kernel.connect();

		expect(await allowed(client, 50)).toBe(50);
		expect(await allowed(client, 50)).toBe(50);
		expect(await allowed(client, 50)).toBe(50);
	});

	test('does not count what a page loads while it is rendered', async () => {
		const { kernel, ran } = await serving();
		const request = { url: '/', headers: {}, ip: '127.0.0.1', origin: 'http://localhost' };

		for (let i = 0; i < 10; i += 1) await kernel.use('streams').load('test/feed', [], request);

		expect(ran).toHaveLength(10);
	});
});

describe('whoever is counted', () => {
	test('is the user, on however many connections', async () => {
		const { kernel } = await serving();
		const [one, two] = [
			await kernel.connect({ user: { id: 7 } }),
			await kernel.connect({ user: { id: 7 } })
		];

		expect((await allowed(one, 2)) + (await allowed(two, 2))).toBe(3);
		expect(await allowed(await kernel.connect({ user: { id: 8 } }))).toBe(3);
	});

	test('is the session of a client without a user, over its connections', async () => {
		const { kernel } = await serving();
		const connect = async (session: string): Promise<TestConnection> => {
			const client = await kernel.connect();
			await client.send({ type: 'rpc:session', session });
			return client;
		};
		const first = await connect(SESSION);
		await first.send(call(1), call(2));
		await first.leave();

		const second = await connect(SESSION);
		await second.send(call(3), call(4));

		expect(answers(second)).toEqual(['ok', 'RATE_LIMITED']);
		const other = await connect(`${SESSION}-another`);
		await other.send(call(1), call(2), call(3));
		expect(answers(other)).toEqual(['ok', 'ok', 'ok']);
	});

	test('is the session too where that client follows streams', async () => {
		const { kernel } = await serving();
		const [one, two] = [await kernel.connect(), await kernel.connect()];
		for (const client of [one, two]) await client.send({ type: 'rpc:session', session: SESSION });
		await one.send(follow(1), follow(2));

		await two.send(follow(1), follow(2));

		expect(answers(two).sort()).toEqual(['RATE_LIMITED', 'ok']);
	});

	test('is the address of who calls without a session', async () => {
		const { kernel } = await serving();
		const from = (ip: string): Promise<TestConnection> => kernel.connect({}, { ip });

		expect(await allowed(await from('1.1.1.1'), 2)).toBe(2);
		expect(await allowed(await from('1.1.1.1'), 2)).toBe(1);
		expect(await allowed(await from('2.2.2.2'), 2)).toBe(2);
	});

	test('is the connection of who only follows, so that an office shares nothing', async () => {
		const { kernel } = await serving();
		const [one, two] = [await kernel.connect(), await kernel.connect()];
		await one.send(follow(1), follow(2), follow(3), follow(4));
		await two.send(follow(1));

		expect(answers(one).filter((answer) => answer === 'RATE_LIMITED')).toHaveLength(1);
		expect(answers(two)).toEqual(['ok']);
	});

	test('is never somebody else whose id looks alike', async () => {
		const { kernel } = await serving();
		const users = ['address 1.1.1.1', 'key x', { id: 'user' }.id, '1', 'session x'];
		for (const id of users) {
			expect(await allowed(await kernel.connect({ user: { id } }))).toBe(3);
		}
		expect(await allowed(await kernel.connect({}, { ip: '1.1.1.1' }))).toBe(3);
		expect(await allowed(await kernel.connect({ user: { id: { toString: () => '1' } } }))).toBe(3);
	});
});

describe('live.rateLimit()', () => {
	const ONE = { points: 1, window: 10_000 };

	test('gives a function a budget of its own instead of the default', async () => {
		const { kernel } = await serving(
			{ calls: FEW },
			{
				rare: live.rateLimit(
					ONE,
					live(() => 1)
				),
				often: live.rateLimit(
					{ points: 10, window: 1000 },
					live(() => 1)
				)
			}
		);
		const client = await kernel.connect();

		expect(await allowed(client, 5, 'rare')).toBe(1);
		expect(await allowed(client, 12, 'often')).toBe(10);
		expect(await allowed(client, 5)).toBe(3);
	});

	test('says when the next call may come', async () => {
		const { kernel } = await serving(
			{},
			{
				rare: live.rateLimit(
					ONE,
					live(() => 1)
				)
			}
		);
		const client = await kernel.connect();
		await client.send(call(1, 'rare'));
		await kernel.clock.advance(4000);
		client.take();

		await client.send(call(2, 'rare'));

		expect(client.take()[0]).toMatchObject({ error: { retryAfter: 6000 } });
		await kernel.clock.advance(6000);
		expect(await allowed(client, 1, 'rare')).toBe(1);
	});

	test('is enforced where the default limit is left out', async () => {
		const rare = live.rateLimit(
			ONE,
			live(() => 1)
		);
		const { kernel } = await serving({ calls: false }, { rare });

		expect(await allowed(await kernel.connect(), 5, 'rare')).toBe(1);
	});

	test('counts by its own key, and by the default one where that says nothing', async () => {
		const key = ({ user }: { user: unknown }): string | undefined =>
			(user as { team?: string } | null)?.team;
		const { kernel } = await serving(
			{},
			{
				rare: live.rateLimit(
					{ ...ONE, key },
					live(() => 1)
				)
			}
		);
		const connect = (id: number, team?: string): Promise<TestConnection> =>
			kernel.connect({ user: { id, team } });

		expect(await allowed(await connect(1, 'red'), 1, 'rare')).toBe(1);
		expect(await allowed(await connect(2, 'red'), 1, 'rare')).toBe(0);
		expect(await allowed(await connect(3, 'blue'), 1, 'rare')).toBe(1);
		expect(await allowed(await connect(4), 2, 'rare')).toBe(1);
	});

	test('keeps everything else of a function: schema, guard and direct calls', async () => {
		const schema = v.pipe(
			v.number(),
			v.transform((n) => n + 1)
		);
		const plain = live(schema, (_ctx, n) => n * 2);
		const add = live.rateLimit({ points: 3, window: 1000 }, plain);
		const { kernel } = await serving({}, { add });
		const client = await kernel.connect();

		await client.send(call(1, 'add', [4]), call(2, 'add', ['4']));

		expect(client.take()).toMatchObject([{ data: 10 }, { error: { code: 'VALIDATION' } }]);
		expect(add({} as never, 4)).toBe(8);
		expect((plain['~live'] as { rateLimit?: unknown }).rateLimit).toBeUndefined();
	});

	test('limits a stream, whose client asks again when it may', async () => {
		const news = live.rateLimit(
			ONE,
			live.stream('news', () => [{ id: 1 }])
		);
		const { kernel } = await serving({}, { news });
		const client = await kernel.connect();

		await client.send(follow(1, 'news'), follow(2, 'news'));

		expect(client.take()).toMatchObject([
			{ type: 'reply', id: 2, error: { code: 'RATE_LIMITED', retryAfter: 10_000 } },
			{ type: 'stream:snapshot', id: 1, data: [{ id: 1 }] }
		]);
	});

	test('lets nothing run on a server without the plugin', async () => {
		const kernel = await startKernel([rpc()]);
		let count = 0;
		const rare = live.rateLimit(
			ONE,
			live(() => (count += 1))
		);
		kernel.use('rpc').mount({ test: { rare } });
		const client = await kernel.connect();

		await client.send(call(1, 'rare'));

		expect(answers(client)).toEqual(['INTERNAL_ERROR']);
		expect(count).toBe(0);
		expect(takeErrors(kernel)).toEqual(['rpc RT_CAPABILITY_MISSING']);
	});

	test('refuses what is no live function, and budgets that are none', () => {
		expect(() => live.rateLimit(ONE, 'send' as never)).toThrow('RT_LIVE_ARGUMENTS');
		for (const budget of [
			{ points: 0, window: 1 },
			{ points: 1.5, window: 1 },
			{ points: 1, window: 0 },
			{ points: 1, window: Infinity },
			{ points: 1_000_000, window: 1 }
		]) {
			expect(() =>
				live.rateLimit(
					budget,
					live(() => 1)
				)
			).toThrow('RT_OPTION_INVALID');
			expect(() => ratelimit({ calls: budget })).toThrow('RT_OPTION_INVALID');
		}
		expect(() => ratelimit({ identities: 0 })).toThrow('"identities" of ratelimit() is 0');
	});
});

describe('ctx.ratelimit', () => {
	test('takes from the budget of a key, and says what is left', async () => {
		const { kernel } = await serving();
		const { take } = kernel.use('ratelimit');
		const mail = { points: 10, window: 60_000 };

		expect(take('ada', { ...mail, cost: 4 })).toMatchObject({ allowed: true, remaining: 6 });
		expect(take('ada', { ...mail, cost: 7 })).toEqual({
			allowed: false,
			remaining: 6,
			retryAfterMs: 6000,
			source: 'local'
		});
		expect(take('ada', { ...mail, cost: 0 })).toMatchObject({ allowed: true, remaining: 6 });
		expect(take('ada', { points: 1, window: 1 })).toMatchObject({ allowed: true });
		expect(take('bob', mail)).toMatchObject({ remaining: 9 });
	});

	test('throws for a cost that can never be paid, rather than refuse for ever', async () => {
		const { kernel } = await serving();
		const { take } = kernel.use('ratelimit');

		for (const cost of [-1, 0.5, 11, NaN]) {
			expect(() => take('a', { points: 10, window: 1000, cost })).toThrow('RT_OPTION_INVALID');
		}
	});

	test('says whom the limits take somebody for', async () => {
		const { kernel } = await serving();
		const { identityOf } = kernel.use('ratelimit');
		const client = await kernel.connect({}, { ip: '1.1.1.1' });

		expect(identityOf(client.connection)).toBe('address 1.1.1.1');
		await client.send({ type: 'rpc:session', session: SESSION });
		expect(identityOf(client.connection)).toContain(SESSION);
		expect(identityOf((await kernel.connect({ user: { id: 3 } })).connection)).toBe('user 3');
	});
});

test('a store that another plugin provides is used, and may answer later', async () => {
	const taken: [string, number, RateLimitPolicy][] = [];
	const store: RateLimitStore = {
		take: async (key, cost, policy) => {
			const count = taken.push([key, cost, policy]);
			await settle();
			return { allowed: count === 1, remaining: 0, retryAfterMs: 7, source: 'shared' };
		}
	};
	const kernel = await startKernel([ratelimit(), rpc(), provided('ratelimit.store', store)]);
	kernel.use('rpc').mount({ test: { echo: live((_ctx, value: unknown) => value) } });
	const client = await kernel.connect({ user: { id: 1 } });

	await client.send(call(1), call(2));
	await settle();

	expect(taken).toEqual(Array(2).fill(['user 1', 1, { name: 'calls', points: 100, window: 2000 }]));
	expect(client.take()).toMatchObject([
		{ id: 1, data: 1 },
		{ id: 2, error: { code: 'RATE_LIMITED', retryAfter: 7 } }
	]);
});

test('a store that fails lets nobody through', async () => {
	const store: RateLimitStore = { take: () => Promise.reject(new Error('down')) };
	const kernel = await startKernel([ratelimit(), rpc(), provided('ratelimit.store', store)]);
	kernel.use('rpc').mount({ test: { echo: live((_ctx, value: unknown) => value) } });
	const client = await kernel.connect();

	await client.send(call(1));

	expect(answers(client)).toEqual(['INTERNAL_ERROR']);
	expect(takeErrors(kernel)).toEqual(['rpc Error: down']);
});

test('the table of one limit is bounded, and others are not touched by who fills it', async () => {
	const rare = live.rateLimit(
		{ points: 1, window: 10_000 },
		live(() => 1)
	);
	const { kernel } = await serving({ identities: 10 }, { rare });
	for (let id = 0; id < 10; id += 1) {
		expect(await allowed(await kernel.connect({ user: { id } }), 1, 'rare')).toBe(1);
	}
	const late = await kernel.connect({ user: { id: 10 } });

	await late.send(call(1, 'rare'), call(2, 'echo'));

	expect(late.take()).toMatchObject([
		{ error: { code: 'RATE_LIMITED', retryAfter: 10_000 } },
		{ data: 2 }
	]);
});

test('the limit that was run into is told to whoever counts', async () => {
	const told: unknown[] = [];
	const counter = definePlugin({
		name: 'counter',
		setup: (kernel) => void kernel.hook('limited', (ctx) => void told.push(ctx))
	});
	const kernel = await startKernel([counter, ratelimit({ calls: FEW }), rpc()]);
	kernel.use('rpc').mount({ test: { echo: live((_ctx, value: unknown) => value) } });
	const client = await kernel.connect();

	expect(await allowed(client, 4)).toBe(3);

	expect(told).toEqual([{ limit: 'ratelimit.calls', connection: client.connection }]);
});

test('the client is told when to try again, and a stream does so by itself', async () => {
	const news = live.rateLimit(
		{ points: 1, window: 10_000 },
		live.stream('news', () => [1])
	);
	const { kernel } = await serving({ calls: { points: 1, window: 5000 } }, { news });

	/** A socket that ends in the kernel. */
	class Wire implements WebSocketLike {
		onmessage: ((event: never) => void) | null = null;
		onclose: ((event: never) => void) | null = null;
		onerror: ((event: never) => void) | null = null;
		readonly #socket = kernel.transport.socket();
		readonly #connection: Promise<Connection>;

		constructor() {
			this.#socket.send = (payload) => {
				queueMicrotask(() => this.onmessage?.({ data: payload } as never));
				return 'sent';
			};
			this.#connection = this.#open();
		}

		async #open(): Promise<Connection> {
			const request = { url: '/ws', headers: {}, ip: '1.1.1.1', origin: 'http://localhost' };
			const answer = await kernel.upgrade({ ...request, headers: {} });
			if (!answer.ok) throw new Error(answer.code);
			return kernel.open(this.#socket, { ...answer.data, user: { id: 1 } });
		}

		send(text: string): void {
			void this.#connection.then((to) => kernel.message(to, text, Buffer.byteLength(text)));
		}

		close(): void {}
	}
	const client = createClient({
		url: 'ws://test',
		WebSocket: Wire,
		clock: kernel.clock,
		heartbeat: 0
	});
	const echo = client.call('test/echo') as (value: number) => Promise<unknown>;

	expect(await echo(1)).toBe(1);
	const error = await echo(2).catch((failure: unknown) => failure);
	expect(error).toBeInstanceOf(LiveError);
	expect(error).toMatchObject({ code: 'RATE_LIMITED', retryAfter: 5000, retryable: true });

	// The same user follows the same stream on another connection.
	await (await kernel.connect({ user: { id: 1 } })).send(follow(1, 'news'));
	const values: unknown[] = [];
	client.stream('test/news').subscribe((value) => values.push(value));
	await settle();
	await kernel.clock.advance(9999);
	expect(values.at(-1)).toBeUndefined();
	await kernel.clock.advance(1);
	expect(values.at(-1)).toEqual([1]);
	client.close();
});

test('a connection that becomes another user’s counts as that one’s, and the user as before elsewhere', async () => {
	const { kernel } = await serving({ calls: { points: 1, window: 60_000 } });
	const client = await kernel.connect({ user: { id: 1 } });
	const codeOf = async (id: number): Promise<unknown> => {
		await client.send({ type: 'rpc', id, path: 'test/echo', args: [] });
		return (client.take()[0] as unknown as { error?: { code: string } }).error?.code;
	};

	const codes = [await codeOf(1), await codeOf(2)];
	client.connection.data.user = { id: 2 };
	codes.push(await codeOf(3), await codeOf(4));
	client.connection.data.user = { id: 1 };
	codes.push(await codeOf(5));
	client.connection.data.user = undefined;
	codes.push(await codeOf(6), await codeOf(7));

	const no = 'RATE_LIMITED';
	expect(codes).toEqual([undefined, no, undefined, no, no, undefined, no]);
});
