import { guard, live, LiveError } from 'svelte-realtime';
import { definePlugin, deny, type Denial, type UpgradeContext } from 'svelte-realtime/kernel';
import type { IdentityOptions } from 'svelte-realtime/plugins/identity';
import { single } from 'svelte-realtime/presets';
import { createTestKernel, settle, type TestConnection } from 'svelte-realtime/testing';
import { describe, expect, test } from 'vitest';

interface User {
	readonly id: string | number;
	readonly role?: string;
}

type Gate = (ctx: UpgradeContext) => void | Denial | Promise<void | Denial>;

/** A server whose tokens and cookies name the users that a test has. */
async function serving(options: IdentityOptions = {}, gate?: Gate) {
	/** What a token, or the cookie `session`, stands for. */
	const users = new Map<string, User>();
	const asked: UpgradeContext[] = [];
	const app = definePlugin({
		name: 'app',
		setup(kernel) {
			kernel.hook('upgrade', async (ctx) => {
				asked.push(ctx);
				const denial = await gate?.(ctx);
				if (denial) return denial;
				const shown = ctx.token ?? ctx.cookies['session'];
				if (shown === undefined) return;
				const user = users.get(shown);
				if (!user) return deny('UNAUTHENTICATED', 'Nobody has that.');
				ctx.data.user = user;
			});
		}
	});
	const kernel = await createTestKernel([...single({ identity: options }), app]);
	const connect = (headers: Record<string, string> = {}): Promise<TestConnection> =>
		kernel.connect({}, { headers });
	const withToken = (token: string): Promise<TestConnection> =>
		connect({ 'sec-websocket-protocol': protocol(token) });
	const withCookie = (session: string): Promise<TestConnection> =>
		connect({ cookie: `session=${session}` });
	return { kernel, users, asked, connect, withToken, withCookie, identity: kernel.use('identity') };
}

const protocol = (token: string): string => `svelte-realtime, svelte-realtime.auth.${token}`;

/** The number of the latest question, and that there is one. */
function askOf(client: TestConnection): number {
	const frames = client.take().filter(({ type }) => type === 'identity:ask');
	expect(frames).toHaveLength(1);
	return frames[0]!['ask'] as number;
}

const userOf = (client: TestConnection): unknown => client.connection.data.user;

/** A promise and the way to settle it. */
function deferred<T = void>(): { promise: Promise<T>; resolve: (value: T) => void } {
	let resolve!: (value: T) => void;
	const promise = new Promise<T>((settled) => (resolve = settled));
	return { promise, resolve };
}

describe('without options', () => {
	test('nothing is kept of the request, and no time ends an identity', async () => {
		const { kernel, users, withToken } = await serving();
		users.set('a', { id: 'ada' });

		const client = await withToken('a');
		const timers = kernel.clock.pending;
		await kernel.clock.advance(3_600_000);

		const { data } = client.connection;
		const kept = Object.getOwnPropertySymbols(data).map((symbol) => data[symbol as never]);
		expect(kept).not.toContainEqual(expect.objectContaining({ headers: expect.anything() }));
		expect(client.take().filter(({ type }) => type.startsWith('identity'))).toEqual([]);
		expect(kernel.clock.pending).toBe(timers);
		expect(client.connection.isOpen).toBe(true);
	});

	test.each([
		['maxAge', { maxAge: 0 }],
		['maxAge', { maxAge: 2 ** 31 }],
		['grace', { grace: -1 }],
		['authenticate', { authenticate: 'yes' as never }]
	])('an option %s that is not of its kind is an error that names it', async (name, options) => {
		await expect(serving(options)).rejects.toThrow(`The option "${name}" of identity()`);
	});
});

