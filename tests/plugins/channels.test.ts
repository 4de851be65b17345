import * as v from 'valibot';
import { expect, test } from 'vitest';
import { live, type LiveContext } from 'svelte-realtime';
import { serverChannel } from 'svelte-realtime/plugins/channels';
import { single, type SingleOptions } from 'svelte-realtime/presets';
import { settle, type TestConnection } from 'svelte-realtime/testing';
import { startKernel, takeErrors } from '../kernel/tracked.ts';

const Move = v.object({ x: v.number(), y: v.number() });
const Say = v.pipe(v.string(), v.trim(), v.nonEmpty());
/** Takes its time. */
const Late = v.pipeAsync(
	v.string(),
	v.checkAsync(async (text) => {
		await settle();
		return text !== 'bad';
	})
);

const game = live.channel('game', { events: { move: Move, say: Say, late: Late, over: null } });
const board = live.channel((_ctx, id: string) => `board:${id}`, { events: { say: Say } });

/** A kernel with `test/*`, somebody who is connected, and what a live function is handed. */
async function playing(
	modules: Record<string, unknown> = { game, board },
	options?: SingleOptions
) {
	const kernel = await startKernel(single(options));
	let ctx!: LiveContext;
	const touch = live((given) => void (ctx = given));
	const mount = (exports: Record<string, unknown>) => kernel.mount({ test: { ...exports, touch } });
	mount(modules);
	const ada = await kernel.connect({ user: { id: 'ada' } });
	await ada.call('test/touch');
	return { kernel, mount, ada, ctx };
}

const follow = (id: number, path: string, ...args: unknown[]): object => ({
	type: 'stream',
	id,
	path: `test/${path}`,
	args
});

/** Events that have come in, without their envelope. */
function events(connection: TestConnection): unknown[] {
	return connection
		.take()
		.flatMap((frame) => (frame.type === 'event' ? [[frame['event'], frame['data']]] : []));
}

// --- the server publishes ---

test('a channel begins with nothing, and tells the names of its events', async () => {
	const { ada } = await playing();

	await ada.send(follow(1, 'game'));

	expect(ada.take()).toMatchObject([
		{
			type: 'stream:snapshot',
			topic: 'game',
			data: null,
			merge: 'set',
			names: ['move', 'say', 'late', 'over']
		}
	]);
});

test('what a schema makes of the data is what is sent, once, and logged', async () => {
	const { ada, ctx } = await playing();
	await ada.send(follow(1, 'game'));
	ada.take();

	const moved = game.publish(ctx, 'move', { x: 1, y: 2, secret: 3 } as never);
	void game.publish(ctx, 'say', ' hello ');
	void game.publish(ctx, 'over', [{ any: 'thing' }]);

	expect(moved).toMatchObject({ status: 'ok', position: { seq: 1 } });
	expect(events(ada)).toEqual([
		['move', { x: 1, y: 2 }],
		['say', 'hello'],
		['over', [{ any: 'thing' }]]
	]);
});

test('a schema sees each event once, whoever publishes', async () => {
	const counted = live.channel('counted', {
		publish: true,
		events: { text: v.pipe(v.string(), v.transform(Number)) }
	});
	const { ada, ctx, kernel } = await playing({ counted });
	await ada.send(follow(1, 'counted'));
	ada.take();

	void counted.publish(ctx, 'text', '1');
	void kernel.publish('counted', 'text', '2');
	await ada.call('test/counted.publish', 'text', '3');

	expect(events(ada)).toEqual([
		['text', 1],
		['text', 2],
		['text', 3]
	]);
});

test('an event that the channel does not have is not published', async () => {
	const { ada, ctx } = await playing();
	await ada.send(follow(1, 'game'));
	ada.take();

	for (const event of ['jump', 'toString', '__proto__', '', 7]) {
		expect(() => game.publish(ctx, event as never, undefined as never)).toThrow(
			expect.objectContaining({ code: 'INVALID_REQUEST' })
		);
	}

	expect(events(ada)).toEqual([]);
});

