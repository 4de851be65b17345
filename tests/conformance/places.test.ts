/** Rooms, and what follows from events, over real sockets. */

import { expect, test } from 'vitest';
import { guard, live, type LiveContext } from 'svelte-realtime';
import type {} from 'svelte-realtime/plugins/presence';
import { single } from 'svelte-realtime/presets';
import { codeOf, overBoth } from './world.ts';

const log: string[] = [];
const userOf = (ctx: LiveContext): { id: string } | null => ctx.user as never;
const orders = new Map<string, number>();
let computed = 0;
/** Of the slow derived value: each waits until a test lets it go. */
const slow: ((value: string) => void)[] = [];
let begun = (): void => {};

function define() {
	orders.clear();
	const board = live.room({
		topic: (_ctx, name: string) => `board:${name}`,
		init: (_ctx, name) => {
			log.push(`init ${name}`);
			return [{ id: 0, text: name }];
		},
		guard: (ctx) => userOf(ctx)?.id !== 'eve',
		presence: true,
		cursors: true,
		actions: {
			say: (ctx, _name: string, text: string) => {
				log.push(`say ${text}`);
				void ctx.publish('created', { id: 1, text });
			}
		}
	});
	return {
		config: { preset: single({ ratelimit: false, presence: { grace: 150 } }) },
		modules: {
			test: {
				board,
				plain: live.room({ topic: 'plain', init: () => [] }),
				order: live((ctx, team: string) => {
					orders.set(team, (orders.get(team) ?? 0) + 1);
					void ctx.publish(`orders:${team}`, 'created', { id: orders.get(team) });
				}),
				fail: live((ctx) => ctx.publish('facts', 'broken', null)),
				fact: live((ctx, topic: string) => ctx.publish(topic, 'fact', { topic })),
				total: live.derived(['orders:a', 'orders:b'], () => {
					computed += 1;
					return (orders.get('a') ?? 0) + (orders.get('b') ?? 0);
				}),
				team: live.derived(
					(_ctx, name: string) => [`orders:${name}`],
					(_ctx, name: string) => `${name}:${orders.get(name) ?? 0}`,
					{ debounce: 20 }
				),
				latest: live.derived(['latest'], () => {
					begun();
					return new Promise<string>((resolve) => slow.push(resolve));
				}),
				effect: live.effect(['facts', 'more'], (event, _data, ctx) => {
					if (event === 'broken') throw new Error('of an effect');
					log.push(`effect ${event}`);
					void ctx;
				}),
				sums: live.aggregate(['facts'], {
					count: { init: 5, reduce: (count) => count + 1 },
					wrong: {
						init: 0,
						reduce: (value, event) => {
							if (event === 'broken') throw new Error('of a reducer');
							return value + 1;
						}
					},
					twice: { compute: (state) => (state as { count: number }).count * 2 }
				})
			},
			closed: { _guard: guard((ctx) => userOf(ctx)?.id === 'root'), board }
		}
	};
}

