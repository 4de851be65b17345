/** The kit for those who test an app. */

import { error } from '@sveltejs/kit';
import { expect, test } from 'vitest';
import * as v from 'valibot';
import { defineConfig, definePlugin, deny, guard, live, LiveError } from 'svelte-realtime';
import { single } from 'svelte-realtime/presets';
import { createTestEnv, type TestEnv, type TestEnvOptions } from 'svelte-realtime/testing';

interface User {
	id: string;
	admin?: boolean;
}
const person = (id: string, more: Partial<User> = {}): User & { name: string } => ({
	id,
	name: id,
	...more
});
const userOf = (ctx: { user: unknown }): User | null => ctx.user as User | null;

interface Todo {
	id: number;
	text: string;
}

/** A module with state of its own, as apps have it. */
function todoModule() {
	const todos: Todo[] = [];
	return {
		todos,
		add: live(v.object({ text: v.pipe(v.string(), v.nonEmpty()) }), (ctx, { text }) => {
			const todo = { id: todos.length + 1, text };
			todos.push(todo);
			void ctx.publish('todos', 'created', todo);
			return todo;
		}),
		list: live.stream('todos', () => [...todos]),
		whoami: live((ctx) => userOf(ctx)?.id ?? null),
		fail: live(() => {
			throw new TypeError('secret');
		})
	};
}

const admin = {
	_guard: guard((ctx) => userOf(ctx)?.admin === true),
	wipe: live(() => 'wiped')
};

async function starting(more: Partial<TestEnvOptions> = {}) {
	const todo = todoModule();
	const env = await createTestEnv({ modules: { todo }, ...more });
	return { env, todo };
}

// --- modules ---

test('files are live modules by the paths that the server gives them', async () => {
	const { add } = todoModule();
	const env = await createTestEnv({
		modules: {
			'../src/live/todo.ts': { add },
			'../src/live/admin/users.ts': async () => ({ add }),
			'../src/live/_secret.ts': { add },
			'../src/live/_parts/deep.ts': { add },
			'../src/live/$types.d.ts': {},
			'../src/live/todo.test.ts': { add }
		}
	});

	expect(env.paths()).toEqual(['todo/add', 'admin/users/add']);
});

test.each([
	['./live/chat.ts', 'chat/add'],
	['/src/live/chat.js', 'chat/add'],
	['C:\\app\\src\\live\\admin\\chat.ts', 'admin/chat/add'],
	['../../live/src/live/chat.ts', 'chat/add'],
	['chat', 'chat/add'],
	['admin/chat', 'admin/chat/add']
])('the file %s is the module of %s', async (key, path) => {
	const env = await createTestEnv({ modules: { [key]: { add: todoModule().add } } });

	expect(env.paths()).toEqual([path]);
});

test('a file outside of the folder of live modules is refused with what to do', async () => {
	const starting = createTestEnv({ modules: { '../lib/chat.ts': {} } });

	await expect(starting).rejects.toThrow(/createTestEnv\(\{ dir, … \}\)/);
	await createTestEnv({ modules: { '../lib/chat.ts': {} }, dir: 'lib' });
});

test('the guard of a folder, of a module, and of a config that requires one hold as on the server', async () => {
	const env = await createTestEnv({
		modules: {
			'../src/live/admin/_guard.ts': { _guard: guard(({ user }) => user !== null) },
			'../src/live/admin/board.ts': {
				...admin,
				room: live.room({
					topic: 'secrets',
					init: () => ['secret'],
					presence: true,
					actions: { add: () => 'added' }
				})
			}
		}
	});
	const nobody = await env.connect();
	const ada = await env.connect(person('ada'));
	const root = await env.connect(person('root', { admin: true }));

	await expect(nobody.call('admin/board/wipe')).rejects.toMatchObject({ code: 'FORBIDDEN' });
	for (const path of ['admin/board/wipe', 'admin/board/room.add']) {
		await expect(ada.call(path)).rejects.toMatchObject({ code: 'FORBIDDEN' });
	}
	for (const path of ['admin/board/room.data', 'admin/board/room.presence']) {
		await expect(ada.subscribe(path).waitFor()).rejects.toMatchObject({ code: 'FORBIDDEN' });
		await expect(ada.load(path)).rejects.toMatchObject({ code: 'FORBIDDEN' });
	}
	expect(await root.call('admin/board/wipe')).toBe('wiped');
	const open = createTestEnv({ modules: { todo: todoModule() }, requireGuard: true });
	await expect(open).rejects.toMatchObject({ code: 'RT_GUARD_MISSING' });
});