test('data that the schema does not take is not published, and the error says why', async () => {
	const { ada, ctx } = await playing();
	await ada.send(follow(1, 'game'));
	ada.take();

	expect(() => game.publish(ctx, 'move', { x: 1 } as never)).toThrow(
		expect.objectContaining({
			code: 'VALIDATION',
			issues: [expect.objectContaining({ path: ['y'] })]
		})
	);

	expect(events(ada)).toEqual([]);
});

test('a schema that takes its time is waited for', async () => {
	const { ada, ctx } = await playing();
	await ada.send(follow(1, 'game'));
	ada.take();

	await expect(game.publish(ctx, 'late', 'bad')).rejects.toMatchObject({ code: 'VALIDATION' });
	await game.publish(ctx, 'late', 'good');

	expect(events(ada)).toEqual([['late', 'good']]);
});

test('nobody has to wait for what such a schema says', async () => {
	const { ctx } = await playing();

	void game.publish(ctx, 'late', 'bad');
	await settle();
});

test('a channel with arguments is one topic for each', async () => {
	const { ada, ctx } = await playing();
	await ada.send(follow(1, 'board', 'kitchen'));
	ada.take();

	void board.publish(ctx, 'say', 'in the kitchen', 'kitchen');
	void board.publish(ctx, 'say', 'in the cellar', 'cellar');

	expect(events(ada)).toEqual([['say', 'in the kitchen']]);
});

test('an operation of a client’s is named by what a function publishes for it', async () => {
	const move = live((ctx) => void game.publish(ctx, 'over'));
	const { ada } = await playing({ game, move });
	await ada.send(follow(1, 'game'));
	ada.take();

	await ada.send({ type: 'rpc', id: 2, path: 'test/move', op: 'mine' });

	expect(ada.take()).toMatchObject([{ event: 'over', op: 'mine' }, { id: 2 }]);
});

// --- whoever publishes ---

test('a plain publish to a channel is checked like any other', async () => {
	const { ada, kernel } = await playing();
	await ada.send(follow(1, 'game'));
	ada.take();

	expect(kernel.publish('game', 'say', ' hi ')).toMatchObject({ position: { seq: 1 } });
	const unknown = kernel.publish('game', 'jump');
	const invalid = kernel.publish('game', 'move', { x: 'no' });
	const after = kernel.publish('game', 'over');

	expect(unknown).toEqual({ status: 'rejected', code: 'INVALID_REQUEST' });
	expect(invalid).toEqual({ status: 'rejected', code: 'VALIDATION' });
	expect(after).toMatchObject({ position: { seq: 2 } });
	expect(events(ada)).toEqual([
		['say', 'hi'],
		['over', undefined]
	]);
	expect(takeErrors(kernel)).toEqual(['channels RT_CHANNEL_EVENT', 'channels RT_CHANNEL_EVENT']);
});

test('a plain publish waits for a slow schema, and those behind it keep their place', async () => {
	const { ada, kernel } = await playing();
	await ada.send(follow(1, 'game'));
	ada.take();

	const results = await Promise.all([
		kernel.publish('game', 'late', 'one'),
		kernel.publish('game', 'late', 'bad'),
		kernel.publish('game', 'say', 'two')
	]);

	expect(results).toMatchObject([
		{ position: { seq: 1 } },
		{ status: 'rejected', code: 'VALIDATION' },
		{ position: { seq: 2 } }
	]);
	expect(events(ada)).toEqual([
		['late', 'one'],
		['say', 'two']
	]);
	expect(takeErrors(kernel)).toEqual(['channels RT_CHANNEL_EVENT']);
});

