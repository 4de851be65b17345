/** Calls, batches, checks and limits, over real sockets. */

import { expect, test } from 'vitest';
import * as v from 'valibot';
import { definePlugin, guard, live, LiveError, type LiveContext } from 'svelte-realtime';
import { single } from 'svelte-realtime/presets';
import type {} from 'svelte-realtime/plugins/rpc';
import { codeOf, overBoth, type Frame } from './world.ts';

const log: string[] = [];
const note = (entry: string) => (): void => void log.push(entry);
const userOf = (ctx: LiveContext): { id: string; role: string } | null => ctx.user as never;

const published = definePlugin({
	name: 'stamping',
	setup: (kernel) => {
		kernel.hook(
			'publish',
			(ctx) => {
				if (ctx.topic === 'stamped') ctx.data = { ...(ctx.data as object), by: 'plugin' };
			},
			{ order: 'pre' }
		);
		kernel.hook(
			'message',
			({ connection }) => {
				connection.answer('{"type":"custom","heard":true}');
				return 'handled' as never;
			},
			{ type: 'custom' } as never
		);
	}
});

const asyncSchema = v.pipeAsync(
	v.string(),
	v.checkAsync(async (value) => value !== 'bad', 'Not that.')
);

const failing = (): never => {
	throw new LiveError('CONFLICT', 'Taken.', { issues: [{ message: 'name', path: ['name'] }] });
};

function define() {
	log.length = 0;
	return {
		config: {
			preset: single({
				middleware: [
					async ({ path }, next) => {
						if (!path.startsWith('around/')) return next();
						log.push('outer');
						const result = await next();
						log.push('outer over');
						return result;
					},
					async ({ path }, next) => {
						if (path === 'around/refused') throw new LiveError('FORBIDDEN', 'Not today.');
						if (path.startsWith('around/')) log.push('inner');
						return next();
					}
				]
			}),
			plugins: [published]
		},
		modules: {
			test: {
				echo: live((_ctx, ...args: unknown[]) => args),
				upper: live(v.pipe(v.string(), v.toUpperCase()), (_ctx, text) => text),
				form: live(
					v.object({ name: v.pipe(v.string(), v.nonEmpty()), age: v.number() }),
					(_ctx, input) => input
				),
				later: live(asyncSchema, (_ctx, text) => text),
				crash: live(() => {
					throw new TypeError('the password is 1234');
				}),
				fail: live(failing),
				upload: live.binary((_ctx, data) => (data as Uint8Array).byteLength, { maxSize: 100_000 }),
				uploadFail: live.binary(failing),
				stamp: live((ctx) => ctx.publish('stamped', 'set', { text: 'hello' })),
				stamped: live.stream('stamped', () => null, { merge: 'set' }),
				slow: live(async (ctx, entry: string) => {
					log.push(`${entry} begins`);
					await ctx.queue.push('slow', async () => {});
					log.push(`${entry} ends`);
				}),
				whoami: live((ctx) => userOf(ctx)?.id),
				gated: live.gate(
					(ctx) => userOf(ctx)?.role === 'admin',
					live(() => 'secret')
				)
			},
			'with-hyphen': { echo: live(() => 'hyphen') },
			around: { call: live(note('handler')), refused: live(note('refused')) },
			guarded: {
				_guard: guard(
					note('first'),
					async (ctx) => {
						log.push('second');
						Object.assign(ctx, { tenant: `of ${userOf(ctx)?.id}` });
					},
					(ctx) => userOf(ctx)?.id !== 'eve'
				),
				call: live((ctx) => (log.push('handler'), (ctx as { tenant?: string }).tenant))
			},
			limited: {
				one: live.rateLimit(
					{ points: 1, window: 60_000 },
					live(() => 1)
				),
				two: live.rateLimit(
					{ points: 1, window: 60_000 },
					live(() => 2)
				),
				shared: live.rateLimit(
					{ points: 1, window: 60_000, key: () => 'everybody' },
					live(() => 3)
				),
				few: live.rateLimit(
					{ points: 5, window: 60_000 },
					live(() => 4)
				)
			}
		}
	};
}