describe('maxAge', () => {
	const options = { maxAge: 60_000, grace: 10_000 };

	test('a client with a token is asked for the one of now, and becomes whoever that is', async () => {
		const { kernel, users, asked, withToken } = await serving(options);
		users.set('old', { id: 'ada' }).set('new', { id: 'ada', role: 'admin' });
		const client = await withToken('old');
		await kernel.clock.advance(59_999);
		expect(client.received).toEqual([]);

		await kernel.clock.advance(1);
		const ask = askOf(client);
		await client.send({ type: 'identity:token', ask, token: 'new' });

		expect(userOf(client)).toEqual({ id: 'ada', role: 'admin' });
		expect(client.connection.isOpen).toBe(true);
		const again = asked.at(-1)!;
		expect([again.purpose, again.token, again.request.ip]).toEqual(['renewal', 'new', '127.0.0.1']);
		await kernel.clock.advance(60_000);
		askOf(client);
	});

	test('of a client without a token the gates are asked about what it came with', async () => {
		const { kernel, users, asked, withCookie } = await serving(options);
		users.set('s1', { id: 'ada' });
		const client = await withCookie('s1');

		users.set('s1', { id: 'ada', role: 'guest' });
		await kernel.clock.advance(60_000);

		expect(client.take()).toEqual([]);
		expect(asked.map(({ purpose }) => purpose)).toEqual(['socket', 'renewal']);
		expect(userOf(client)).toEqual({ id: 'ada', role: 'guest' });
	});

	test('cookies that do not hold any more send the client back for those of now', async () => {
		const { kernel, users, withCookie } = await serving(options);
		users.set('s1', { id: 'ada' });
		const client = await withCookie('s1');

		users.delete('s1');
		await kernel.clock.advance(60_000);

		expect(client.socket.closed?.code).toBe(4401);
	});

	test('a token of now that is refused is the end, in the words of the gate', async () => {
		const { kernel, users, withToken } = await serving(options);
		users.set('old', { id: 'ada' });
		const client = await withToken('old');
		await kernel.clock.advance(60_000);

		await client.send({ type: 'identity:token', ask: askOf(client), token: 'wrong' });

		expect(client.socket.closed).toEqual({ code: 4501, reason: 'Nobody has that.' });
	});

	test('a client that has no token any more is whoever the gates take it for', async () => {
		const { kernel, users, withToken } = await serving(options);
		users.set('old', { id: 'ada' });
		const client = await withToken('old');
		await kernel.clock.advance(60_000);

		await client.send({ type: 'identity:token', ask: askOf(client) });

		expect(client.connection.isOpen).toBe(true);
		expect(userOf(client)).toBeUndefined();
	});

	test('a fault of the gates sends the client away for a while, not for good', async () => {
		let isBroken = false;
		const { kernel, users, withCookie } = await serving(options, () => {
			if (isBroken) throw new Error('planted');
		});
		users.set('s1', { id: 'ada' });
		const client = await withCookie('s1');
		isBroken = true;

		await kernel.clock.advance(60_000);

		expect(client.socket.closed?.code).toBe(1013);
		expect(kernel.errors.splice(0)).toHaveLength(1);
	});

	test('an answer that does not come in time ends the connection, and not a moment earlier', async () => {
		const { kernel, users, withToken } = await serving(options);
		users.set('old', { id: 'ada' });
		const client = await withToken('old');
		await kernel.clock.advance(60_000);
		askOf(client);

		await kernel.clock.advance(9_999);
		expect(client.connection.isOpen).toBe(true);
		await kernel.clock.advance(1);

		expect(client.socket.closed?.code).toBe(4401);
	});

	test('gates that hang are part of that time, and what they say later changes nothing', async () => {
		const hanging = deferred();
		const { kernel, users, withCookie } = await serving(options, ({ purpose }) =>
			purpose === 'renewal' ? hanging.promise : undefined
		);
		users.set('s1', { id: 'ada' });
		const client = await withCookie('s1');

		await kernel.clock.advance(70_000);
		expect(client.socket.closed?.code).toBe(4401);
		users.set('s1', { id: 'eve' });
		hanging.resolve();
		await settle();

		expect(userOf(client)).toEqual({ id: 'ada' });
	});

	test('until then calls run as who it was, and those that run go on', async () => {
		const running = deferred<string>();
		const { kernel, users, withToken } = await serving(options);
		users.set('old', { id: 'ada' }).set('new', { id: 'bob' });
		kernel.mount({
			test: { who: live((ctx) => ctx.user), slow: live(() => running.promise) }
		});
		const client = await withToken('old');
		const slow = client.call('test/slow');
		await kernel.clock.advance(60_000);
		const ask = askOf(client);

		const before = await client.call('test/who');
		await client.send({ type: 'identity:token', ask, token: 'new' });
		const after = await client.call('test/who');
		running.resolve('done');

		expect([before, after]).toEqual([{ id: 'ada' }, { id: 'bob' }]);
		expect(await slow).toBe('done');
	});

	test('what the gates do not say any more is gone, and what plugins keep stays', async () => {
		let team: string | undefined = 'red';
		const { kernel, users, withCookie } = await serving(options, ({ data }) => {
			if (team) (data as { team?: string }).team = team;
		});
		users.set('s1', { id: 'ada' });
		const client = await withCookie('s1');
		const { data } = client.connection;
		const kept = Object.getOwnPropertySymbols(data);

		team = undefined;
		await kernel.clock.advance(60_000);

		expect(data).not.toHaveProperty('team');
		expect(Object.getOwnPropertySymbols(data)).toEqual(kept);
	});

	test('of a connection that has gone nothing is left: no question, no time, no answer', async () => {
		const { kernel, users, asked, withToken, identity } = await serving(options);
		users.set('a', { id: 'ada' });
		const timers = kernel.clock.pending;
		const leaving = await withToken('a');
		await kernel.clock.advance(30_000);
		const gone = await withToken('a');
		await gone.leave();

		await kernel.clock.advance(30_000);
		askOf(leaving);
		await leaving.leave();

		expect(kernel.clock.pending).toBe(timers);
		expect(identity.connections('ada')).toEqual([]);
		await kernel.clock.advance(60_000);
		expect(asked.map(({ purpose }) => purpose)).toEqual(['socket', 'socket']);
	});

	test('each is asked at its own time', async () => {
		const { kernel, users, withToken } = await serving(options);
		users.set('a', { id: 'ada' }).set('b', { id: 'bob' });
		const first = await withToken('a');
		await kernel.clock.advance(30_000);
		const second = await withToken('b');

		await kernel.clock.advance(30_000);
		askOf(first);
		expect(second.received).toEqual([]);
		await kernel.clock.advance(30_000);

		askOf(second);
	});
});