test('what the config says is in force: plugins, middleware, limits, gates', async () => {
	const seen: string[] = [];
	const gate = definePlugin({
		name: 'gate',
		setup: ({ hook }) =>
			void hook('upgrade', ({ cookies, data }) => {
				if (cookies['banned']) return deny('FORBIDDEN', 'You are banned.');
				if (cookies['session']) data.user = { id: cookies['session'] };
			})
	});
	const { env } = await starting({
		config: defineConfig({
			preset: single({
				middleware: [({ path }, next) => (seen.push(path), next())],
				ratelimit: { calls: { points: 2, window: 1000 } }
			}),
			plugins: [gate],
			limits: { topic: 10 }
		})
	});

	const ada = await env.connect(undefined, { cookies: { session: 'ada' } });
	const eve = await env.connect(person('eve'), { cookies: { session: 'ada' } });

	expect(await ada.call('todo/whoami')).toBe('ada');
	expect(await eve.call('todo/whoami')).toBe('eve');
	expect(seen).toEqual(['todo/whoami', 'todo/whoami']);
	await ada.call('todo/whoami');
	await expect(ada.call('todo/whoami')).rejects.toMatchObject({ code: 'RATE_LIMITED' });
	await env.clock.advance(1000);
	expect(await ada.call('todo/whoami')).toBe('ada');
	const banned = env.connect(person('eve'), { cookies: { banned: '1' } });
	await expect(banned).rejects.toMatchObject({ code: 'FORBIDDEN', message: 'You are banned.' });
	expect(env.kernel.limits.topic).toBe(10);
});

test('who somebody is, the app’s own handle and config say; whom the test names is not asked about', async () => {
	type Event = { readonly cookies: ReadonlyMap<string, string>; readonly locals: object };
	const asked: unknown[] = [];
	const mine = live.stream(
		(ctx) => `of:${userOf(ctx)?.id}`,
		(ctx) => userOf(ctx)?.id,
		{ merge: 'set' }
	);
	const env = await createTestEnv({
		modules: { todo: { ...todoModule(), mine } },
		hooks: {
			handle: ({ event, resolve }: { event: Event; resolve(event: Event): Response }) => {
				const { cookies, locals } = event;
				Object.assign(locals, { id: cookies.get('session') });
				return resolve(event);
			}
		},
		config: {
			user({ locals }) {
				const { id } = locals as { id?: string };
				asked.push(id);
				if (id === undefined) error(401);
				return { id };
			}
		}
	});

	const ada = await env.connect(undefined, { cookies: { session: 'ada' } });
	expect(await ada.call('todo/whoami')).toBe('ada');
	expect(await ada.load('todo/mine')).toMatchObject({ value: 'ada', topic: 'of:ada' });
	await expect(env.connect()).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
	asked.length = 0;

	const bob = await env.connect(person('bob'));
	expect(await bob.call('todo/whoami')).toBe('bob');
	expect(await bob.load('todo/mine')).toMatchObject({ value: 'bob' });
	await bob.flap();
	expect([await bob.call('todo/whoami'), asked]).toEqual(['bob', []]);
});

// --- calls ---

test('a call is answered with what a page would be told', async () => {
	const { env } = await starting();
	const ada = await env.connect(person('ada'));

	expect(await ada.call('todo/add', { text: 'milk' })).toEqual({ id: 1, text: 'milk' });
	await expect(ada.call('todo/add', { text: '' })).rejects.toMatchObject({
		code: 'VALIDATION',
		issues: [{ path: ['text'] }]
	});
	await expect(ada.call('todo/none')).rejects.toMatchObject({ code: 'NOT_FOUND' });
	await expect(ada.call('todo/fail')).rejects.not.toThrow(/secret/);
	expect(env.errors.splice(0)).toMatchObject([{ error: { message: 'secret' } }]);
});

test('the stubs of a module are those of a page: typed, and each of its kind', async () => {
	const { env, todo } = await starting();
	const ada = await env.connect(person('ada'));
	const { add, list } = ada.live<typeof todo>('todo');

	const stream = ada.subscribe(list);
	await stream.waitFor();
	const [one, two] = await ada.batch(() => [add({ text: 'a' }), add({ text: 'b' })] as const);

	expect([one.id, two.id]).toEqual([1, 2]);
	const all: readonly Todo[] = await stream.waitFor((todos) => todos.length === 2);
	expect(all.map(({ text }) => text)).toEqual(['a', 'b']);
	expect(stream.events.map(({ event, seq }) => [event, seq])).toEqual([
		['created', 1],
		['created', 2]
	]);
	expect(() => (ada.live('todo') as never as { none: unknown }).none).toThrow(/todo\/none/);
});

// --- streams ---