overBoth(define, (world) => {
	const membersOf = (value: unknown): string[] =>
		(value as { key: string }[]).map(({ key }) => key);

	// --- rooms ---

	test('a room has the parts that it was given, and no others', async () => {
		const page = await world.page('ada');

		for (const part of ['presence', 'cursors', 'say']) {
			const type = part === 'say' ? 'rpc' : 'stream';
			expect(codeOf(await page.ask({ type, path: `test/plain.${part}` }))).toBe('NOT_FOUND');
		}
		expect(await page.ask({ type: 'stream', path: 'test/plain.data' })).toMatchObject({ data: [] });
	});

	test.each([
		['eve', 'test'],
		['ada', 'closed']
	])('whom a guard keeps out, %s of %s/board, leaves no trace in any part', async (id, module) => {
		log.length = 0;
		const page = await world.page(id);
		const path = `${module}/board`;

		for (const part of ['data', 'presence', 'cursors']) {
			const asked = { type: 'stream', path: `${path}.${part}`, args: ['shut'] };
			expect(codeOf(await page.ask(asked))).toBe('FORBIDDEN');
		}
		const said = { type: 'rpc', path: `${path}.say`, args: ['shut', 'hello'] };
		expect(codeOf(await page.ask(said))).toBe('FORBIDDEN');

		expect(log).toEqual([]);
		expect(await world.app.kernel.use('presence').list('board:shut')).toEqual([]);
	});

	test('who comes sees who is there; tabs are one member, and a short break is none', async () => {
		const [ada, tab, bob] = [world.client('ada'), world.client('ada'), world.client('bob')];
		const data = [ada, tab].map((client) => world.follow(client.stream('test/board.data')('p')));
		await Promise.all(data.map((stream) => stream.waitFor()));
		const own = world.follow(bob.stream('test/board.data')('p'));
		await own.waitFor();
		const seen = world.follow(bob.presence('test/board.presence')('p'));
		const both = await seen.waitFor((list) => membersOf(list).length === 2);
		expect(membersOf(both)).toEqual(['ada', 'bob']);

		tab.close();
		const [{ signal } = { signal: null! }] = [...world.app.kernel.connections];
		const gone = new Promise((resolve) => signal.addEventListener('abort', resolve));
		ada.connection.reconnect();
		await gone;
		await data[0]!.waitFor(() => data[0]!.status === 'connected');
		expect(seen.events.filter(({ event }) => event === 'leave')).toEqual([]);

		ada.close();
		expect(membersOf(await seen.waitFor((list) => membersOf(list).length === 1))).toEqual(['bob']);
	});

	test('an action is of the room that its first arguments name, and takes the rest', async () => {
		log.length = 0;
		const client = world.client('ada');
		const here = world.follow<unknown[]>(client.stream('test/board.data')('here'));
		const there = world.follow<unknown[]>(client.stream('test/board.data')('there'));
		await Promise.all([here.waitFor(), there.waitFor()]);

		await client.call('test/board.say')('here', 'hello');

		expect(await here.waitFor((list) => list.length === 2)).toContainEqual({
			id: 1,
			text: 'hello'
		});
		expect(there.current).toHaveLength(1);
	});

	// --- what follows from events ---

	test('a derived value is shared, worked out when its sources change, and ends with its last reader', async () => {
		const clients = [world.client(), world.client()];
		const streams = clients.map((client) => world.follow<number>(client.stream('test/total')));
		await Promise.all(streams.map((stream) => stream.waitFor()));
		computed = 0;
		const before = streams[0]!.current!;

		await clients[0]!.call('test/order')('a');
		await clients[0]!.call('test/order')('b');
		await Promise.all(streams.map((stream) => stream.waitFor((sum) => sum === before + 2)));
		expect(computed).toBeLessThanOrEqual(2);

		for (const stream of streams) await stream.unsubscribe();
		for (const client of clients)
			await client
				.call('test/none')()
				.catch(() => {});
		computed = 0;
		await clients[0]!.call('test/order')('a');
		expect(computed).toBe(0);
	});

	test('each list of arguments has a value of its own, told once for a burst', async () => {
		const client = world.client();
		const stub = client.stream('test/team');
		const [one, two] = [world.follow(stub('x')), world.follow(stub('y'))];
		await Promise.all([one.waitFor(), two.waitFor()]);

		await client.batch(() => [1, 2, 3].map(() => client.call('test/order')('x')));

		await one.waitFor((value) => value === 'x:3');
		expect(one.events.map(({ data }) => data)).toEqual(['x:3']);
		expect([two.current, two.events]).toEqual(['y:0', []]);
	});

	test('of values that are worked out at once the last one stands', async () => {
		slow.length = 0;
		const next = (): Promise<void> => new Promise((resolve) => (begun = resolve));
		const client = world.client();
		let started = next();
		const stream = world.follow<string>(client.stream('test/latest'));
		await started;
		slow.shift()!('first');
		await stream.waitFor();

		started = next();
		await client.call('test/fact')('latest');
		await started;
		started = next();
		await client.call('test/fact')('latest');
		slow.shift()!('older');
		await started;
		slow.shift()!('newest');

		await stream.waitFor((value) => value === 'newest');
		expect(stream.events.at(-1)).toMatchObject({ data: 'newest' });
	});

	test('an effect and an aggregate hear every event, and one that fails ends nothing', async () => {
		log.length = 0;
		const client = world.client();
		const sums = world.follow<{ count: number; wrong: number; twice: number }>(
			client.stream('test/sums')
		);
		const { count, wrong } = await sums.waitFor();

		await client.call('test/fact')('facts');
		await client.call('test/fail')();
		await client.call('test/fact')('more');
		await client.call('test/fact')('facts');

		const at = await sums.waitFor((value) => value.count === count + 3);
		expect(at).toEqual({ count: count + 3, wrong: wrong + 2, twice: (count + 3) * 2 });
		expect(log).toEqual(['effect fact', 'effect fact', 'effect fact']);
		const told = world.errors.splice(0).map(({ error }) => String((error as Error).cause ?? error));
		expect(told.join()).toMatch(/of an effect/);
		expect(told.join()).toMatch(/of a reducer/);
	});

	test('a time that makes no sense is refused where it is declared', () => {
		const ok = ['*/5 9-17 * * 1-5', '0 0 1,15 * *', '0-30/10 * * * *', '0 0 * * 7'];
		for (const expression of ok) expect(() => live.cron(expression, () => {})).not.toThrow();
		for (const expression of ['', 'soon', '61 * * * *', '* * * *', '*/0 * * * *', '0 0 31 2 *x']) {
			expect(() => live.cron(expression, () => {}), expression).toThrow(/RT_/);
		}
	});
});