test('a topic that is made from arguments is checked once it has been asked for, also after', async () => {
	const { ada, kernel } = await playing();

	expect(kernel.publish('board:kitchen', 'jump')).toMatchObject({ status: 'ok' });
	const stream = await ada.follow('test/board', 'kitchen');
	expect(kernel.publish('board:kitchen', 'jump')).toMatchObject({ code: 'INVALID_REQUEST' });
	await stream.end();
	expect(kernel.publish('board:kitchen', 'jump')).toMatchObject({ code: 'INVALID_REQUEST' });
	expect(kernel.publish('board:cellar', 'jump')).toMatchObject({ status: 'ok' });

	expect(takeErrors(kernel)).toHaveLength(2);
});

test('topics of a channel that names their prefix are checked from the start', async () => {
	const named = live.channel((_ctx, id: string) => `room:${id}`, {
		topics: 'room:*',
		events: { say: Say }
	});
	const { kernel } = await playing({ named });

	expect(kernel.publish('room:1', 'jump')).toMatchObject({ code: 'INVALID_REQUEST' });
	expect(kernel.publish('rooms', 'jump')).toMatchObject({ status: 'ok' });
	expect(takeErrors(kernel)).toEqual(['channels RT_CHANNEL_EVENT']);
});

test('a topic outside the prefix that its channel names is an error of the app’s', async () => {
	const named = live.channel((_ctx, id: string) => `other:${id}`, {
		topics: 'room:*',
		events: { say: Say }
	});
	const { kernel, ada } = await playing({ named });

	await expect(ada.follow('test/named', '1')).rejects.toMatchObject({ code: 'INTERNAL_ERROR' });

	expect(takeErrors(kernel)).toEqual(['rpc RT_OPTION_INVALID']);
});

test('a module that is replaced takes its channels with it', async () => {
	const { kernel, mount } = await playing();

	mount({ game: live.channel('game', { events: { jump: null } }) });
	expect(kernel.publish('game', 'jump')).toMatchObject({ status: 'ok' });
	expect(kernel.publish('game', 'say', 'x')).toMatchObject({ code: 'INVALID_REQUEST' });
	mount({});

	expect(kernel.publish('game', 'say', 'x')).toMatchObject({ status: 'ok' });
	expect(takeErrors(kernel)).toHaveLength(1);
});

test('two channels of one topic are refused, and the modules of before stay', async () => {
	const { kernel, mount } = await playing();
	const other = live.channel('game', { events: { jump: null } });

	expect(() => mount({ game, other })).toThrow('RT_OPTION_INVALID');
	mount({ game, again: game });

	expect(kernel.publish('game', 'jump')).toMatchObject({ code: 'INVALID_REQUEST' });
	expect(takeErrors(kernel)).toHaveLength(1);
});

test('where all channels name their topics, no other publish passes through the plugin', async () => {
	const near = live.channel((_ctx, id: string) => id, { topics: 'n:*', events: {} });
	const { kernel, mount } = await playing({});
	const filters = () => [...kernel.describe().matchAll(/channels (\(pre.*?\))/g)].map(([, f]) => f);

	expect(filters()).toEqual([]);
	mount({ game, near });
	expect(filters()).toEqual(['(pre game n:*)', '(pre game n:*)']);
	mount({ game, board });
	expect(filters()).toEqual(['(pre)', '(pre)']);
});

test('a topic that was made from arguments is forgotten with the module that made it', async () => {
	const { ada, kernel, mount } = await playing();
	await ada.follow('test/board', 'kitchen');

	mount({ game, board: live.channel((_ctx, id: string) => `other:${id}`, { events: {} }) });

	expect(kernel.publish('board:kitchen', 'jump')).toMatchObject({ status: 'ok' });
});

test('a channel can be handed around while a page is rendered', async () => {
	const channel = serverChannel('test/board');
	const seed = { path: 'test/board', args: ['kitchen'], value: 'hi' } as never;

	expect(channel('kitchen').on()()).toBeUndefined();
	expect(channel.hydrate(seed).current).toBe('hi');
	await expect(channel('kitchen').publish('say', 'x')).rejects.toMatchObject({
		code: 'RT_STUB_SERVER_CALL'
	});
});