test('a stream tells its value, its state and its error', async () => {
	let isClosed = true;
	const closed = live.stream(
		'closed',
		() => {
			if (isClosed) throw new LiveError('FORBIDDEN', 'Closed.');
			return ['open'];
		},
		{ merge: 'set' }
	);
	const { env } = await starting({ modules: { todo: todoModule(), place: { closed } } });
	const ada = await env.connect();

	const stream = ada.subscribe('todo/list');
	expect(stream).toMatchObject({ status: 'loading', current: undefined, stale: false });
	expect(await stream.waitFor()).toEqual([]);
	expect(stream.status).toBe('connected');
	const refused = ada.subscribe('place/closed');
	await expect(refused.waitFor()).rejects.toMatchObject({ code: 'FORBIDDEN' });
	expect(refused).toMatchObject({ status: 'error', error: { message: 'Closed.' } });
	isClosed = false;
	await ada.flap();
	expect(await refused.waitFor()).toEqual(['open']);
});

test('what does not come is told with what there is instead', async () => {
	const { env } = await starting();
	const ada = await env.connect();
	const stream = ada.subscribe<readonly Todo[], never>(ada.live<never>('todo')['list'] as never);
	await stream.waitFor();

	const waiting = stream.waitFor((todos) => todos.length > 0, { timeout: 20 });

	await expect(waiting).rejects.toThrow(/20 ms. It is connected, with \[\]/);
	const failing = stream.waitFor(() => {
		throw new Error('my own');
	});
	await expect(failing).rejects.toThrow('my own');
});

test('pages of a list are loaded one by one, and a stream that is left is over for the server', async () => {
	const left: string[] = [];
	const watching = definePlugin({
		name: 'watching',
		setup: ({ hook }) => void hook('unsubscribe', ({ topic }) => void left.push(topic))
	});
	const pages = live.stream('pages', ({ cursor }) => {
		const from = (cursor as number | null) ?? 0;
		return { data: [{ id: from }, { id: from + 1 }], cursor: from + 2, hasMore: from < 2 };
	});
	const env = await createTestEnv({
		modules: { shop: { pages } },
		config: { plugins: [watching] }
	});
	const ada = await env.connect();
	const stream = ada.subscribe('shop/pages');
	await stream.waitFor();

	expect([stream.hasMore, await stream.loadMore(), stream.hasMore]).toEqual([true, true, false]);
	expect(stream.current).toEqual([{ id: 0 }, { id: 1 }, { id: 2 }, { id: 3 }]);

	await stream.unsubscribe();
	expect(left).toEqual(['pages']);
	await env.publish('pages', 'created', { id: 9 });
	expect(stream.events).toEqual([]);
});

test('a page is rendered for a visitor as the server does it', async () => {
	const mine = live.stream(
		(ctx) => `of:${userOf(ctx)?.id}`,
		(ctx) => userOf(ctx)?.id,
		{ merge: 'set' }
	);
	const env = await createTestEnv({ modules: { own: { mine } } });
	const ada = await env.connect(person('ada'));

	const seed = await ada.load('own/mine');

	expect(seed).toMatchObject({ value: 'ada', topic: 'of:ada' });
});

// --- the network, and the server's end ---

test('what was missed in a break comes afterwards, once', async () => {
	const { env } = await starting();
	const ada = await env.connect();
	const stream = ada.subscribe('todo/list');
	await stream.waitFor();
	await env.publish('todos', 'created', { id: 1, text: 'before' });

	await ada.disconnect();
	await env.publish('todos', 'created', { id: 2, text: 'meanwhile' });
	expect(stream).toMatchObject({ status: 'reconnecting', stale: true });
	await ada.reconnect();

	expect(await stream.waitFor((todos) => (todos as Todo[]).length === 2)).toHaveLength(2);
	expect(stream.events.map(({ seq }) => seq)).toEqual([1, 2]);
	expect(env.kernel.connections.size).toBe(1);
});

test('a restart ends what is in memory; clients are back, and begin anew', async () => {
	const { env } = await starting({ modules: () => ({ todo: todoModule() }) });
	const ada = await env.connect(person('ada'));
	const away = await env.connect(person('bob'));
	const stream = ada.subscribe('todo/list');
	await ada.call('todo/add', { text: 'lost' });
	await stream.waitFor((todos) => (todos as Todo[]).length === 1);
	const { instanceId } = env.kernel;
	const before = (stream.store as { position?: { epoch: string } }).position;
	await away.disconnect();

	await env.restart();

	expect(env.kernel.instanceId).not.toBe(instanceId);
	expect(await stream.waitFor((todos) => (todos as Todo[]).length === 0)).toEqual([]);
	expect((stream.store as { position?: { epoch: string } }).position).not.toEqual(before);
	expect([ada.connection.status, away.connection.status]).toEqual(['open', 'reconnecting']);
	expect(await ada.call('todo/whoami')).toBe('ada');
});