describe('answers that nobody has asked for', () => {
	const options = { maxAge: 60_000 };

	test('they are ignored, however many: no gate is asked and nothing is answered', async () => {
		const { users, asked, withToken } = await serving(options);
		users.set('a', { id: 'ada' }).set('eve', { id: 'eve' });
		const client = await withToken('a');

		for (let i = 0; i < 200; i += 1) {
			await client.send({ type: 'identity:token', ask: i, token: 'eve', id: i });
		}

		expect(asked).toHaveLength(1);
		expect(client.received).toEqual([]);
		expect(userOf(client)).toEqual({ id: 'ada' });
	});

	test.each<[string, object]>([
		['another number', { ask: 99, token: 'b' }],
		['no number', { token: 'b' }],
		['a token that is no text', { ask: 1, token: { toString: 'b' } }],
		['a list', { ask: 1, token: ['b'] }]
	])('an answer with %s is none', async (_, frame) => {
		const { kernel, users, asked, withToken } = await serving(options);
		users.set('a', { id: 'ada' }).set('b', { id: 'bob' });
		const client = await withToken('a');
		await kernel.clock.advance(60_000);
		expect(askOf(client)).toBe(1);

		await client.send({ type: 'identity:token', ...frame });
		expect(asked).toHaveLength(1);
		await client.send({ type: 'identity:token', ask: 1, token: 'b' });

		expect(userOf(client)).toEqual({ id: 'bob' });
	});

	test('a second answer to one question is none', async () => {
		const { kernel, users, asked, withToken } = await serving(options);
		users.set('a', { id: 'ada' }).set('b', { id: 'bob' }).set('eve', { id: 'eve' });
		const client = await withToken('a');
		await kernel.clock.advance(60_000);
		const ask = askOf(client);

		await client.send(
			{ type: 'identity:token', ask, token: 'b' },
			{ type: 'identity:token', ask, token: 'eve' }
		);
		await client.send({ type: 'identity:token', ask, token: 'eve' });

		expect(userOf(client)).toEqual({ id: 'bob' });
		expect(asked).toHaveLength(2);
	});

	test('a client cannot answer where the gates are asked about its cookies', async () => {
		const hanging = deferred();
		const { kernel, users, withCookie } = await serving(options, ({ purpose, token }) =>
			purpose === 'renewal' && token === undefined ? hanging.promise : undefined
		);
		users.set('s1', { id: 'ada' }).set('eve', { id: 'eve' });
		const client = await withCookie('s1');
		await kernel.clock.advance(60_000);

		await client.send({ type: 'identity:token', ask: 0, token: 'eve' });
		hanging.resolve();
		await settle();

		expect(userOf(client)).toEqual({ id: 'ada' });
	});
});