overBoth(define, (world) => {
	// --- calls ---

	test('a call is answered under its own id, and missing arguments are none', async () => {
		const page = await world.page();

		const call = { type: 'rpc', path: 'test/echo' };
		expect(await page.ask({ ...call, id: 7, args: [1, 'two', null] })).toEqual({
			type: 'reply',
			id: 7,
			data: [1, 'two', null]
		});
		expect(await page.ask({ ...call, id: 8 })).toMatchObject({ id: 8, data: [] });
		expect(await page.ask({ ...call, path: 'with-hyphen/echo' })).toMatchObject({ data: 'hyphen' });
	});

	test('a path that names nothing is NOT_FOUND, whatever it is made of', async () => {
		const page = await world.page();

		for (const path of ['echo', 'test/none', '../test/echo', 'test//echo', 'test/echo/', '', 7]) {
			expect([path, codeOf(await page.ask({ type: 'rpc', path }))]).toEqual([path, 'NOT_FOUND']);
		}
	});

	test('arguments that are no list are INVALID_REQUEST', async () => {
		const page = await world.page();

		for (const args of ['text', 7, { 0: 'a' }, true]) {
			const answer = await page.ask({ type: 'rpc', path: 'test/echo', args });
			expect([args, codeOf(answer)]).toEqual([args, 'INVALID_REQUEST']);
		}
	});

	test('what a handler throws by accident reaches nobody, but for whoever runs the server', async () => {
		const page = await world.page();

		const answer = await page.ask({ type: 'rpc', path: 'test/crash' });

		expect(answer['error']).toEqual({ code: 'INTERNAL_ERROR', message: expect.any(String) });
		expect(JSON.stringify(answer)).not.toMatch(/1234/);
		expect(world.errors.splice(0)).toMatchObject([{ error: { message: 'the password is 1234' } }]);
	});

	test('a LiveError is the same by a call, in a batch and of an upload', async () => {
		const client = world.client();
		const error = { code: 'CONFLICT', message: 'Taken.', issues: [{ path: ['name'] }] };

		await expect(client.call('test/fail')()).rejects.toMatchObject(error);
		const batch = client.batch(() => [client.call('test/fail')(), client.call('test/echo')()]);
		await expect(batch).rejects.toMatchObject(error);
		const upload = client.binary('test/uploadFail')(new Uint8Array(10));
		await expect(upload).rejects.toMatchObject(error);
	});

	test('guards are asked in order before the handler, add to ctx, and refuse', async () => {
		log.length = 0;
		expect(await world.client('ada').call('guarded/call')()).toBe('of ada');
		expect(log.splice(0)).toEqual(['first', 'second', 'handler']);

		const refused = world.client('eve').call('guarded/call')();
		await expect(refused).rejects.toMatchObject({ code: 'FORBIDDEN' });
		expect(log.splice(0)).toEqual(['first', 'second']);
	});

	test('middleware is around everything, in order, and can refuse', async () => {
		log.length = 0;
		const client = world.client();
		await client.call('around/call')();
		expect(log.splice(0)).toEqual(['outer', 'inner', 'handler', 'outer over']);

		const refused = client.call('around/refused')();
		await expect(refused).rejects.toMatchObject({ code: 'FORBIDDEN', message: 'Not today.' });
		expect(log.splice(0)).toEqual(['outer']);
	});

	test('what ctx.publish sends has gone through the plugins', async () => {
		const client = world.client();
		const stream = world.follow<{ by?: string } | null>(client.stream('test/stamped'));
		await stream.waitFor();

		await client.call('test/stamp')();

		expect(await stream.waitFor((value) => value !== null)).toEqual({
			text: 'hello',
			by: 'plugin'
		});
	});

	test('frames of other types reach the plugin that asks for them, and only that', async () => {
		const page = await world.page();

		page.send({ type: 'custom' });
		page.send({ type: 'nobodys', id: 3 });

		expect(await page.until(({ type }) => type === 'custom')).toMatchObject({ heard: true });
		expect(codeOf(await page.until(({ id }) => id === 3))).toBe('INVALID_REQUEST');
	});

	// --- batches ---

	test('the calls of a batch come back in order, and one that fails fails alone', async () => {
		const client = world.client();
		const echo = client.call('test/echo');
		const calls: Promise<unknown>[] = [];

		const batch = client.batch(() => {
			calls.push(echo('a'), client.call('test/none')(), echo('c'));
			return calls;
		});

		await expect(batch).rejects.toMatchObject({ code: 'NOT_FOUND' });
		expect(await Promise.allSettled(calls)).toMatchObject([
			{ value: ['a'] },
			{ reason: { code: 'NOT_FOUND' } },
			{ value: ['c'] }
		]);
		const page = await world.page();
		page.send(...[1, 2, 3].map((id) => ({ type: 'rpc', id, path: 'test/echo', args: [id] })));
		await page.until(({ id }) => id === 3);
		expect(page.frames.map(({ id, data }) => [id, data])).toEqual([1, 2, 3].map((n) => [n, [n]]));
	});

	test('a sequential batch begins each call when the one before it is over', async () => {
		log.length = 0;
		const client = world.client();
		const slow = client.call<(entry: string) => Promise<void>>('test/slow');

		await client.batch(() => [slow('a'), slow('b'), slow('c')], { sequential: true });

		expect(log.splice(0)).toEqual(
			['a', 'b', 'c'].flatMap((name) => [`${name} begins`, `${name} ends`])
		);
	});

	test('a batch of more than 50 is refused on both sides, each call with a code', async () => {
		const client = world.client();
		const echo = client.call('test/echo');
		const calls: Promise<unknown>[] = [];

		const batch = client.batch(() => {
			for (let i = 0; i < 51; i += 1) calls.push(echo(i));
			return calls;
		});
		await expect(batch).rejects.toMatchObject({ code: 'INVALID_REQUEST' });
		const settled = await Promise.allSettled(calls);
		expect(settled.every(({ status }) => status === 'rejected')).toBe(true);

		const page = await world.page();
		const ids = Array.from({ length: 51 }, (_, id) => id);
		page.send(...ids.map((id) => ({ type: 'rpc', id, path: 'test/echo' })));
		await page.until(({ id }) => id === 50);
		expect(page.frames.map((frame) => [frame['id'], codeOf(frame)])).toEqual(
			ids.map((id) => [id, 'INVALID_REQUEST'])
		);
	});

	test('of a message with what is no frame in it nothing runs, and each call is told', async () => {
		const page = await world.page();

		page.sendText('[null,{"type":"rpc","id":4,"path":"test/echo"},7,{"id":5}]');
		await page.until(({ id }) => id === 5);

		expect(page.frames.map((frame) => [frame['id'], codeOf(frame)])).toEqual(
			expect.arrayContaining([null, 4, 5].map((id) => [id, 'INVALID_REQUEST']))
		);
		expect(page.frames).toHaveLength(3);
		expect(await page.ask({ type: 'rpc', path: 'test/echo' })).toMatchObject({ data: [] });
	});

	test('in a batch a gate and who calls are what they are in a call', async () => {
		const gated = (user: string): Promise<unknown[]> => {
			const client = world.client(user);
			return client.batch(() => [client.call('test/whoami')(), client.call('test/gated')()]);
		};

		expect(await gated('root')).toEqual(['root', 'secret']);
		await expect(gated('ada')).rejects.toMatchObject({ code: 'FORBIDDEN' });
		await expect(world.client('ada').call('test/gated')()).rejects.toMatchObject({
			code: 'FORBIDDEN'
		});
	});

	// --- checks ---

	test('a schema makes the first argument what it says, or says everything that is wrong', async () => {
		const client = world.client();

		expect(await client.call('test/upper')('abc')).toBe('ABC');
		await expect(client.call('test/form')({ name: '', age: 'x' })).rejects.toMatchObject({
			code: 'VALIDATION',
			issues: [{ path: ['name'] }, { path: ['age'] }]
		});
	});

	test('a schema may take its time, and what is no schema is refused where it is declared', async () => {
		const client = world.client();

		expect(await client.call('test/later')('good')).toBe('good');
		await expect(client.call('test/later')('bad')).rejects.toMatchObject({ code: 'VALIDATION' });
		expect(() => live({ parse: () => {} } as never, () => {})).toThrow(/RT_LIVE_ARGUMENTS/);
	});

	test('a budget is of one function and one identity, or of what its key says', async () => {
		const [ada, bob] = [world.client('ada'), world.client('bob')];

		await ada.call('limited/one')();
		await expect(ada.call('limited/one')()).rejects.toMatchObject({
			code: 'RATE_LIMITED',
			retryAfter: expect.any(Number)
		});
		expect(await ada.call('limited/two')()).toBe(2);
		expect(await bob.call('limited/one')()).toBe(1);
		await ada.call('limited/shared')();
		await expect(bob.call('limited/shared')()).rejects.toMatchObject({ code: 'RATE_LIMITED' });
	});

	test('an upload has a size that it may not pass, and so has the header of a binary frame', async () => {
		const client = world.client();

		expect(await client.binary('test/upload')(new Uint8Array(100_000))).toBe(100_000);
		const large = client.binary('test/upload')(new Uint8Array(100_001));
		await expect(large).rejects.toMatchObject({ code: 'PAYLOAD_TOO_LARGE' });

		const page = await world.page();
		page.sendText(new Uint8Array([0, 255, 255, 123]));
		await page.until((frame: Frame) => codeOf(frame) === 'INVALID_REQUEST');
		page.sendText(new Uint8Array(20_000));
		expect(await page.closed).toBe(1009);
	});
});

const crowded = () => ({
	config: { preset: single({ ratelimit: { identities: 3 } }) },
	modules: {
		limited: {
			few: live.rateLimit(
				{ points: 5, window: 60_000 },
				live(() => 4)
			)
		}
	}
});

overBoth(crowded, (world) => {
	test('when there is no room for more identities, those who are counted go on', async () => {
		const clients = ['u1', 'u2', 'u3', 'u4'].map((id) => world.client(id));
		const call = clients.map((client) => client.call('limited/few'));
		for (const few of call.slice(0, 3)) await few();

		await expect(call[3]!()).rejects.toMatchObject({ code: 'RATE_LIMITED' });
		expect(await call[0]!()).toBe(4);
	});
});
