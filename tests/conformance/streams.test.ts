/** Streams: who follows what, what arrives, and what becomes of it over a break; over real sockets. */

import { expect, test } from 'vitest';
import { definePlugin, live, LiveError, type LiveContext } from 'svelte-realtime';
import { single } from 'svelte-realtime/presets';
import { codeOf, overBoth } from './world.ts';

interface Item {
	id: number;
	text: string;
}

const log: string[] = [];
const items = new Map<string, Item[]>();
const itemsOf = (name: string): Item[] => items.get(name) ?? [];
const userOf = (ctx: LiveContext): { id: string; role: string } | null => ctx.user as never;
const watching = definePlugin({
	name: 'watching',
	setup({ hook }) {
		hook('subscribed', ({ topic }) => void log.push(`+${topic}`));
		hook('unsubscribe', ({ topic }) => void log.push(`-${topic}`));
	}
});

/** Held until a test lets it go. */
let release = (): void => {};
let version: unknown = 1;
let diff: () => unknown = () => null;

function define() {
	items.clear();
	return {
		config: {
			preset: single({ replay: { size: 5 }, ratelimit: false }),
			plugins: [watching]
		},
		modules: {
			test: {
				list: live.stream(
					(_ctx, name: string) => `list:${name}`,
					(_ctx, name: string) => itemsOf(name)
				),
				held: live.stream('held', async () => {
					await new Promise<void>((resolve) => (release = resolve));
					return [{ id: 1, text: 'loaded' }];
				}),
				gated: live.gate(
					(ctx) => userOf(ctx)?.role === 'admin',
					live.stream('gated', () => ['secret'], { merge: 'set' })
				),
				mine: live.stream(
					(ctx) => `of:${userOf(ctx)?.id}`,
					(ctx) => userOf(ctx)?.id,
					{ merge: 'set' }
				),
				page: live.stream(
					(_ctx, size: number = 10, ...tags: string[]) => `page:${size}:${tags.join('+')}`,
					(_ctx, size: number = 10, ...tags: string[]) => [size, ...tags],
					{ merge: 'set' }
				),
				wrong: live.stream((() => 7) as never, () => []),
				asynchronous: live.stream((async () => 'later') as never, () => []),
				reserved: live.stream(
					(_ctx, name: string) => name,
					() => []
				),
				broken: live.stream('broken', (): string[] => {
					throw new LiveError('CONFLICT', 'Not now.');
				}),
				fixed: live.stream('fixed', () => []),
				per: live.stream(
					(_ctx, name: string) => `per:${name}`,
					() => []
				),
				latest: live.stream('latest', null, { merge: 'latest', max: 3 }),
				first: live.stream('first', null, { merge: 'latest', max: 3, prepend: true }),
				who: live.stream('who', () => [{ key: 'a', name: 'A' }], { merge: 'presence' }),
				where: live.stream('where', () => [{ key: 'a', x: 1 }], { merge: 'cursor' }),
				delta: live.stream('delta', () => [{ id: 1, text: 'all' }], {
					delta: { version: () => version, diff: () => diff() as never }
				}),
				old: live.stream('old', () => [{ id: 1, fullName: 'Ada', v: 3 }], {
					version: 3,
					migrate: {
						1: (item) => ({ ...(item as object), name: (item as { title: string }).title, v: 1 }),
						2: (item) => ({ id: 1, title: (item as { fullName: string }).fullName, v: 2 })
					}
				})
			}
		}
	};
}