describe('revoke', () => {
	test('everything of a user is closed so that it comes back, whatever the type of the id', async () => {
		const { users, withCookie, identity } = await serving();
		users.set('s1', { id: 7 }).set('s2', { id: 8 });
		const [one, two, other] = [
			await withCookie('s1'),
			await withCookie('s1'),
			await withCookie('s2')
		];

		const count = identity.revoke({ user: '7' }, { reason: 'Signed out.' });

		expect(count).toBe(2);
		expect(one.socket.closed).toEqual({ code: 4401, reason: 'Signed out.' });
		expect(two.socket.closed?.code).toBe(4401);
		expect(other.connection.isOpen).toBe(true);
		expect(identity.connections(7)).toEqual([]);
		expect(identity.connections(8)).toEqual([other.connection]);
		expect(identity.revoke({ user: 7 })).toBe(0);
	});

	test('one connection, or those that a function names', async () => {
		const { users, withCookie, identity } = await serving();
		users.set('s1', { id: 1, role: 'admin' }).set('s2', { id: 2 });
		const [one, two, admin] = [
			await withCookie('s2'),
			await withCookie('s2'),
			await withCookie('s1')
		];

		expect(identity.revoke({ connection: one.connection })).toBe(1);
		expect(identity.revoke(({ data }) => (data.user as User).role === 'admin')).toBe(1);

		expect([one, two, admin].map(({ connection }) => connection.isOpen)).toEqual([
			false,
			true,
			false
		]);
	});

	test('a live function signs the others of its user out, and is answered itself', async () => {
		const { kernel, users, withCookie } = await serving();
		users.set('s1', { id: 1 });
		kernel.mount({
			me: {
				signOutElsewhere: live((ctx) => {
					const { identity, user, connection } = ctx as never as {
						identity: ReturnType<typeof kernel.use<'identity'>>;
						user: User;
						connection: TestConnection['connection'];
					};
					return identity.revoke({ user: user.id }, { except: connection });
				})
			}
		});
		const [mine, other] = [await withCookie('s1'), await withCookie('s1')];

		expect(await mine.call('me/signOutElsewhere')).toBe(1);

		expect(mine.connection.isOpen).toBe(true);
		expect(other.connection.isOpen).toBe(false);
	});

	test('presence sees who is revoked leave', async () => {
		const { kernel, users, withCookie, identity } = await serving();
		users.set('s1', { id: 'ada' }).set('s2', { id: 'bob' });
		kernel.mount({ room: { here: live.presence('room') } });
		const [ada, bob] = [await withCookie('s1'), await withCookie('s2')];
		await ada.follow('room/here');
		const here = await bob.follow('room/here');
		await kernel.clock.advance(100);

		identity.revoke({ user: 'ada' });
		await kernel.clock.advance(6000);

		expect(here.events.at(-1)).toMatchObject({ event: 'diff', data: { leaves: ['ada'] } });
	});

	test('somebody whose gates began before it does not slip in behind it', async () => {
		const hanging = deferred();
		const { kernel, users, identity } = await serving({}, () => hanging.promise);
		users.set('s1', { id: 7 }).set('s2', { id: 'bob' });
		const request = (session: string) => ({
			url: '/ws',
			headers: { cookie: `session=${session}` },
			ip: '127.0.0.1',
			origin: 'http://localhost'
		});
		const both = [kernel.upgrade(request('s1')), kernel.upgrade(request('s2'))];

		expect(identity.revoke({ user: '7' })).toBe(0);
		hanging.resolve();
		const sockets = [];
		for (const answer of await Promise.all(both)) {
			if (!answer.ok) throw new Error(answer.code);
			const socket = kernel.transport.socket();
			const connection = kernel.open(socket, answer.data);
			socket.onClose = (code, reason) => kernel.close(connection, code, reason);
			sockets.push({ socket, connection });
		}
		await settle();

		expect(sockets.map(({ socket }) => socket.closed?.code)).toEqual([4401, undefined]);
		for (const { socket } of sockets) if (!socket.closed) socket.end(1001, '');
	});

	test('who connects afterwards is let in', async () => {
		const { users, withCookie, identity } = await serving();
		users.set('s1', { id: 'ada' });
		identity.revoke({ user: 'ada' });

		const client = await withCookie('s1');

		expect(client.connection.isOpen).toBe(true);
	});

	test('past a thousand revocations whoever was on the way is sent back, and nothing is missed', async () => {
		const hanging = deferred();
		const { kernel, users, withCookie, identity } = await serving({}, () => hanging.promise);
		users.set('s1', { id: 'ada' });
		const waiting = withCookie('s1').then((client) => client.socket.closed?.code);
		await settle();

		for (let i = 0; i <= 1000; i += 1) identity.revoke({ user: `other ${i}` });
		hanging.resolve();

		expect(await waiting).toBe(4401);
		await kernel.clock.advance(60_000);
	});
});

