/** The client against a real server: stores, optimism, history, and calls over a break. */

import { expect, test } from 'vitest';
import { live } from 'svelte-realtime';
import {
	combine,
	createHistory,
	type Client,
	type LiveError as ClientError
} from 'svelte-realtime/client';
import { single } from 'svelte-realtime/presets';
import { overBoth } from './world.ts';

interface Item {
	id: number;
	text: string;
}

let loads = 0;
let isClosed = false;
const ran: string[] = [];
const held: (() => void)[] = [];
let whenHeld = (): void => {};
const todos: Item[] = [];

function define() {
	todos.length = 0;
	return {
		config: { preset: single({ ratelimit: false }) },
		modules: {
			test: {
				one: live.stream('one', () => [{ id: 1, text: `${(loads += 1)}` }]),
				two: live.stream('two', () => ['two'], { merge: 'set' }),
				per: live.stream(
					(_ctx, value: unknown) => `per:${typeof value}:${String(value)}`,
					(_ctx, value) => [typeof value],
					{ merge: 'set' }
				),
				shut: live.gate(
					() => !isClosed,
					live.stream('shut', () => 'open', { merge: 'set' })
				),
				after: live.stream('after', ({ cursor }) => pageFrom((cursor as number | null) ?? 2)),
				before: live.stream('before', ({ cursor }) => pageFrom((cursor as number | null) ?? 2), {
					place: 'before'
				}),
				todos: live.stream('todos', () => [...todos]),
				add: live((ctx, item: Item) => {
					todos.push(item);
					void ctx.publish('todos', 'created', item);
					return item;
				}),
				remove: live((ctx, id: number) => {
					todos.splice(
						todos.findIndex((todo) => todo.id === id),
						1
					);
					void ctx.publish('todos', 'deleted', { id });
				}),
				run: live((_ctx, name: string) => (ran.push(name), name)),
				hold: live(async (_ctx, name: string) => {
					ran.push(name);
					await new Promise<void>((resolve) => {
						held.push(resolve);
						whenHeld();
					});
					return name;
				})
			}
		}
	};
}

/** Pages 2, 1, 0, in this order: the last cursor is a 0. */
function pageFrom(page: number) {
	return { data: [{ id: page, text: '' }], hasMore: page > 0, cursor: page - 1 };
}

const ids = (list: readonly Item[]): number[] => list.map(({ id }) => id);

