import { expect, test } from 'vitest';
import { live } from 'svelte-realtime';
import { invalidation, type InvalidationOptions } from 'svelte-realtime/plugins/invalidation';
import { replay } from 'svelte-realtime/plugins/replay';
import { rpc } from 'svelte-realtime/plugins/rpc';
import { streams } from 'svelte-realtime/plugins/streams';
import { createTestCluster, type FollowedStream } from 'svelte-realtime/testing';
import { startKernel } from '../kernel/tracked.ts';

const todos = live.tag('todos');
const mine = live.tag((_ctx, list: string) => `todos:${list}`, {
	guard: (ctx, list) => (ctx.user as { id: string } | null)?.id === list
});
const touch = live((ctx, name: string) => ctx.invalidate(name));

async function start(options?: InvalidationOptions) {
	const kernel = await startKernel([rpc(), replay(), streams(), invalidation(options)]);
	kernel.mount({ app: { todos, mine, touch } });
	return { kernel, invalidate: kernel.use('invalidate') };
}

test('who follows a tag hears that it was invalidated, with the value where there is one', async () => {
	const { kernel, invalidate } = await start();
	const ada = await kernel.connect();
	const tag = await ada.follow('app/todos');

	expect(await invalidate('todos')).toMatchObject({ status: 'ok', level: 'local' });
	void invalidate('todos', [{ id: 1 }]);
	await ada.call('app/touch', 'todos');
	void invalidate('other');

	expect(tag.events.map(({ event, data }) => [event, data])).toEqual([
		['invalidated', {}],
		['invalidated', { value: [{ id: 1 }] }],
		['invalidated', {}]
	]);
});

test('what is said again in the same turn is said once, and after a value again', async () => {
	const { kernel, invalidate } = await start();
	const tag = await (await kernel.connect()).follow('app/todos');
	const said = (): number => tag.events.length;

	for (let n = 0; n < 20; n += 1) void invalidate('todos');
	expect(said()).toBe(1);
	void invalidate('todos', 1);
	void invalidate('todos');
	expect(said()).toBe(3);
	await undefined;
	void invalidate('todos');

	expect(said()).toBe(4);
});

test('a tag is heard by those whom its guard lets hear it, and by nobody who merely asks', async () => {
	const { kernel, invalidate } = await start();
	const [ada, bob] = [
		await kernel.connect({ user: { id: 'ada' } }),
		await kernel.connect({ user: { id: 'bob' } })
	];
	const tag = await ada.follow('app/mine', 'ada');

	await expect(bob.follow('app/mine', 'ada')).rejects.toMatchObject({ code: 'FORBIDDEN' });
	for (const path of ['todos:ada', '__tag:todos:ada', 'app/nothing']) {
		await expect(bob.follow(path)).rejects.toMatchObject({ code: 'NOT_FOUND' });
	}
	bob.take();
	void invalidate('todos:ada', 'secret');

	expect(tag.events).toHaveLength(1);
	expect(bob.received).toEqual([]);
});

test('a tag and a stream of the same name are two', async () => {
	const { kernel, invalidate } = await start();
	const list = live.stream('todos', () => []);
	kernel.mount({ app: { list, todos } });
	const ada = await kernel.connect();
	const [stream, tag] = [await ada.follow('app/list'), await ada.follow('app/todos')];

	void invalidate('todos');
	await kernel.publish('todos', 'created', { id: 1 });

	expect(stream.events.map(({ event }) => event)).toEqual(['created']);
	expect(tag.events.map(({ event }) => event)).toEqual(['invalidated']);
});

test('who begins to follow it is told how long ago it was invalidated', async () => {
	const { kernel, invalidate } = await start({ tags: 2 });
	const ada = await kernel.connect();
	const age = async (): Promise<unknown> => {
		const followed = await ada.follow('app/todos');
		await followed.end();
		return followed.data;
	};

	expect(await age()).toEqual({ age: null });
	void invalidate('todos');
	await kernel.clock.advance(300);
	expect(await age()).toEqual({ age: 300 });
	void invalidate('a');
	void invalidate('todos');
	void invalidate('b');
	expect(await age()).toEqual({ age: 0 });
	void invalidate('a');
	void invalidate('b');

	expect(await age()).toEqual({ age: null });
});

test('few pages ask at once; many are told to spread, no wider than the option', async () => {
	const { kernel, invalidate } = await start({ spread: 15 });
	const followed: FollowedStream[] = [];
	const spread = async (count: number): Promise<unknown> => {
		while (followed.length < count) {
			followed.push(await (await kernel.connect()).follow('app/todos'));
		}
		void invalidate('todos');
		return followed[0]!.events.at(-1)!.data;
	};

	expect(await spread(10)).toEqual({});
	expect(await spread(12)).toEqual({ spread: 12 });
	expect(await spread(30)).toEqual({ spread: 15 });
});

test('what is no tag is not invalidated, and nothing throws', async () => {
	const { invalidate } = await start();

	for (const name of ['', '__tag:x', 'x'.repeat(400), undefined, 7, null]) {
		expect(invalidate(name as never)).toEqual({ status: 'rejected', code: 'INVALID_TOPIC' });
	}
});

test('other instances hear it, and remember when it was', async () => {
	const cluster = await createTestCluster(2, [rpc(), replay(), streams(), invalidation()], {
		topics: { '__tag:*': 'ephemeral' }
	});
	const [here, there] = cluster.kernels;
	there!.mount({ app: { todos } });
	const ada = await there!.connect();
	const tag = await ada.follow('app/todos');

	void here!.use('invalidate')('todos');
	await cluster.clock.advance(50);

	expect(tag.events).toHaveLength(1);
	expect((await ada.follow('app/todos')).data).toEqual({ age: 50 });
});

test.each([
	['spread', -1],
	['tags', 0]
])('the option %s cannot be %s', (name, value) => {
	expect(() => invalidation({ [name]: value })).toThrow(/RT_OPTION_INVALID.*invalidation/);
});