describe('revoke in band', () => {
	test('the gates are asked at once, and the connection goes on', async () => {
		const { users, asked, withToken, identity } = await serving({ inBand: true });
		users.set('a', { id: 'ada', role: 'admin' }).set('b', { id: 'ada', role: 'guest' });
		const client = await withToken('a');

		expect(identity.revoke({ user: 'ada' }, { mode: 'reauthorise' })).toBe(1);
		await client.send({ type: 'identity:token', ask: askOf(client), token: 'b' });

		expect(userOf(client)).toEqual({ id: 'ada', role: 'guest' });
		expect(asked).toHaveLength(2);
	});

	test('without what a connection came with it is closed', async () => {
		const { users, withCookie, identity } = await serving();
		users.set('a', { id: 'ada' });
		const client = await withCookie('a');

		identity.revoke({ user: 'ada' }, { mode: 'reauthorise' });

		expect(client.socket.closed?.code).toBe(4401);
	});

	test.each(['user', 'connection'])(
		'two at once about a %s ask one question, and the second when the first is answered',
		async (kind) => {
			const { users, asked, withToken, identity } = await serving({ inBand: true });
			users.set('a', { id: 'ada' });
			const client = await withToken('a');
			const { connection } = client;
			const whose = kind === 'user' ? { user: 'ada' } : { connection };

			identity.revoke(whose, { mode: 'reauthorise' });
			identity.revoke(whose, { mode: 'reauthorise' });
			await client.send({ type: 'identity:token', ask: askOf(client), token: 'a' });
			await client.send({ type: 'identity:token', ask: askOf(client), token: 'a' });

			expect(asked).toHaveLength(3);
			expect(client.received).toEqual([]);
			expect(connection.isOpen).toBe(true);
		}
	);

	test('who becomes somebody that is revoked meanwhile is closed', async () => {
		const hanging = deferred();
		const { users, withCookie, identity } = await serving({ inBand: true }, ({ purpose }) =>
			purpose === 'renewal' ? hanging.promise : undefined
		);
		users.set('s1', { id: 'ada' });
		const client = await withCookie('s1');
		users.set('s1', { id: 'bob' });
		identity.revoke({ connection: client.connection }, { mode: 'reauthorise' });

		identity.revoke({ user: 'bob' });
		hanging.resolve();
		await settle();

		expect(client.socket.closed?.code).toBe(4401);
	});
});

