import { describe, expect, test } from 'vitest';
import * as v from 'valibot';
import type { StandardSchemaV1 } from '@standard-schema/spec';
import { definePlugin, live, LiveError, type LiveContext, type Plugin } from 'svelte-realtime';
import { replay } from 'svelte-realtime/plugins/replay';
import { rpc, serverRpc } from 'svelte-realtime/plugins/rpc';
import { streams } from 'svelte-realtime/plugins/streams';
import { settle, type TestConnection } from 'svelte-realtime/testing';
import { startKernel, takeErrors } from '../kernel/tracked.ts';

declare module 'svelte-realtime/kernel' {
	interface Capabilities {
		audit: { readonly note: string };
		'audit.store': object;
	}
}

type Functions = Record<string, unknown>;

/** A kernel with one live module, `test`, and a connection that calls it. */
async function calling(functions: Functions, options: Parameters<typeof startKernel>[1] = {}) {
	const kernel = await startKernel([rpc()], options);
	kernel.use('rpc').mount({ test: functions });
	const ada = await kernel.connect({ user: { name: 'ada' } });
	return { kernel, ada, call: callerOf(ada) };
}

/** Calls `test/<name>` and returns the answer, which is always exactly one. */
function callerOf(ada: TestConnection) {
	let id = 0;
	return async (
		name: string,
		args?: unknown,
		more: object = {}
	): Promise<Record<string, unknown>> => {
		id += 1;
		ada.take();
		await ada.send({ type: 'rpc', id, path: `test/${name}`, args, ...more });
		const [reply, ...others] = ada.take();
		expect(others).toEqual([]);
		expect(reply).toMatchObject({ type: 'reply', id });
		return reply!;
	};
}

const failure = (code: string, message: unknown = expect.any(String)): object =>
	expect.objectContaining({ error: { code, message } });
const INTERNAL = failure('INTERNAL_ERROR', 'Internal server error.');

describe('a call', () => {
	test('is answered with what its function returns, now or later', async () => {
		const { call } = await calling({
			sync: live((_ctx, a: number, b: number) => a + b),
			async: live(async (_ctx, a: number, b: number) => {
				await settle();
				return a * b;
			})
		});

		expect((await call('sync', [2, 3]))['data']).toBe(5);
		expect(await call('async', [2, 3])).toMatchObject({ id: 2 });
	});

	test('may have no arguments and no result', async () => {
		const { call } = await calling({ nothing: live(() => {}) });

		expect(await call('nothing')).toEqual({ type: 'reply', id: 1 });
		expect(await call('nothing', null)).toEqual({ type: 'reply', id: 2 });
	});

	test('carries values beyond JSON, there and back', async () => {
		const { kernel, call } = await calling({ echo: live((_ctx, value: unknown) => value) });
		const value = new Map([['at', new Date(0)]]);
		const { json } = kernel.values.encode([value], 'a test');

		const reply = await call('echo', JSON.parse(json!), { devalue: true });

		expect(reply['devalue']).toBe(true);
		expect(kernel.values.decode(reply['data'], true)).toEqual(value);
		expect(await call('echo', [{ a: [1, null, 'x'] }])).toEqual({
			type: 'reply',
			id: 2,
			data: { a: [1, null, 'x'] }
		});
	});

	test('that comes in one message with others is answered like them', async () => {
		const { ada } = await calling({ echo: live((_ctx, n: number) => n) });

		await ada.send(...[5, 6, 7].map((n) => ({ type: 'rpc', id: n, path: 'test/echo', args: [n] })));

		expect(ada.received).toEqual([5, 6, 7].map((n) => ({ type: 'reply', id: n, data: n })));
	});

	test('may have an id that another one has; each is answered', async () => {
		const { ada } = await calling({ echo: live(async (_ctx, n: number) => n) });

		await ada.send(...[1, 2].map((n) => ({ type: 'rpc', id: 0, path: 'test/echo', args: [n] })));

		expect(ada.received).toEqual([1, 2].map((n) => ({ type: 'reply', id: 0, data: n })));
	});

	test.each([undefined, null, 'x', 1.5, -1, 2 ** 60, {}])(
		'with the id %s is refused',
		async (id) => {
			let ran = false;
			const { ada } = await calling({ run: live(() => void (ran = true)) });

			await ada.send({ type: 'rpc', id, path: 'test/run' });

			expect(ada.received).toEqual([
				{
					type: 'reply',
					id: null,
					error: { code: 'INVALID_REQUEST', message: 'A call has an id.' }
				}
			]);
			expect(ran).toBe(false);
		}
	);
});