test('what is throttled is checked when it goes out', async () => {
	const { kernel, ada, ctx } = await playing(
		{ game, touch: live(() => {}) },
		{ throttle: { topics: { game: 50 } } }
	);
	await ada.send(follow(1, 'game'));
	ada.take();

	void game.publish(ctx, 'say', 'one');
	void game.publish(ctx, 'say', 'two');
	const wrong = kernel.use('throttle')('game', 'jump', 1, 50, { key: 'k' });
	await kernel.clock.advance(100);

	expect(events(ada)).toEqual([
		['say', 'one'],
		['say', 'two']
	]);
	expect(await wrong).toEqual({ status: 'rejected', code: 'INVALID_REQUEST' });
	expect(takeErrors(kernel)).toEqual(['channels RT_CHANNEL_EVENT']);
});

// --- classes and values ---

test('an ephemeral channel is not numbered', async () => {
	const typing = live.channel('typing', { class: 'ephemeral', events: { typing: null } });
	const near = live.channel((_ctx, id: string) => `near:${id}`, {
		class: 'ephemeral',
		topics: 'near:*',
		events: { typing: null }
	});
	const { ada, ctx } = await playing({ typing, near });
	await ada.send(follow(1, 'typing'), follow(2, 'near', 'x'));
	ada.take();

	expect(typing.publish(ctx, 'typing', 'ada')).toEqual({ status: 'ok', level: 'local' });
	expect(near.publish(ctx, 'typing', 'ada', 'x')).toEqual({ status: 'ok', level: 'local' });

	expect(events(ada)).toHaveLength(2);
});

test('a channel can keep a list', async () => {
	const log = live.channel('log', { merge: 'latest', max: 3, events: { line: v.string() } });
	const { ada } = await playing({ log });

	await ada.send(follow(1, 'log'));

	expect(ada.take()).toMatchObject([{ data: [], merge: 'latest', max: 3 }]);
});

test('a client that comes back gets what it missed', async () => {
	const { kernel, ada, ctx } = await playing();
	await ada.send(follow(1, 'game'));
	const [{ epoch, seq }] = ada.take() as unknown as [{ epoch: string; seq: number }];
	await ada.leave();
	void game.publish(ctx, 'say', 'where are you?');
	const again = await kernel.connect({ user: { id: 'ada' } });

	await again.send({ ...follow(1, 'game'), since: { epoch, seq } });

	expect(again.take()).toMatchObject([
		{ type: 'stream:recovered', events: [{ event: 'say', data: 'where are you?' }] }
	]);
});

// --- clients publish ---

const isAda = (ctx: LiveContext): boolean => (ctx.user as unknown as { id: string }).id === 'ada';

test('clients may publish nothing where the channel does not say so', async () => {
	const { ada } = await playing();

	for (const event of ['say', 'jump']) {
		await expect(ada.call('test/game.publish', event, 'x')).rejects.toMatchObject({
			code: 'FORBIDDEN'
		});
	}
});

test('what a client publishes is checked, and goes to everybody who follows', async () => {
	const open = live.channel('open', { publish: true, events: { say: Say, late: Late } });
	const { ada, kernel } = await playing({ open });
	const bob = await kernel.connect({ user: { id: 'bob' } });
	await bob.send(follow(1, 'open'));
	bob.take();

	expect(await ada.call('test/open.publish', 'say', ' hi ')).toBeUndefined();
	await ada.call('test/open.publish', 'late', 'good');
	await expect(ada.call('test/open.publish', 'say', '  ')).rejects.toMatchObject({
		code: 'VALIDATION'
	});
	await expect(ada.call('test/open.publish', 'late', 'bad')).rejects.toMatchObject({
		code: 'VALIDATION'
	});
	await expect(ada.call('test/open.publish', 'constructor')).rejects.toMatchObject({
		code: 'INVALID_REQUEST'
	});

	expect(events(bob)).toEqual([
		['say', 'hi'],
		['late', 'good']
	]);
	expect(kernel.errors).toEqual([]);
});