test('an event is listed once, also where it comes while the stream is being asked for again', async () => {
	let wait = Promise.resolve();
	const fast = live.stream('one', () => []);
	const slow = live.stream('one', async () => {
		await wait;
		return [];
	});
	const env = await createTestEnv({ modules: { test: { fast, slow } } });
	const ada = await env.connect();
	const [one, two] = [ada.subscribe('test/fast'), ada.subscribe('test/slow')];
	await Promise.all([one.waitFor(), two.waitFor()]);

	let release = (): void => {};
	wait = new Promise((resolve) => (release = resolve));
	await env.restart();
	await env.clock.advance(2000);
	await env.publish('one', 'created', { id: 1 });
	await one.waitFor((list) => (list as unknown[]).length === 1);
	release();

	await two.waitFor((list) => (list as unknown[]).length === 1);
	expect([one.events, two.events]).toEqual([
		[{ event: 'created', data: { id: 1 }, seq: 1 }],
		[{ event: 'created', data: { id: 1 }, seq: 1 }]
	]);
});

test('a call that the break has caught is answered after it', async () => {
	let finish = (): void => {};
	const slow = live(() => new Promise<string>((resolve) => (finish = () => resolve('done'))));
	const env = await createTestEnv({ modules: { slow: { slow } } });
	const ada = await env.connect();
	const call = ada.call('slow/slow');
	await env.clock.advance(0);

	await ada.disconnect();
	finish();
	await ada.reconnect();

	expect(await call).toBe('done');
});

// --- time ---

test('crons and limits run by the clock of the environment', async () => {
	const ran: string[] = [];
	const nightly = live.cron('0 3 * * *', () => void ran.push('nightly'));
	const env = await createTestEnv({
		modules: { jobs: { nightly } },
		now: Date.UTC(2026, 4, 1, 2, 59)
	});

	expect(ran).toEqual([]);
	await env.clock.advance(60_000);
	expect(ran).toEqual(['nightly']);
	await env.clock.advance(24 * 3_600_000);
	expect(ran).toHaveLength(2);
});

// --- isolation ---

test('environments of one config know nothing of each other, and leave nothing behind', async () => {
	const config = defineConfig({ preset: single() });
	const { list } = todoModule();
	const globals = Reflect.ownKeys(globalThis);
	const envs = await Promise.all(
		[1, 2, 3].map(() => createTestEnv({ modules: { todo: { list } }, config }))
	);
	const streams = await Promise.all(
		envs.map(async (env) => (await env.connect()).subscribe('todo/list'))
	);
	await Promise.all(streams.map((stream) => stream.waitFor()));

	await envs[0]!.publish('todos', 'created', { id: 1, text: 'one' });
	await streams[0]!.waitFor((todos) => (todos as Todo[]).length === 1);

	expect(streams.map(({ current }) => (current as Todo[]).length)).toEqual([1, 0, 0]);
	expect(Reflect.ownKeys(globalThis)).toEqual(globals);
	await Promise.all(envs.map((env) => env.close()));
});

test('what nobody has taken of the errors, and a timer that goes on, fail the test', async () => {
	const { env } = await starting();
	const ada = await env.connect();
	await ada.call('todo/fail').catch(() => {});

	await expect(env.close()).rejects.toThrow(/reported by "rpc": TypeError: secret/);

	const other = await starting();
	other.env.clock.every(10, () => {});
	await expect(other.env.close()).rejects.toThrow('1 timers that wait after the shutdown');
});

test('an environment ends with the block that it is made in', async () => {
	let inside: TestEnv;
	{
		await using env = (await starting()).env;
		inside = env;
		const ada = await env.connect();
		// It is followed for a while after, for whoever reads it next.
		expect(await (ada.live('todo') as never as { list: Promise<unknown> }).list).toEqual([]);
		ada.subscribe('todo/list');
		await ada.call('todo/whoami');
	}

	expect(() => inside.kernel).toThrow(/ended/);
});

test('who is refused is refused once, and keeps nothing open', async () => {
	const { env } = await starting({
		config: {
			plugins: [
				definePlugin({
					name: 'closed',
					setup: ({ hook }) => void hook('upgrade', () => deny('UNAUTHENTICATED'))
				})
			]
		}
	});

	await expect(env.connect()).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
	await env.clock.advance(60_000);
	expect(env.kernel.connections.size).toBe(0);
});

test('signals and uploads come to those whom they are for', async () => {
	const size = live.binary((_ctx, data) => (data as unknown as Uint8Array).byteLength);
	const tell = live((ctx, id: string) => ctx.signal?.(id, 'hello', { from: userOf(ctx)?.id }));
	const env = await createTestEnv({ modules: { mixed: { size, tell } } });
	const ada = await env.connect(person('ada'));
	const bob = await env.connect(person('bob'));

	await ada.call('mixed/tell', 'bob');

	expect(bob.signals).toEqual([{ event: 'hello', data: { from: 'ada' } }]);
	expect(ada.signals).toEqual([]);
	expect(await ada.upload('mixed/size', new Uint8Array(70_000))).toBe(70_000);
});