describe('a path', () => {
	const paths = [
		'test/nothing',
		'test',
		'test/',
		'/run',
		'other/run',
		'__proto__/constructor',
		'constructor/x',
		'test/__proto__',
		'test/constructor',
		'test/toString',
		'test/plain',
		'',
		5,
		null,
		undefined,
		['test/run'],
		{ toString: 'test/run' }
	];

	test.each(paths)('%j is NOT_FOUND', async (path) => {
		const { ada } = await calling({ run: live(() => 1), plain: () => 'not live' });

		await ada.send({ type: 'rpc', id: 1, path });

		expect(ada.received).toEqual([failure('NOT_FOUND', 'There is no such function.')]);
	});

	test('of a stream is no function, whatever the frame says', async () => {
		const kernel = await startKernel([rpc(), replay(), streams()]);
		kernel.use('rpc').mount({ test: { list: live.stream('list', () => []) } });
		const call = callerOf(await kernel.connect());

		expect(await call('list')).toEqual(failure('INVALID_REQUEST', '"test/list" is a stream.'));
	});

	test('may have several levels, and is listed', async () => {
		const kernel = await startKernel([rpc()]);
		kernel.use('rpc').mount({ 'admin/users': { list: live(() => 'all'), helper: () => {} } });
		const ada = await kernel.connect();

		await ada.send({ type: 'rpc', id: 1, path: 'admin/users/list' });

		expect(ada.received).toMatchObject([{ data: 'all' }]);
		expect(kernel.use('rpc').paths()).toEqual(['admin/users/list']);
	});

	test('that two exports have is refused when they are mounted', async () => {
		const kernel = await startKernel([rpc()]);
		const { mount, paths } = kernel.use('rpc');
		mount({ old: { run: live(() => 1) } });

		const twice = { a: { 'b/c': live(() => 1) }, 'a/b': { c: live(() => 2) } };

		expect(() => mount(twice)).toThrow('RT_LIVE_PATH');
		expect(paths()).toEqual(['old/run']);
	});
});

describe('arguments', () => {
	test.each([5, 'x', true, {}, { 0: 'a', length: 1 }])('%j are no list', async (args) => {
		const { call } = await calling({ run: live(() => 1) });

		expect(await call('run', args)).toEqual(
			failure('INVALID_REQUEST', 'The arguments are a list.')
		);
	});

	test.each([
		[undefined],
		[[]],
		[{}],
		['x'],
		[[['Set', 1], 5]], // a set is no list either
		[[[0]]], // a cycle
		[[['constructor', 1], 1]],
		[[[-7, 4294967295]]]
	])('%j in the form of devalue are refused', async (args) => {
		const { call } = await calling({ run: live(() => 1) });

		expect(await call('run', args, { devalue: true })).toEqual(failure('INVALID_REQUEST'));
	});

	test('reach the function in their places, with the rest undefined', async () => {
		const { call } = await calling({
			kinds: live((_ctx, ...args: unknown[]) => args.map((arg) => typeof arg)),
			second: live((_ctx, _a: unknown, b?: unknown) => b === undefined)
		});

		expect((await call('kinds', [1, 'x', null, []]))['data']).toEqual([
			'number',
			'string',
			'object',
			'object'
		]);
		expect((await call('second', [1]))['data']).toBe(true);
	});
});