test('a list says which events clients may publish, a function decides about each', async () => {
	const some = live.channel('some', { publish: ['say'], events: { say: Say, over: null } });
	const asked: unknown[] = [];
	const each = live.channel((_ctx, id: string) => `each:${id}`, {
		events: { say: Say, over: null },
		publish: async (ctx, event, id) => {
			asked.push([event, id]);
			return isAda(ctx) && event === 'say' ? true : ('yes' as never);
		}
	});
	const { ada } = await playing({ some, each });

	await ada.call('test/some.publish', 'say', 'x');
	await ada.call('test/each.publish', 'say', 'x', 'kitchen');
	for (const path of ['test/some.publish', 'test/each.publish']) {
		await expect(ada.call(path, 'over', null, 'kitchen')).rejects.toMatchObject({
			code: 'FORBIDDEN'
		});
	}

	expect(asked).toEqual([
		['say', 'kitchen'],
		['over', 'kitchen']
	]);
});

test('who may not follow a channel may not publish there, and nothing is looked at', async () => {
	const seen: unknown[] = [];
	const Seen = v.pipe(
		v.unknown(),
		v.check((input) => seen.push(input) > 0)
	);
	const secret = live.channel('secret', {
		publish: true,
		events: { say: Seen },
		guard: async (ctx) => !isAda(ctx)
	});
	const { ada } = await playing({ secret });

	await expect(ada.call('test/secret.publish', 'say', 'x')).rejects.toMatchObject({
		code: 'FORBIDDEN'
	});
	await expect(ada.follow('test/secret')).rejects.toMatchObject({ code: 'FORBIDDEN' });

	expect(seen).toEqual([]);
});

test('a gate of the topic keeps those from publishing whom it keeps from following', async () => {
	const open = live.channel('open', { publish: true, events: { say: Say } });
	const { ada, kernel } = await playing({ open });
	await kernel.add({
		name: 'closed',
		setup: ({ hook }) => {
			hook('subscribe', () => ({ denied: true, code: 'FORBIDDEN', reason: 'Closed.' }) as const, {
				topics: 'open'
			});
		}
	});

	await expect(ada.call('test/open.publish', 'say', 'x')).rejects.toThrow('Closed.');
});

test('a reserved topic cannot be published to', async () => {
	const any = live.channel((_ctx, topic: string) => topic, { publish: true, events: { say: Say } });
	const { ada } = await playing({ any });

	await expect(ada.call('test/any.publish', 'say', 'x', '__presence:a')).rejects.toMatchObject({
		code: 'INVALID_TOPIC'
	});
});

// --- declaring ---

test.each([
	['no events', {}, 'events'],
	['a schema that is none', { events: { a: 1 } }, 'events.a'],
	['a merge that there is not', { events: {}, merge: 'presence' }, 'merge'],
	['a class that there is not', { events: {}, class: 'other' }, 'class'],
	['an event to publish that it does not have', { events: {}, publish: ['say'] }, 'publish'],
	['a prefix beside one topic', { events: {}, topics: 'a:*' }, 'topics']
])('a channel with %s is refused', (_what, options, name) => {
	expect(() => live.channel('x', options as never)).toThrow(
		expect.objectContaining({ code: 'RT_OPTION_INVALID', message: expect.stringContaining(name) })
	);
});

test('an ephemeral channel with arguments has to name the prefix of its topics', () => {
	expect(() =>
		live.channel((_ctx, id: string) => id, { class: 'ephemeral', events: { a: null } })
	).toThrow('RT_OPTION_INVALID');
});
