import { guard, live } from 'svelte-realtime';
import { createClient, type Client, type StreamStore, type Token } from 'svelte-realtime/client';
import { definePlugin, deny, type UpgradeContext } from 'svelte-realtime/kernel';
import type { IdentityOptions } from 'svelte-realtime/plugins/identity';
import { single } from 'svelte-realtime/presets';
import { createTestKernel, settle, VirtualClock } from 'svelte-realtime/testing';
import { afterEach, expect, test, vi } from 'vitest';

interface User {
	readonly id: string;
	readonly role?: string;
}

const clients: Client[] = [];
afterEach(() => {
	for (const client of clients.splice(0)) client.close();
	vi.restoreAllMocks();
});

const MINUTE = 60_000;

/** A server whose tokens name the users that a test has, and a client whose token a test says. */
async function start(options: IdentityOptions = { maxAge: MINUTE }) {
	const clock = new VirtualClock();
	const users = new Map<string, User>([
		['admin', { id: 'ada', role: 'admin' }],
		['guest', { id: 'ada', role: 'guest' }]
	]);
	const upgrades: UpgradeContext[] = [];
	const app = definePlugin({
		name: 'app',
		setup(kernel) {
			kernel.hook('upgrade', (ctx) => {
				upgrades.push(ctx);
				const user = users.get(ctx.token ?? '');
				if (!user) return deny('UNAUTHENTICATED', 'Nobody has that.');
				ctx.data.user = user;
			});
		}
	});
	const kernel = await createTestKernel([...single({ identity: options }), app], { clock });
	let finish!: (value: string) => void;
	/** What the client has sent. */
	const sent: string[] = [];
	const runs: unknown[] = [];
	kernel.mount({
		chat: {
			feed: live.stream('feed', () => [] as { id: number }[]),
			who: live((ctx) => ctx.user),
			slow: live((ctx) => {
				runs.push(ctx.user);
				return new Promise<string>((resolve) => (finish = resolve));
			})
		},
		admin: {
			_guard: guard((ctx) => (ctx.user as unknown as User).role === 'admin'),
			log: live.stream('log', () => [] as { id: number }[])
		}
	});

	class Wire {
		onmessage: ((event: never) => void) | null = null;
		onclose: ((event: never) => void) | null = null;
		onerror: ((event: never) => void) | null = null;
		#socket: ReturnType<typeof kernel.transport.socket> | undefined;
		#connection: ReturnType<typeof kernel.open> | undefined;

		constructor(_url: string, protocols: readonly string[] = []) {
			void this.#dial(protocols.join(', '));
		}

		async #dial(protocol: string): Promise<void> {
			const headers = { 'sec-websocket-protocol': protocol };
			const request = { url: '/ws', headers, ip: '127.0.0.1', origin: undefined };
			const answer = await kernel.upgrade(request);
			if (!answer.ok) return this.onclose?.({ code: 1006, reason: '' } as never);
			const socket = (this.#socket = kernel.transport.socket());
			socket.send = (payload) => {
				queueMicrotask(() => this.onmessage?.({ data: payload } as never));
				return 'sent';
			};
			socket.onClose = (code, reason) => {
				kernel.close(this.#connection!, code, reason);
				queueMicrotask(() => this.onclose?.({ code, reason } as never));
			};
			this.#connection = kernel.open(socket, answer.data);
		}

		send(text: string): void {
			sent.push(text);
			queueMicrotask(() => {
				if (!this.#socket?.closed) kernel.message(this.#connection!, text, text.length);
			});
		}

		close(code = 1000): void {
			this.#socket?.end(code, '');
		}
	}

	/** What the client's `auth` says. */
	const said = { token: 'admin' as Token | Promise<Token> | (() => never), count: 0 };
	const client = createClient({
		url: 'ws://test',
		WebSocket: Wire as never,
		clock,
		random: () => 0,
		// A test turns the clock by minutes at a time.
		heartbeat: 0,
		auth: () => {
			said.count += 1;
			return typeof said.token === 'function' ? said.token() : said.token;
		}
	});
	clients.push(client);
	await vi.waitUntil(() => client.connection !== undefined);
	// The module that answers the server is fetched.
	await import('../../plugins/identity/client.ts');
	await settle();

	/** A stream that is followed; in an object, as a stream can be awaited itself. */
	const follow = async (path: string): Promise<{ readonly store: StreamStore<unknown> }> => {
		const store = client.stream<StreamStore<unknown>>(path);
		store.subscribe(() => {});
		await settle();
		return { store };
	};
	const publish = async (topic: string, id: number): Promise<void> => {
		await kernel.publish(topic, 'created', { id });
		await settle();
	};
	return {
		kernel,
		clock,
		users,
		upgrades,
		client,
		said,
		runs,
		sent,
		follow,
		publish,
		identity: kernel.use('identity'),
		finish: (value: string) => finish(value)
	};
}

const purposes = (upgrades: readonly UpgradeContext[]): string[] =>
	upgrades.map(({ purpose }) => purpose);

test('a token is renewed while streams go on: nothing is lost, and nobody connects anew', async () => {
	const { clock, upgrades, client, said, follow, publish } = await start();
	const { store: feed } = await follow('chat/feed');
	await publish('feed', 1);

	await clock.advance(MINUTE);
	await publish('feed', 2);

	expect(purposes(upgrades)).toEqual(['socket', 'renewal']);
	expect(said.count).toBe(2);
	expect(client.connection.status).toBe('open');
	expect([feed.current, feed.error, feed.stale]).toEqual([
		[{ id: 1 }, { id: 2 }],
		undefined,
		false
	]);
});

test('who becomes less ends what they may not follow; the rest goes on without a hole', async () => {
	const { clock, client, upgrades, said, follow, publish } = await start();
	const { store: feed } = await follow('chat/feed');
	const { store: log } = await follow('admin/log');
	const errors: unknown[] = [];
	feed.subscribe(() => errors.push(feed.error));
	await publish('feed', 1);
	await publish('log', 1);

	said.token = 'guest';
	await clock.advance(MINUTE);
	await publish('feed', 2);
	await publish('log', 2);

	expect(await client.call('chat/who')()).toEqual({ id: 'ada', role: 'guest' });
	expect(log.error).toMatchObject({ code: 'FORBIDDEN' });
	expect(log.current).toEqual([{ id: 1 }]);
	expect([feed.current, feed.connected]).toEqual([[{ id: 1 }, { id: 2 }], true]);
	expect(errors.filter(Boolean)).toEqual([]);
	expect(purposes(upgrades)).toEqual(['socket', 'renewal']);
});

test('what is published between the change and the next question is not lost', async () => {
	const { kernel, follow, identity } = await start();
	const { store: feed } = await follow('chat/feed');
	const [connection] = identity.connections('ada');

	identity.set(connection!, { id: 'bob' });
	void kernel.publish('feed', 'created', { id: 1 });
	await settle();

	expect(feed.current).toEqual([{ id: 1 }]);
	expect(feed.error).toBeUndefined();
});

test.each<[string, Token | Promise<Token> | (() => never)]>([
	[
		'throws',
		() => {
			throw new Error('no network');
		}
	],
	['never answers', new Promise<Token>(() => {})]
])(
	'where the app %s, the connection ends in time and the next one is asked again',
	async (kind, token) => {
		const reported = vi.spyOn(console, 'error').mockImplementation(() => {});
		const { clock, upgrades, client, said, follow, publish } = await start();
		const { store: feed } = await follow('chat/feed');
		const codes: (number | undefined)[] = [];
		client.connection.subscribe(() => codes.push(client.connection.closed?.code));

		said.token = token;
		await clock.advance(MINUTE);
		expect(client.connection.status).toBe('open');
		said.token = 'admin';
		await clock.advance(10_000);
		await clock.advance(1000);
		await publish('feed', 1);

		expect(reported).toHaveBeenCalledTimes(kind === 'throws' ? 1 : 0);
		expect(codes).toContain(4401);
		expect(purposes(upgrades)).toEqual(['socket', 'socket']);
		expect([client.connection.status, feed.current]).toEqual(['open', [{ id: 1 }]]);
	}
);

test('a token that comes after the connection has ended is not shown on the next one', async () => {
	const { clock, upgrades, client, said, sent, follow, kernel } = await start();
	await follow('chat/feed');
	let late!: (token: Token) => void;
	said.token = new Promise<Token>((resolve) => (late = resolve));
	await clock.advance(MINUTE);
	said.token = 'admin';
	client.connection.reconnect();
	await settle();

	late('guest');
	await settle();

	expect(sent.filter((text) => text.includes('identity:token'))).toEqual([]);
	expect(purposes(upgrades)).toEqual(['socket', 'socket']);
	expect([...kernel.connections].map(({ data }) => data.user)).toEqual([
		{ id: 'ada', role: 'admin' }
	]);
});

test('an identity that grows old while nobody is connected asks nobody', async () => {
	const { clock, upgrades, client, said } = await start();
	await client.call('chat/who')();
	client.connection.close();

	await clock.advance(2 * MINUTE);
	client.connection.reconnect();
	await settle();
	await clock.advance(MINUTE - 1);

	expect(purposes(upgrades)).toEqual(['socket', 'socket']);
	expect(said.count).toBe(2);
	await clock.advance(1);
	expect(purposes(upgrades)).toEqual(['socket', 'socket', 'renewal']);
});

test('a token that is refused is the end, and signing in again begins anew', async () => {
	const { clock, client, said, follow } = await start();
	const { store: feed } = await follow('chat/feed');
	said.token = 'stolen';

	await clock.advance(MINUTE);

	expect(client.connection.status).toBe('closed');
	expect(client.connection.closed).toMatchObject({ code: 4501, reason: 'Nobody has that.' });
	expect(feed.error).toMatchObject({ code: 'CONNECTION_CLOSED' });
	await clock.advance(10 * MINUTE);
	expect(client.connection.status).toBe('closed');
	said.token = 'guest';
	client.connection.reconnect();
	await settle();
	expect([client.connection.status, feed.error]).toEqual(['open', undefined]);
});

test('who is revoked comes back at once as whoever they are then, and has missed nothing', async () => {
	const { kernel, clock, client, said, follow, identity } = await start({});
	const { store: feed } = await follow('chat/feed');
	said.token = 'guest';

	expect(identity.revoke({ user: 'ada' })).toBe(1);
	void kernel.publish('feed', 'created', { id: 1 });
	await settle();
	expect(client.connection.closed?.code).toBe(4401);
	await clock.advance(1000);

	expect(client.connection.status).toBe('open');
	expect(feed.current).toEqual([{ id: 1 }]);
	expect(await client.call('chat/who')()).toEqual({ id: 'ada', role: 'guest' });
});

test('a call that runs when its user is revoked runs once, and is answered on the next connection', async () => {
	const { clock, client, runs, finish, identity } = await start({});
	const call = client.call('chat/slow')();
	await settle();

	identity.revoke({ user: 'ada' });
	await settle();
	await clock.advance(1000);
	finish('done');

	expect(await call).toBe('done');
	expect(runs).toHaveLength(1);
});