describe('a function that fails', () => {
	const thrown: [string, () => unknown][] = [
		['an error', () => new Error('the password is 1234')],
		['undefined', () => undefined],
		['null', () => null],
		['a text', () => 'the password is 1234'],
		['a number', () => 5],
		['an object like a LiveError', () => ({ code: 'FORBIDDEN', message: 'the password is 1234' })],
		[
			'an error whose fields throw',
			() =>
				Object.defineProperty(new Error('x'), 'message', {
					get() {
						throw new Error('the password is 1234');
					}
				})
		],
		['an error without a prototype', () => Object.create(null) as object]
	];

	test.each(thrown)('with %s is answered INTERNAL_ERROR and reported', async (_, make) => {
		const { kernel, call } = await calling({
			sync: live(() => {
				throw make();
			}),
			async: live(async () => {
				throw make();
			})
		});

		expect(await call('sync')).toEqual(INTERNAL);
		expect(await call('async')).toEqual(INTERNAL);
		expect(kernel.errors.splice(0).map(({ plugin }) => plugin)).toEqual(['rpc', 'rpc']);
	});

	test('with something that cannot even be looked at is answered all the same', async () => {
		const unlookable = new Proxy(new Error('x'), {
			has() {
				throw new Error('no');
			},
			get() {
				throw new Error('no');
			}
		});
		const { kernel, call } = await calling({
			sync: live(() => {
				throw unlookable;
			}),
			async: live(async () => {
				throw unlookable;
			})
		});

		expect(await call('sync')).toEqual(INTERNAL);
		expect(await call('async')).toEqual(INTERNAL);
		expect(takeErrors(kernel)).toEqual(['rpc Error: no', 'rpc Error: no']);
	});

	test('with a LiveError tells its caller, and nobody else', async () => {
		const { call } = await calling({
			sync: live(() => {
				throw new LiveError('FORBIDDEN', 'Only the owner may.');
			}),
			own: live(async () => {
				throw new LiveError('OUT_OF_COFFEE');
			}),
			known: live(() => {
				throw new LiveError('RATE_LIMITED', undefined, {
					retryAfter: 500,
					cause: new Error('the password is 1234')
				});
			})
		});

		expect(await call('sync')).toEqual(failure('FORBIDDEN', 'Only the owner may.'));
		expect(await call('own')).toEqual(failure('OUT_OF_COFFEE', 'OUT_OF_COFFEE'));
		expect(await call('known')).toEqual({
			type: 'reply',
			id: 3,
			error: { code: 'RATE_LIMITED', message: 'Too many requests.', retryAfter: 500 }
		});
	});

	test('with a LiveError that cannot be written is answered INTERNAL_ERROR', async () => {
		const issues = [{ message: 'x', path: [1n as never] }];
		const { kernel, call } = await calling({
			bad: live(() => {
				throw new LiveError('VALIDATION', 'x', { issues });
			})
		});

		expect(await call('bad')).toEqual(INTERNAL);
		expect(takeErrors(kernel)).toEqual([expect.stringMatching(/^rpc TypeError: .*BigInt/)]);
	});

	test('with a LiveError of another copy of this package tells its caller too', async () => {
		const marker = Symbol.for('svelte-realtime.live-error');
		const foreign = Object.assign(new Error('Gone.'), { code: 'NOT_FOUND', [marker]: true });
		const { call } = await calling({
			run: live(() => {
				throw foreign;
			})
		});

		expect(await call('run')).toEqual(failure('NOT_FOUND', 'Gone.'));
	});

	test('closes nothing: the next call is answered', async () => {
		const { kernel, call } = await calling({
			bad: live(() => {
				throw new Error('x');
			}),
			good: live(() => 'fine')
		});

		await call('bad');

		expect((await call('good'))['data']).toBe('fine');
		takeErrors(kernel);
	});
});