describe('set', () => {
	const sessions = {
		signIn: live((ctx, id: string) => {
			const { identity, connection } = ctx as never as {
				identity: { set(connection: unknown, user: unknown): void };
				connection: unknown;
			};
			identity.set(connection, id === '' ? undefined : { id });
			return ctx.user;
		}),
		who: live((ctx) => ctx.user)
	};

	test('a call signs in: later calls are made by the new user, and the index knows', async () => {
		const { kernel, connect, identity } = await serving();
		kernel.mount({ sessions });
		const client = await connect();

		expect(await client.call('sessions/signIn', 'ada')).toBeNull();
		expect(await client.call('sessions/who')).toEqual({ id: 'ada' });
		expect(identity.connections('ada')).toEqual([client.connection]);
		await client.call('sessions/signIn', 'bob');
		expect(identity.connections('ada')).toEqual([]);
		await client.call('sessions/signIn', '');

		expect(await client.call('sessions/who')).toBeNull();
		expect(identity.connections('bob')).toEqual([]);
	});

	test('it wins over gates that are still being asked about who it was', async () => {
		const hanging = deferred();
		const { kernel, users, withCookie, identity } = await serving(
			{ maxAge: 60_000 },
			({ purpose }) => (purpose === 'renewal' ? hanging.promise : undefined)
		);
		users.set('s1', { id: 'ada' });
		const client = await withCookie('s1');
		await kernel.clock.advance(60_000);

		identity.set(client.connection, { id: 'bob' });
		hanging.resolve();
		await settle();
		await kernel.clock.advance(30_000);

		expect(userOf(client)).toEqual({ id: 'bob' });
		expect(client.connection.isOpen).toBe(true);
	});

	test('when it is too old, the cookies of before say nothing about it: the client comes back', async () => {
		const { kernel, asked, connect, identity } = await serving({ maxAge: 60_000 });
		const client = await connect();
		identity.set(client.connection, { id: 'bob' });

		await kernel.clock.advance(60_000);

		expect(client.socket.closed?.code).toBe(4401);
		expect(asked).toHaveLength(1);
	});

	test('on a connection that has gone nothing is kept', async () => {
		const { connect, identity } = await serving({ maxAge: 60_000 });
		const client = await connect();
		await client.leave();

		identity.set(client.connection, { id: 'bob' });

		expect(identity.connections('bob')).toEqual([]);
		expect(identity.revoke({ connection: client.connection })).toBe(0);
	});
});