overBoth(define, (world) => {
	const publish = (topic: string, event: string, data: unknown) =>
		world.app.platform.publish(topic, event, data);
	const opened = (client: Client): Promise<void> =>
		new Promise((resolve) => {
			const leave = client.connection.subscribe((status) => {
				if (status !== 'open') return;
				queueMicrotask(() => leave());
				resolve();
			});
		});
	/** Cuts the connection, and leaves the client without one until it is told to come back. */
	const lost = async (client: Client): Promise<void> => {
		await back(client);
		const noticed = new Promise<void>((resolve) => {
			const leave = client.connection.subscribe((status) => {
				if (status === 'open') return;
				queueMicrotask(() => leave());
				resolve();
			});
		});
		await world.cut();
		await noticed;
	};
	const back = (client: Client): Promise<void> => {
		client.connection.reconnect();
		return opened(client);
	};

	test('a stream is nothing, then its data, and it is loaded once', async () => {
		loads = 0;
		const client = world.client();
		const store = client.stream('test/one');
		const seen: unknown[] = [];
		store.subscribe((value) => void seen.push(value));
		const stream = world.follow(store);

		await stream.waitFor();

		expect(seen).toEqual([undefined, [{ id: 1, text: '1' }]]);
		expect(loads).toBe(1);
	});

	test('an error stands beside the data, and is over when the stream is', async () => {
		isClosed = false;
		const client = world.client();
		const store = client.stream('test/shut');
		const stream = world.follow(store);
		await stream.waitFor();

		isClosed = true;
		await world.cut();
		await publish('shut', 'set', 'missed');
		await back(client);
		const missed = stream.waitFor((value) => value === 'missed');
		await expect(missed).rejects.toMatchObject({ code: 'FORBIDDEN' });
		expect(stream.current).toBe('open');

		isClosed = false;
		await back(client);
		await new Promise<void>((resolve) => {
			store.subscribe((value) => {
				if (value === 'missed') resolve();
			});
		});
		expect(stream.error).toBeUndefined();
	});

	test('two streams that are asked for at once are both alive', async () => {
		const client = world.client();
		const [one, two] = [
			world.follow<Item[]>(client.stream('test/one')),
			world.follow(client.stream('test/two'))
		];
		await Promise.all([one.waitFor(), two.waitFor()]);

		await publish('one', 'created', { id: 2, text: 'live' });
		await publish('two', 'set', 'live');

		await one.waitFor((list) => list.length === 2);
		expect(await two.waitFor((value) => value === 'live')).toBe('live');
	});

	test('what a page was rendered with stays until there is something newer', async () => {
		const client = world.client();
		const first = world.follow(client.stream('test/two'));
		await first.waitFor();
		const position = first.store as { position?: object };
		const stub = client.stream('test/two');
		const seed = {
			path: 'test/two',
			args: [],
			value: 'rendered',
			topic: 'two',
			merge: 'set',
			key: 'id',
			prepend: false,
			max: 0
		};
		const rendered = world.client().stream('test/two');
		const stale = world.follow(rendered.hydrate(seed as never));

		expect(stale.current).toBe('rendered');
		expect(await stale.waitFor((value) => value !== 'rendered')).not.toBe(undefined);
		const at = { ...seed, value: 'the same', position: position.position };
		const fresh = world.follow(
			world
				.client()
				.stream('test/two')
				.hydrate(at as never)
		);
		expect(await fresh.waitFor(() => !fresh.stale)).toBe('the same');
		expect(stub).toBeDefined();
	});

	test('equal arguments share a store, and those of another type do not', async () => {
		const client = world.client();
		const per = client.stream('test/per');
		const [number, text] = [world.follow(per(1)), world.follow(per('1'))];

		expect(per(1)).toBe(per(1));
		expect([await number.waitFor(), await text.waitFor()]).toEqual([['number'], ['string']]);
	});

	test('who leaves and comes back at once goes on; who comes back later begins anew', async () => {
		loads = 0;
		const client = world.client();
		const stub = client.stream('test/one');
		const first = world.follow(stub);
		await first.waitFor();

		const leaving = first.unsubscribe();
		const second = world.follow(stub);
		await leaving;
		expect([await second.waitFor(), loads]).toEqual([[{ id: 1, text: '1' }], 1]);

		await second.unsubscribe();
		const third = world.follow<Item[]>(stub);
		expect(await third.waitFor(([item]) => item!.text === '2')).toHaveLength(1);
	});

	test.each([
		['after', [2, 1, 0]],
		['before', [0, 1, 2]]
	])('pages come %s each other, down to a cursor of 0', async (name, order) => {
		const stream = world.follow<Item[]>(world.client().stream(`test/${name}`));
		await stream.waitFor();

		expect([await stream.loadMore(), await stream.loadMore()]).toEqual([true, true]);
		expect(ids(stream.current!)).toEqual(order);
		expect([stream.hasMore, await stream.loadMore()]).toEqual([false, false]);
	});

	test('an operation shows at once, over what others do, and goes with its rollback', async () => {
		const client = world.client();
		const stub = client.stream('test/todos');
		const stream = world.follow<Item[]>(stub);
		await stream.waitFor();

		const kept = stub.optimistic('created', { id: 1, text: 'mine' } as never);
		const taken = stub.optimistic('created', { id: 2, text: 'not' } as never);
		expect(ids(stream.current!)).toEqual([1, 2]);
		await publish('todos', 'created', { id: 3, text: 'theirs' });
		await stream.waitFor((list) => list.some(({ id }) => id === 3));
		taken.rollback();
		await client.call('test/add')({ id: 1, text: 'mine' });
		kept.confirm();

		await stream.waitFor((list) => list.every(({ id }) => id !== 2));
		expect(ids(stream.current!).sort()).toEqual([1, 3]);
		await client.call('test/remove')(1);
	});

	test('what is undone is undone on the server, and nothing of anybody else', async () => {
		const [client, other] = [world.client(), world.client()];
		const stream = world.follow<Item[]>(client.stream('test/todos'));
		await stream.waitFor();
		const add = client.call<(item: Item) => Promise<Item>>('test/add');
		const remove = client.call<(id: number) => Promise<void>>('test/remove');
		const history = createHistory();

		await history.run(add, [{ id: 10, text: 'mine' }], (item) => remove(item.id));
		await other.call('test/add')({ id: 11, text: 'theirs' });
		await history.undo();
		expect(ids(await stream.waitFor((list) => ids(list).join() === '11'))).toEqual([11]);
		await history.redo();
		expect(await stream.waitFor((list) => list.length === 2)).toHaveLength(2);
		for (const id of [10, 11]) await remove(id);
	});

	test('a condition follows and leaves; what is combined is told once for each change', async () => {
		const client = world.client();
		const [one, two] = [client.stream('test/one'), client.stream('test/two')];
		let isOn = false;
		const listeners = new Set<(value: boolean) => void>();
		const condition = {
			subscribe(run: (value: boolean) => void) {
				listeners.add(run);
				run(isOn);
				return () => void listeners.delete(run);
			}
		};
		const stream = world.follow(one.when(condition));
		expect([stream.current, client.connection.status]).toEqual([undefined, 'idle']);
		isOn = true;
		for (const run of [...listeners]) run(true);
		await stream.waitFor((value) => value !== undefined);

		const seen: unknown[] = [];
		const both = combine(one, two, (left, right) => left !== undefined && right !== undefined);
		const done = new Promise<void>((resolve) =>
			both.subscribe((value) => {
				seen.push(value);
				if (value) resolve();
			})
		);
		await done;
		await publish('two', 'set', 'other');
		expect(seen).toEqual([false, true]);
	});

	// --- calls over a break ---

	test('calls without a connection wait in order, up to a number and an age, if they are wanted', async () => {
		ran.length = 0;
		const told: string[] = [];
		const failed = (call: Promise<unknown>, name: string): Promise<unknown> =>
			call.catch((error: ClientError) => told.push(`${name} ${error.code}`));
		const beforeReplay = ({ args }: { args: readonly unknown[] }) => args[0] !== 'unwanted';
		const client = world.client('', { offline: { queue: 3, beforeReplay }, random: () => 0.9 });
		await client.call('test/run')('first');
		await lost(client);
		const run = client.call('test/run');
		const calls = ['oldest', 'unwanted', 'a', 'b'].map((name) => failed(run(name), name));

		await back(client);
		await Promise.all(calls);

		expect(told.sort()).toEqual(['oldest QUEUE_FULL', 'unwanted STALE']);
		expect(ran).toEqual(['first', 'a', 'b']);
	});

	test('a connection that breaks again while calls are replayed holds nothing up', async () => {
		ran.length = 0;
		held.length = 0;
		const client = world.client('', { offline: {}, random: () => 0.9 });
		await client.call('test/run')('first');
		await lost(client);
		const begun = new Promise<void>((resolve) => (whenHeld = resolve));
		const calls = [client.call('test/hold')('held'), client.call('test/run')('second')];
		await back(client);
		await begun;

		await world.cut();
		await back(client);
		held[0]!();

		expect(await Promise.all(calls)).toEqual(['held', 'second']);
		expect(ran).toEqual(['first', 'held', 'second']);
	});

	test('a call that was given up is not made later', async () => {
		ran.length = 0;
		const client = world.client('', { random: () => 0.9 });
		await lost(client);
		const giveUp = new AbortController();
		const call = client.call('test/run').with({ signal: giveUp.signal })('never');
		giveUp.abort(new Error('given up'));
		await expect(call).rejects.toThrow('given up');

		await back(client);
		await client.call('test/run')('later');

		expect(ran).toEqual(['later']);
	});

	test('a client that is closed for good tells everybody who waits', async () => {
		const client = world.client();
		await back(client);
		held.length = 0;
		const running = client.call('test/hold')('x');
		const stream = world.follow(client.stream('test/shut'));
		await stream.waitFor();

		for (const connection of world.app.kernel.connections) connection.close(4501, 'Gone.');

		await expect(running).rejects.toMatchObject({ code: 'CONNECTION_CLOSED' });
		await expect(client.call('test/run')('y')).rejects.toMatchObject({ code: 'CONNECTION_CLOSED' });
		expect(stream.error).toMatchObject({ code: 'CONNECTION_CLOSED' });
		expect(client.connection.status).toBe('closed');
		held[0]?.();
	});
});