describe('a result', () => {
	const unsendable: [string, () => unknown][] = [
		['a function', () => () => {}],
		['a symbol', () => Symbol('x')],
		['a class', () => new (class Row {})()],
		[
			'a getter that throws',
			() => ({
				get x(): never {
					throw new Error('x');
				}
			})
		],
		[
			'a promise-like that throws',
			() => ({
				get then(): never {
					throw new Error('x');
				}
			})
		]
	];

	test.each(unsendable)('that is %s is answered INTERNAL_ERROR and reported', async (_, make) => {
		const { kernel, call } = await calling({ sync: live(make), async: live(async () => make()) });

		expect(await call('sync')).toEqual(INTERNAL);
		expect(await call('async')).toEqual(INTERNAL);
		expect(kernel.errors.splice(0)).toHaveLength(2);
	});

	test('that cannot be sent names the function', async () => {
		const { kernel, call } = await calling({ rows: live(() => [() => {}]) });

		await call('rows');

		expect(String(kernel.errors.splice(0)[0]!.error)).toContain('test/rows');
	});

	test('that is promise-like and odd is answered once', async () => {
		const { call } = await calling({
			twice: live(() => ({
				then(resolve: (value: string) => void, reject: (error: Error) => void) {
					resolve('first');
					resolve('second');
					reject(new Error('third'));
				}
			}))
		});

		expect((await call('twice'))['data']).toBe('first');
	});

	test('with types of the app arrives as such', async () => {
		const { createValueCodec } = await import('svelte-realtime');
		class Money {
			readonly cents: number;
			constructor(cents: number) {
				this.cents = cents;
			}
		}
		const values = createValueCodec({
			Money: {
				encode: (value) => value instanceof Money && value.cents,
				decode: (cents: number) => new Money(cents)
			}
		});
		const { call } = await calling(
			{ twice: live((_ctx, m: Money) => new Money(m.cents * 2)) },
			{ values }
		);

		const reply = await call('twice', [[1], ['Money', 2], 50], { devalue: true });

		expect(values.decode(reply['data'], true)).toEqual(new Money(100));
	});
});

describe('a schema', () => {
	const input = v.object({ text: v.pipe(v.string(), v.minLength(2)), tags: v.array(v.string()) });
	const asyncInput = v.pipeAsync(
		input,
		v.checkAsync(async ({ text }) => text !== 'taken', 'Taken.')
	);

	test('hands its output to the function, and the other arguments as they come', async () => {
		const toNumber = v.pipe(v.string(), v.transform(Number));
		const { call } = await calling({
			sync: live(toNumber, (_ctx, n, more: string) => [n, more]),
			async: live(
				v.pipeAsync(
					toNumber,
					v.checkAsync(async () => true)
				),
				(_ctx, n, more: string) => [n, more]
			)
		});

		expect((await call('sync', ['5', 'x']))['data']).toEqual([5, 'x']);
		expect((await call('async', ['5', 'x']))['data']).toEqual([5, 'x']);
	});

	test.each([
		['synchronous', input],
		['asynchronous', asyncInput]
	])(
		'that is %s answers VALIDATION with the issues, and the function does not run',
		async (_, schema) => {
			let ran = false;
			const { call } = await calling({ send: live(schema, () => void (ran = true)) });

			const reply = await call('send', [{ text: 'x', tags: ['a', 5] }]);

			expect(reply['error']).toMatchObject({
				code: 'VALIDATION',
				message: 'The input is not valid.',
				issues: [{ path: ['text'] }, { path: ['tags', 1] }]
			});
			expect(ran).toBe(false);
		}
	);

	test('may refuse later', async () => {
		const { call } = await calling({ send: live(asyncInput, () => 'ran') });

		expect((await call('send', [{ text: 'taken', tags: [] }]))['error']).toMatchObject({
			code: 'VALIDATION',
			issues: [{ message: 'Taken.', path: [] }]
		});
		expect((await call('send', [{ text: 'free', tags: [] }]))['data']).toBe('ran');
	});

	test('gets undefined where the client sends nothing', async () => {
		const { call } = await calling({
			send: live(v.optional(v.string(), 'default'), (_ctx, s) => s)
		});

		expect((await call('send'))['data']).toBe('default');
	});

	test('with symbols in its paths, or without paths, is told as text', async () => {
		const odd: StandardSchemaV1<string> = {
			'~standard': {
				version: 1,
				vendor: 'test',
				validate: () => ({
					issues: [
						{ message: 'a' },
						{ message: 'b', path: [Symbol('s'), { key: 3 }, { key: 'k' }] }
					]
				})
			}
		};
		const { call } = await calling({ send: live(odd, () => 1) });

		expect((await call('send', ['x']))['error']).toMatchObject({
			issues: [
				{ message: 'a', path: [] },
				{ message: 'b', path: ['Symbol(s)', 3, 'k'] }
			]
		});
	});

	test('that throws is a fault of the server', async () => {
		const broken: StandardSchemaV1<string> = {
			'~standard': {
				version: 1,
				vendor: 'test',
				validate: () => {
					throw new Error('the password is 1234');
				}
			}
		};
		const { kernel, call } = await calling({ send: live(broken, () => 1) });

		expect(await call('send', ['x'])).toEqual(INTERNAL);
		expect(takeErrors(kernel)).toHaveLength(1);
	});
});