describe('what a connection follows', () => {
	const isAdmin = guard((ctx) => (ctx.user as unknown as User | null)?.role === 'admin');

	async function following(options: IdentityOptions = { inBand: true }) {
		const all = await serving(options);
		const loads: unknown[] = [];
		/** Who has left a topic, as they were then. */
		const left: unknown[] = [];
		const watching = definePlugin({
			name: 'watching',
			setup: (kernel) =>
				void kernel.hook('unsubscribe', ({ connection }) => void left.push(connection.data.user))
		});
		await all.kernel.add(watching);
		all.kernel.mount({
			open: {
				news: live.stream('news', () => ['first'], { merge: 'latest' }),
				mine: live.stream(
					(ctx) => `of:${(ctx.user as unknown as User).id}`,
					(ctx) => {
						loads.push(ctx.user);
						return [];
					}
				)
			},
			admin: { _guard: isAdmin, log: live.stream('log', () => []) }
		});
		all.users.set('admin', { id: 'ada', role: 'admin' }).set('guest', { id: 'ada', role: 'guest' });
		const client = await all.withToken('admin');
		const become = async (token: string): Promise<void> => {
			all.identity.revoke({ connection: client.connection }, { mode: 'reauthorise' });
			const ask = client.take().findLast(({ type }) => type === 'identity:ask')!['ask'];
			await client.send({ type: 'identity:token', ask, token });
		};
		return { ...all, client, become, loads, left };
	}

	test('where nothing has changed, nothing is loaded or sent, and every event comes once', async () => {
		const { kernel, client, become, loads, left } = await following();
		const news = await client.follow('open/news');
		await client.follow('open/mine');
		const log = await client.follow('admin/log');

		await become('admin');
		await kernel.publish('news', 'created', { id: 1 });
		await kernel.publish('log', 'created', { id: 2 });
		await settle();

		expect(client.take().filter(({ type }) => type !== 'event')).toEqual([]);
		expect(news.events.map(({ seq }) => seq)).toEqual([1]);
		expect(log.events.map(({ seq }) => seq)).toEqual([1]);
		expect(loads).toHaveLength(1);
		expect(left).toEqual([]);
	});

	test('a guard that refuses now ends its stream, though nobody has become another', async () => {
		const { kernel, client, users, become } = await following();
		let isOpen = true;
		kernel.mount({
			open: { news: live.stream('news', () => []) },
			admin: { _guard: guard(async () => isOpen), log: live.stream('log', () => []) }
		});
		const news = await client.follow('open/news');
		const log = await client.follow('admin/log');
		isOpen = false;
		expect(users.size).toBe(2);

		await become('admin');
		await kernel.publish('log', 'created', { id: 2 });
		await kernel.publish('news', 'created', { id: 3 });
		await settle();

		expect(log.error).toMatchObject({ code: 'FORBIDDEN' });
		expect(log.events).toEqual([]);
		expect([news.error, news.events.length]).toEqual([undefined, 1]);
	});

	test('another user is sent nothing more before the client has asked again, as that user', async () => {
		const { kernel, client, become, left } = await following();
		await client.send({ type: 'stream', id: 1, path: 'open/news', args: [] });
		await client.send({ type: 'stream', id: 2, path: 'admin/log', args: [] });
		client.take();

		await become('guest');
		await kernel.publish('news', 'created', { id: 1 });
		await kernel.publish('log', 'created', { id: 2 });
		await settle();

		const told = client.take();
		expect(told).toEqual([
			{
				type: 'stream:heads',
				heads: [
					{ topic: 'news', epoch: 'reauthorise', seq: 0 },
					{ topic: 'log', epoch: 'reauthorise', seq: 0 }
				]
			}
		]);
		const admin = { id: 'ada', role: 'admin' };
		expect(left).toEqual([admin, admin]);
		await client.send({ type: 'stream', id: 3, path: 'open/news', args: [] });
		await client.send({ type: 'stream', id: 4, path: 'admin/log', args: [] });
		expect(
			client.take().map(({ id, type, error }) => [id, type, (error as LiveError)?.code])
		).toEqual([
			[3, 'stream:snapshot', undefined],
			[4, 'reply', 'FORBIDDEN']
		]);
	});

	test('a subscription whose guard still waits when the user changes is asked for again', async () => {
		const { kernel, client, become } = await following();
		const waiting = deferred();
		kernel.mount({
			admin: {
				_guard: guard(async (ctx) => {
					await waiting.promise;
					return (ctx.user as unknown as User).role === 'admin';
				}),
				log: live.stream('log', () => [])
			}
		});
		await client.send({ type: 'stream', id: 5, path: 'admin/log', args: [] });

		await become('guest');
		waiting.resolve();
		await settle();
		await kernel.publish('log', 'created', { id: 2 });
		await settle();

		expect(client.take()).toEqual([
			expect.objectContaining({
				type: 'reply',
				id: 5,
				error: expect.objectContaining({ code: 'SERVICE_UNAVAILABLE', retryAfter: 0 })
			})
		]);
		expect(kernel.transport.topics.get('log')?.size ?? 0).toBe(0);
	});

	test('a guard that hangs when it is asked again ends its stream in time', async () => {
		const { kernel, client, become } = await following();
		let isHanging = false;
		kernel.mount({
			admin: {
				_guard: guard(async () => {
					if (isHanging) await new Promise(() => {});
				}),
				log: live.stream('log', () => [])
			}
		});
		const log = await client.follow('admin/log');
		isHanging = true;

		await become('admin');
		await kernel.clock.advance(9_999);
		expect(log.error).toBeUndefined();
		await kernel.clock.advance(1);

		expect(log.error).toMatchObject({ code: 'TIMED_OUT_GUARD', retryable: true });
	});

	test('a guard that throws when it is asked again ends its stream', async () => {
		const { kernel, client, become } = await following();
		let isBroken = false;
		kernel.mount({
			admin: {
				_guard: guard(() => {
					if (isBroken) throw new Error('planted');
				}),
				log: live.stream('log', () => [])
			}
		});
		const log = await client.follow('admin/log');
		isBroken = true;

		await become('admin');

		expect(log.error).toMatchObject({ code: 'INTERNAL_ERROR' });
		expect(kernel.errors.splice(0)).toHaveLength(1);
	});

	test('a gate of the topic that refuses now ends what follows it', async () => {
		const { kernel, client, become } = await following();
		let isOpen = true;
		const gate = definePlugin({
			name: 'gate',
			setup: (own) =>
				void own.hook('subscribe', async ({ topic }) => {
					if (topic === 'news' && !isOpen) return deny('FORBIDDEN', 'Not any more.');
				})
		});
		await kernel.add(gate);
		const news = await client.follow('open/news');
		const log = await client.follow('admin/log');
		isOpen = false;

		await become('admin');

		expect(news.error).toMatchObject({ code: 'FORBIDDEN', message: 'Not any more.' });
		expect(log.error).toBeUndefined();
	});

	test('signals of who it was are heard no more, and those of who it is are', async () => {
		const { kernel, client, identity } = await following();
		const signal = kernel.use('signal');

		identity.set(client.connection, { id: 'bob' });
		await signal('ada' as never, 'secret' as never, 'for ada' as never);
		await signal('bob' as never, 'hello' as never, 'for bob' as never);
		await settle();

		const heard = client.take().filter(({ type }) => type === 'event');
		expect(heard.map(({ event, data }) => [event, data])).toEqual([['hello', 'for bob']]);
	});

	test('no limit counts what the server asks by itself', async () => {
		const { kernel, client, become } = await following();
		kernel.mount({
			open: {
				one: live.rateLimit(
					{ points: 1, window: 60_000 },
					live.stream('one', () => [])
				)
			}
		});
		const one = await client.follow('open/one');

		await become('admin');
		await become('admin');

		expect(one.error).toBeUndefined();
	});

	test('who signs in is listed as who they are, and no longer as who they were', async () => {
		const { kernel, withToken, users, identity } = await following();
		users.set('bob', { id: 'bob' });
		kernel.mount({ room: { here: live.presence('room') } });
		const watcher = await withToken('bob');
		const client = await withToken('guest');
		await client.send({ type: 'stream', id: 1, path: 'room/here', args: [] });
		const here = await watcher.follow('room/here');
		await kernel.clock.advance(100);

		identity.set(client.connection, { id: 'cyd' });
		await client.send({ type: 'stream', id: 2, path: 'room/here', args: [] });
		await kernel.clock.advance(6000);

		const keys = await kernel.use('presence').list('room');
		expect(keys.map(({ key }) => key).sort()).toEqual(['bob', 'cyd']);
		expect(here.events.flatMap(({ data }) => (data as { leaves?: string[] }).leaves ?? [])).toEqual(
			['ada']
		);
	});
});

test('the plugin is put into a server that runs, and knows the connections that are there', async () => {
	// What uses it is set up again with it, and its connections are closed for that.
	const without = single().filter(({ name }) => !['identity', 'signals'].includes(name));
	const kernel = await createTestKernel(without);
	const client = await kernel.connect({ user: { id: 'ada' } });
	const [plugin] = single({ identity: { maxAge: 60_000 } }).filter(
		({ name }) => name === 'identity'
	);
	await kernel.add(plugin!);

	const identity = kernel.find('identity')!;

	expect(identity.connections('ada')).toEqual([client.connection]);
	await kernel.clock.advance(60_000);
	expect(client.socket.closed?.code).toBe(4401);
});