overBoth(define, (world) => {
	const publish = (topic: string, event: string, data: unknown) =>
		world.app.platform.publish(topic, event, data);

	// --- following ---

	test('what happens while a stream is loaded is not lost', async () => {
		const page = await world.page();
		page.send({ type: 'stream', id: 1, path: 'test/held' });
		await page.ask({ type: 'rpc', path: 'test/none' });

		await publish('held', 'created', { id: 2, text: 'meanwhile' });
		release();

		const answer = await page.until(({ type }) => type === 'stream:snapshot');
		expect(answer).toMatchObject({
			data: [{ id: 1, text: 'loaded' }],
			events: [{ event: 'created', data: { id: 2 } }]
		});
	});

	test('a gate holds whatever the frame says, and a stream is no function', async () => {
		const page = await world.page('ada');
		const path = 'test/gated';

		expect(codeOf(await page.ask({ type: 'stream', path }))).toBe('FORBIDDEN');
		expect(codeOf(await page.ask({ type: 'stream', path, stream: false }))).toBe('FORBIDDEN');
		expect(codeOf(await page.ask({ type: 'rpc', path, stream: true }))).toBe('INVALID_REQUEST');
		const root = await world.page('root');
		expect(await root.ask({ type: 'stream', path })).toMatchObject({ data: ['secret'] });
	});

	test('a topic is made of ctx and arguments, with defaults and the rest', async () => {
		const page = await world.page('ada');
		const topicOf = async (path: string, ...args: unknown[]): Promise<unknown> =>
			(await page.ask({ type: 'stream', path: `test/${path}`, args }))['topic'];

		expect(await topicOf('mine')).toBe('of:ada');
		expect(await topicOf('page')).toBe('page:10:');
		expect(await topicOf('page', 3, 'a', 'b')).toBe('page:3:a+b');
	});

	test('a topic that is no text, or comes later, or is reserved, is an error', async () => {
		const page = await world.page();

		for (const path of ['test/wrong', 'test/asynchronous']) {
			expect(codeOf(await page.ask({ type: 'stream', path }))).toBe('INTERNAL_ERROR');
		}
		expect(world.errors.splice(0)).toHaveLength(2);
		const reserved = { type: 'stream', path: 'test/reserved', args: ['__signal:eve'] };
		expect(codeOf(await page.ask(reserved))).toBe('INVALID_TOPIC');
		expect(page.frames.every(({ type }) => type === 'reply')).toBe(true);
	});

	test('a loader that fails leaves nobody following', async () => {
		log.length = 0;
		const page = await world.page();

		expect(codeOf(await page.ask({ type: 'stream', path: 'test/broken' }))).toBe('CONFLICT');
		await publish('broken', 'created', { id: 1 });
		await page.ask({ type: 'rpc', path: 'test/none' });

		expect(log.splice(0)).toEqual([]);
		expect(page.frames.filter(({ type }) => type === 'event')).toEqual([]);
	});

	test.each([
		['fixed', [], 'fixed'],
		['per', ['a'], 'per:a']
	])('of the stream %s each beginning has one end', async (name, args, topic) => {
		log.length = 0;
		const client = world.client();
		const stub = client.stream(`test/${name}`);
		const store = args.length > 0 ? stub(...args) : stub;
		const [one, two] = [world.follow(store), world.follow(store)];
		await Promise.all([one.waitFor(), two.waitFor()]);
		expect(log.splice(0)).toEqual([`+${topic}`]);

		await one.unsubscribe();
		expect(log).toEqual([]);
		await world.cut();
		expect(log.splice(0)).toEqual([`-${topic}`]);
		client.connection.reconnect();
		await client
			.call('test/none')()
			.catch(() => {});
		expect(log.splice(0)).toEqual([`+${topic}`]);
		await two.unsubscribe();
		await client
			.call('test/none')()
			.catch(() => {});
		expect(log.splice(0)).toEqual([`-${topic}`]);
	});

	// --- how events change the value ---

	test('a list by key keeps its order, takes what is known anew, and ignores what is not', async () => {
		items.set(
			'crud',
			[1, 2, 3].map((id) => ({ id, text: `${id}` }))
		);
		const stream = world.follow<Item[]>(world.client().stream('test/list')('crud'));
		await stream.waitFor();

		await publish('list:crud', 'deleted', { id: 1 });
		await publish('list:crud', 'created', { id: 4, text: '4' });
		await publish('list:crud', 'created', { id: 3, text: 'again' });
		await publish('list:crud', 'updated', { id: 2, text: 'new' });
		await publish('list:crud', 'updated', { id: 9, text: 'unknown' });
		await publish('list:crud', 'done', null);

		await stream.waitFor(() => stream.events.some(({ event }) => event === 'done'));
		expect(stream.current).toEqual([
			{ id: 2, text: 'new' },
			{ id: 3, text: 'again' },
			{ id: 4, text: '4' }
		]);
	});

	test.each([
		['latest', [3, 4, 5]],
		['first', [5, 4, 3]]
	])('the list %s keeps its newest, and finds them by their key', async (name, ids) => {
		const stream = world.follow<{ id: number; again?: true }[]>(
			world.client().stream(`test/${name}`)
		);
		await stream.waitFor();

		for (const id of [1, 2, 3, 4, 5]) await publish(name, 'said', { id });
		await publish(name, 'said', { id: 4, again: true });

		const list = await stream.waitFor((all) => all.some(({ again }) => again));
		expect(list.map(({ id }) => id)).toEqual(ids);
		expect(list.find(({ id }) => id === 4)).toEqual({ id: 4, again: true });
	});

	test('members and pointers come, change and go by their keys', async () => {
		const client = world.client();
		const who = world.follow<{ key: string; name: string }[]>(client.presence('test/who'));
		const where = world.follow<{ key: string; x: number }[]>(client.cursors('test/where'));
		await Promise.all([who.waitFor(), where.waitFor()]);

		await publish('who', 'join', { key: 'b', name: 'B' });
		await publish('who', 'update', { key: 'a', name: 'AA' });
		await publish('who', 'leave', { key: 'none' });
		await publish('where', 'update', { key: 'b', x: 2 });
		await publish('where', 'remove', { key: 'a' });

		await who.waitFor((list) => list[0]?.name === 'AA');
		expect(who.current!.map(({ name }) => name)).toEqual(['AA', 'B']);
		expect(await where.waitFor((list) => list[0]?.key === 'b')).toEqual([{ key: 'b', x: 2 }]);
	});

	// --- after a break ---

	/** The answer to a question that names where a client stands. */
	async function resumed(path: string, since: object, more: object = {}, args: unknown[] = []) {
		const page = await world.page();
		return page.ask({ type: 'stream', path: `test/${path}`, args, since, ...more });
	}

	test('who comes back is told what was missed, and only that', async () => {
		const page = await world.page();
		const at = await page.ask({ type: 'stream', path: 'test/list', args: ['missed'] });
		for (const id of [1, 2, 3]) await publish('list:missed', 'created', { id, text: '' });
		const since = { epoch: at['epoch'], seq: 1 };

		const answer = await resumed('list', since, {}, ['missed']);

		expect(answer).toMatchObject({ type: 'stream:recovered', events: [{ seq: 2 }, { seq: 3 }] });
		expect((answer['events'] as unknown[]).length).toBe(2);
	});

	test('who was away too long, or knows another server, gets everything anew', async () => {
		const page = await world.page();
		const at = await page.ask({ type: 'stream', path: 'test/list', args: ['long'] });
		for (let id = 1; id <= 9; id += 1) await publish('list:long', 'created', { id, text: '' });

		const truncated = await resumed('list', { epoch: at['epoch'], seq: 1 }, {}, ['long']);
		const other = await resumed('list', { epoch: 'another', seq: 9 }, {}, ['long']);

		expect(truncated).toMatchObject({ type: 'stream:snapshot', reset: 'truncated' });
		expect(other).toMatchObject({ type: 'stream:snapshot', reset: 'epoch' });
	});

	test('a version that has not changed costs nothing, one that has costs the changes, or all', async () => {
		const page = await world.page();
		const first = await page.ask({ type: 'stream', path: 'test/delta' });
		expect(first).toMatchObject({ version: 1, data: [{ text: 'all' }] });
		const gone = { epoch: 'another', seq: 4 };

		expect(await resumed('delta', gone, { version: 1 })).toMatchObject({
			type: 'stream:delta',
			version: 1,
			events: []
		});
		version = 2;
		diff = () => [
			{ id: 2, text: 'new' },
			{ id: 1, _deleted: true }
		];
		expect(await resumed('delta', gone, { version: 1 })).toMatchObject({
			type: 'stream:delta',
			version: 2,
			events: [
				{ event: 'created', data: { id: 2 } },
				{ event: 'deleted', data: { id: 1 } }
			]
		});
		diff = () => null;
		expect(await resumed('delta', gone, { version: 1 })).toMatchObject({
			type: 'stream:snapshot',
			version: 2
		});
		diff = () => {
			throw new Error('broken');
		};
		expect(await resumed('delta', gone, { version: 1 })).toMatchObject({ data: [{ text: 'all' }] });
		expect(world.errors.splice(0)).toMatchObject([{ error: { message: 'broken' } }]);
		version = 1;
	});

	test('a page of an older build gets items that it understands, each time that it comes', async () => {
		const page = await world.page();
		const load = async (path: string): Promise<unknown> =>
			((await page.ask({ type: 'stream', path: `test/${path}` }))['data'] as unknown[])[0];

		expect(await load('old@3')).toEqual({ id: 1, fullName: 'Ada', v: 3 });
		for (let time = 0; time < 2; time += 1) {
			expect(await load('old@2')).toEqual({ id: 1, title: 'Ada', v: 2 });
			expect(await load('old')).toMatchObject({ id: 1, name: 'Ada', v: 1 });
		}
		await publish('old', 'created', { id: 2, fullName: 'Bob', v: 3 });
		await page.until(({ data }) => (data as { name?: string } | undefined)?.name === 'Bob');
	});
});