describe('ctx', () => {
	test('says who calls what, over which connection', async () => {
		const { ada, call } = await calling({
			who: live((ctx) => [ctx.user, ctx.path, ctx.connection.id, ctx.abortSignal.aborted])
		});

		const { id } = ada.connection;
		expect((await call('who'))['data']).toEqual([{ name: 'ada' }, 'test/who', id, false]);
	});

	test('has no user where no gate said who it is', async () => {
		const { kernel } = await calling({ who: live((ctx) => ctx.user) });

		const call = callerOf(await kernel.connect());

		expect((await call('who'))['data']).toBe(null);
	});

	test('publishes, also with `publish` taken out of it', async () => {
		const { ada } = await calling({
			send: live(({ publish }, text: string) => publish('news', 'said', text))
		});
		ada.connection.follow('news');

		await ada.send({ type: 'rpc', id: 1, path: 'test/send', args: ['hi'] });

		expect(ada.take()).toEqual([
			{ type: 'event', topic: 'news', event: 'said', data: 'hi' },
			{ type: 'reply', id: 1, data: { status: 'ok', level: 'local' } }
		]);
	});

	test('has a signal that aborts when the caller goes away; the answer is a no-op then', async () => {
		let aborted = false;
		const { ada } = await calling({
			wait: live(
				(ctx) =>
					new Promise((resolve) =>
						ctx.abortSignal.addEventListener('abort', () => resolve((aborted = true)))
					)
			)
		});
		await ada.send({ type: 'rpc', id: 1, path: 'test/wait' });

		await ada.leave();

		expect(aborted).toBe(true);
		expect(ada.connection.dropped).toBe(1);
	});

	test('has the services of the plugins, and no port, no clock, nothing else', async () => {
		const audit: Plugin<never, 'audit' | 'audit.store'> = definePlugin({
			name: 'audit',
			provides: ['audit', 'audit.store'],
			setup(kernel) {
				kernel.provide('audit', { note: 'from a plugin of the app' });
				kernel.provide('audit.store', {});
			}
		});
		const kernel = await startKernel([rpc(), replay(), streams(), audit]);
		let names: string[] = [];
		kernel.use('rpc').mount({
			test: {
				note: live((ctx) => (ctx as LiveContext & { audit: { note: string } }).audit.note),
				names: live((ctx) => {
					names = [];
					for (const name in ctx) names.push(name);
				})
			}
		});
		const call = callerOf(await kernel.connect());

		expect((await call('note'))['data']).toBe('from a plugin of the app');
		await call('names');

		expect(names.sort()).toEqual(
			['user', 'connection', 'path', 'rpc', 'replay', 'streams', 'audit'].sort()
		);
	});

	test('of one call is not that of another', async () => {
		const seen: unknown[] = [];
		const { kernel, call } = await calling({ see: live((ctx) => void seen.push(ctx)) });
		const other = callerOf(await kernel.connect({ user: 'bob' }));

		await call('see');
		await other('see');

		expect(seen).toMatchObject([{ user: { name: 'ada' } }, { user: 'bob' }]);
	});
});

describe('limits and changes', () => {
	test('a connection has at most so many calls running; the next is RATE_LIMITED', async () => {
		const finish: (() => void)[] = [];
		const limited: string[] = [];
		const counting = definePlugin({
			name: 'counting',
			setup: ({ hook }) => void hook('limited', ({ limit }) => void limited.push(limit))
		});
		const kernel = await startKernel([rpc(), counting], { limits: { calls: 2 } });
		kernel.use('rpc').mount({
			test: {
				slow: live(() => new Promise<void>((resolve) => finish.push(resolve))),
				fast: live(() => 'fast')
			}
		});
		const [ada, bob] = [await kernel.connect(), await kernel.connect()];
		const frame = (id: number, path = 'test/slow'): object => ({ type: 'rpc', id, path });

		await ada.send(frame(1), frame(2), frame(3), frame(4, 'test/fast'));
		await bob.send(frame(1));
		expect(ada.take()).toEqual([failure('RATE_LIMITED'), failure('RATE_LIMITED')]);
		expect(bob.take()).toEqual([]);
		expect(limited).toEqual(['calls', 'calls']);

		finish[0]!();
		await settle();
		await ada.send(frame(5, 'test/fast'));
		expect(ada.take()).toMatchObject([{ id: 1 }, { id: 5, data: 'fast' }]);
	});

	test('a call that fails gives its place back', async () => {
		const { kernel, call } = await calling(
			{
				bad: live(async () => {
					throw new Error('x');
				})
			},
			{ limits: { calls: 1 } }
		);

		for (let i = 0; i < 5; i += 1) expect(await call('bad')).toEqual(INTERNAL);

		expect(takeErrors(kernel)).toHaveLength(5);
	});

	test('modules are swapped in one step; a running call ends as it began', async () => {
		let finish!: () => void;
		const waiting = new Promise<void>((resolve) => (finish = resolve));
		const { kernel, ada, call } = await calling({
			version: live(async () => {
				await waiting;
				return 'old';
			}),
			removed: live(() => 1)
		});
		await ada.send({ type: 'rpc', id: 100, path: 'test/version' });

		kernel.use('rpc').mount({ test: { version: live(() => 'new') } });
		expect((await call('version'))['data']).toBe('new');
		expect(await call('removed')).toEqual(failure('NOT_FOUND'));
		finish();
		await settle();

		expect(ada.received).toEqual([{ type: 'reply', id: 100, data: 'old' }]);
	});

	test('before anything is mounted every path is NOT_FOUND', async () => {
		const kernel = await startKernel([rpc()]);

		expect(await callerOf(await kernel.connect())('x')).toEqual(failure('NOT_FOUND'));
	});
});

describe('live()', () => {
	test('makes a function that the server can call like any other', async () => {
		const add = live((_ctx, a: number, b: number) => a + b);

		expect(add({} as LiveContext, 2, 3)).toBe(5);
	});

	test('leaves the function that it is given alone', () => {
		const add = (_ctx: LiveContext): number => 1;
		live(add);

		expect('~live' in add).toBe(false);
	});

	test.each<[string, unknown[], RegExp]>([
		['nothing', [], /RT_LIVE_ARGUMENTS.*undefined/],
		['a value', [5], /RT_LIVE_ARGUMENTS.*number/],
		['a schema alone', [v.string()], /RT_LIVE_ARGUMENTS.*object/],
		['something that is no schema', [{}, () => {}], /RT_LIVE_ARGUMENTS.*no schema/],
		['a schema and a value', [v.string(), 5], /RT_LIVE_ARGUMENTS.*number/]
	])('with %s is RT_LIVE_ARGUMENTS', (_, args, message) => {
		expect(() => (live as (...args: unknown[]) => unknown)(...args)).toThrow(message);
	});
});

test('a stub that is called while rendering says what to do instead', async () => {
	await expect(serverRpc('chat/send')('hi')).rejects.toThrow(/RT_STUB_SERVER_CALL.*chat\/send/);
});
