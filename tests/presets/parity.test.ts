/** The same behaviours on one instance and on two, with the same assertions. */

import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Plugin } from 'svelte-realtime/kernel';
import { cluster, single } from 'svelte-realtime/presets';
import { createTestEnv, type TestClient, type TestEnv } from 'svelte-realtime/testing';
import { plainRedis } from '../servers/redis.ts';
import { startCluster, type RedisCluster } from '../servers/redis-cluster.ts';
import { until } from '../servers/until.ts';
import { emptyShared, parityModules, type Row, type Shared, type User } from './parity-app.ts';

let server: Awaited<ReturnType<typeof plainRedis>>;
/** Of a Redis Cluster: whatever a plugin keeps together is in one slot. */
let servers: RedisCluster;
let prefixes = 0;
beforeAll(async () => {
	[server, servers] = await Promise.all([plainRedis(), startCluster()]);
}, 120_000);
afterAll(() => Promise.all([server?.stop(), servers?.stop()]));

const ADA: User = { id: 'ada', name: 'Ada' };
const BOB: User = { id: 'bob', name: 'Bob' };
const LIN: User = { id: 'lin', name: 'Lin' };

/** Presets, and how many instances an app has with them. */
const PRESETS: readonly [string, number, (prefix: string) => readonly Plugin[]][] = [
	['single', 1, () => single()],
	['cluster', 2, (prefix) => cluster({ redis: { url: server.url, prefix } })],
	['Redis Cluster', 2, (prefix) => cluster({ redis: { cluster: servers.urls, prefix } })]
];

describe.each(PRESETS)('%s', (_name, count, presetOf) => {
	let shared: Shared;
	let instances: TestEnv[];
	/** On the first instance, and on the last. */
	let ada: TestClient;
	let bob: TestClient;

	beforeEach(async () => {
		shared = emptyShared();
		const prefix = `${server.prefix}${(prefixes += 1)}:`;
		instances = await Promise.all(
			Array.from({ length: count }, (_, index) =>
				createTestEnv({
					modules: parityModules(shared, String(index)) as never,
					config: { preset: presetOf(prefix) }
				})
			)
		);
		ada = await instances[0]!.connect(ADA);
		bob = await instances.at(-1)!.connect(BOB);
	});

	/** Lets the same time pass on all instances. */
	async function pass(milliseconds: number): Promise<void> {
		for (const { clock } of instances) await clock.advance(milliseconds);
	}

	/** Waits until it is so, while the time of the instances goes on. */
	const comes = (isSo: () => boolean): Promise<void> =>
		until(async () => {
			if (isSo()) return true;
			await pass(50);
			return isSo();
		});

	const add = (client: TestClient, id: number, text = `row ${id}`): Promise<unknown> =>
		client.call('rows/add', { id, text });

	// --- calls and streams ---

	test('calls are answered, and refused with the code that they were refused with', async () => {
		for (const client of [ada, bob]) {
			expect(await client.call('calls/echo', { a: [1, null] })).toEqual({ a: [1, null] });
			await expect(client.call('calls/refuse')).rejects.toMatchObject({
				code: 'CONFLICT',
				message: 'Taken.'
			});
		}
	});

	test('"crud" adds, changes and removes for everybody', async () => {
		const streams = [ada.subscribe('rows/crud'), bob.subscribe('rows/crud')];
		await Promise.all(streams.map((stream) => stream.waitFor()));

		await add(ada, 1);
		await add(bob, 2);
		await add(ada, 3);
		await bob.call('rows/rename', 3, 'other');
		await ada.call('rows/remove', 1);
		await comes(() => streams.every(({ events }) => events.length === 5));

		const shown = [
			{ id: 2, text: 'row 2' },
			{ id: 3, text: 'other' }
		];
		expect(streams.map(({ current }) => current)).toEqual([shown, shown]);
	});

	test('"latest" shows the latest to everybody', async () => {
		const streams = [ada.subscribe('rows/latest'), bob.subscribe('rows/latest')];
		await Promise.all(streams.map((stream) => stream.waitFor()));

		for (const [client, id] of [ada, bob, ada].map((one, n) => [one, n + 1] as const)) {
			await add(client, id);
		}
		await comes(() => streams.every(({ events }) => events.length === 3));

		const shown = [2, 3].map((id) => ({ id, text: `row ${id}` }));
		expect(streams.map(({ current }) => current)).toEqual([shown, shown]);
	});

	test('"set" ends at the value that was said last, and events have one order for all', async () => {
		const streams = [ada.subscribe('rows/value'), bob.subscribe('rows/value')];
		await Promise.all(streams.map((stream) => stream.waitFor()));

		const said = Array.from({ length: 40 }, (_, n) => (n % 2 ? ada : bob).call('rows/say', n + 1));
		await Promise.all(said);
		await comes(() => streams.every(({ events }) => events.length === 40));

		const [one, other] = streams.map(({ events }) =>
			events.map(({ seq, data }) => ({ seq, data }))
		);
		expect(one).toEqual(other);
		expect(one!.map(({ seq }) => seq)).toEqual(Array.from({ length: 40 }, (_, n) => n + 1));
		expect(streams.map(({ current }) => current)).toEqual([one!.at(-1)!.data, one!.at(-1)!.data]);
	});

	test('who was away gets what was published meanwhile, once', async () => {
		const rows = bob.subscribe('rows/crud');
		await rows.waitFor();
		await add(ada, 1);
		await comes(() => rows.events.length === 1);

		await bob.disconnect();
		for (const id of [2, 3, 4]) await add(ada, id);
		await bob.reconnect();

		await comes(() => rows.events.length === 4);
		expect(rows.events.map(({ seq }) => seq)).toEqual([1, 2, 3, 4]);
		expect((rows.current as Row[]).map(({ id }) => id)).toEqual([1, 2, 3, 4]);
	});

	test('a page that is rendered goes on from where it was rendered', async () => {
		await add(ada, 1);

		const seed = await bob.load('rows/crud');

		expect(seed.value).toEqual([{ id: 1, text: 'row 1' }]);
		expect(seed.position).toMatchObject({ seq: 1 });
	});

	// --- people ---

	test('presence lists everybody once, and lets go of who has left', async () => {
		const lists = [ada.subscribe('people/here'), bob.subscribe('people/here')];
		const names = (at: number): string[] =>
			((lists[at]!.current ?? []) as { data: User }[]).map(({ data }) => data.name).sort();
		await comes(() => names(0).length === 2 && names(1).length === 2);

		expect([names(0), names(1)]).toEqual([
			['Ada', 'Bob'],
			['Ada', 'Bob']
		]);
		await bob.close();
		await comes(() => names(0).length === 1);
		expect(names(0)).toEqual(['Ada']);
	});

	test('a pointer is seen by the others, until it is gone', async () => {
		const hers = ada.live<ReturnType<typeof parityModules>['people']>('people').pointers;
		const pointers = bob.subscribe('people/pointers');
		ada.subscribe(hers as never);
		await pointers.waitFor();
		const seen = (): { data: unknown }[] => (pointers.current ?? []) as { data: unknown }[];

		hers.move({ x: 0.5 } as never);
		await comes(() => seen().length === 1);
		expect(seen()[0]).toMatchObject({ user: { name: 'Ada' }, data: { x: 0.5 } });

		hers.move(null);
		await comes(() => seen().length === 0);
	});

	test('a room has its data, its people and its actions', async () => {
		const data = bob.subscribe('board/board.data', 'a');
		const people = bob.subscribe('board/board.presence', 'a');
		ada.subscribe('board/board.data', 'a');
		ada.subscribe('board/board.presence', 'a');
		await data.waitFor();

		await ada.call('board/board.add', 'a', { id: 1, text: 'note' });

		await comes(() => (data.current as Row[]).length === 1);
		await comes(() => (people.current as unknown[] | undefined)?.length === 2);
		expect(data.current).toEqual([{ id: 1, text: 'note' }]);
	});

	test('a group tells its members, and has room for as many as it says', async () => {
		type People = ReturnType<typeof parityModules>['people'];
		const [hers, his] = [ada, bob].map((client) => client.live<People>('people').club);
		const heard: unknown[] = [];
		his!.on('said', (data) => heard.push(data));
		const members = ada.subscribe(hers!.members as never);
		hers!.on('said', () => {});
		const names = (): unknown[] =>
			((members.current ?? []) as { data: { name: string } }[]).map(({ data }) => data.name).sort();
		await comes(() => names().length === 2);

		await hers!.publish('said', 'hello');
		await comes(() => heard.length === 1);

		expect(heard).toEqual(['hello']);
		const late = await instances[0]!.connect(LIN);
		const club = late.subscribe('people/club');
		await comes(() => club.error !== undefined);
		expect(club.error).toMatchObject({ code: 'FULL' });
	});

	test('a user is told something on every page, wherever it is open', async () => {
		const second = await instances[0]!.connect(BOB);

		// What is told while a page is only just coming is told to those who are there already.
		await until(async () => {
			await ada.call('people/tell', 'bob', 'are you there?');
			await pass(50);
			return bob.signals.length > 0 && second.signals.length > 0;
		});
		await ada.call('people/tell', 'bob', 'hello');

		const told = { event: 'told', data: 'hello' };
		await comes(() => [bob, second].every(({ signals }) => signals.at(-1)?.data === told.data));
		for (const { signals } of [bob, second]) {
			expect(signals.filter(({ data }) => data === told.data)).toEqual([told]);
		}
		expect(ada.signals).toEqual([]);
	});

	test('who is revoked is asked again who they are, wherever they are', async () => {
		const statuses: string[] = [];
		bob.connection.subscribe(() => statuses.push(bob.connection.status));

		await ada.call('people/signOut', 'bob');

		await comes(() => statuses.some((status) => status !== 'open'));
		await comes(() => bob.connection.status === 'open');
	});

	// --- tools ---

	test('a throttle and a debounce let the last of a burst through', async () => {
		const streams = ['throttled', 'debounced'].map((name) => bob.subscribe(`tools/${name}`));
		await Promise.all(streams.map((stream) => stream.waitFor()));

		await ada.call('tools/burst');
		await comes(() => streams.every(({ current }) => current === 20));

		expect(streams.map(({ events }) => events.map(({ data }) => data))).toEqual([[1, 20], [20]]);
	});

	test('a limit is one for all instances', async () => {
		const taken = [];
		for (const client of [ada, bob, ada, bob, ada]) {
			taken.push((await client.call('tools/knock', 'door')) as { allowed: boolean });
		}

		expect(taken.map(({ allowed }) => allowed)).toEqual([true, true, true, false, false]);
	});

	test('one has a lock at a time', async () => {
		const first = ada.call('tools/hold', 'ada');
		await comes(() => shared.done.includes('ada begins'));
		const second = bob.call('tools/hold', 'bob');
		await pass(200);
		expect(shared.done).toEqual(['ada begins']);

		shared.release.shift()!();
		await comes(() => shared.done.includes('bob begins'));
		shared.release.shift()!();
		await comes(() => shared.done.length === 4);

		expect(await Promise.all([first, second])).toEqual(['ada', 'bob']);
		expect(shared.done).toEqual(['ada begins', 'ada ends', 'bob begins', 'bob ends']);
	});

	test('what a session keeps is there wherever it is asked for', async () => {
		await ada.call('tools/keep', 'apples');

		expect(await bob.call('tools/kept')).toBe('apples');
	});

	test('what comes twice under one id is done once', async () => {
		const told = await Promise.all([ada, bob, ada].map((client) => client.call('tools/pay', 'a')));
		const again = await bob.call('tools/pay', 'a');

		expect(told.filter((one) => (one as { first: boolean }).first)).toHaveLength(1);
		expect(again).toMatchObject({ first: false });
		expect(shared.done).toEqual(['paid a']);
	});

	test('what a job comes to is told on all instances', async () => {
		const ticks = [ada.subscribe('tools/ticks'), bob.subscribe('tools/ticks')];
		await Promise.all(ticks.map((stream) => stream.waitFor()));

		await comes(() => ticks.every(({ events }) => events.length > 0));

		expect(ticks.map(({ events }) => events[0]!.data)).toEqual([1, 1]);
	});

	test('what follows from events is the same everywhere, and is done once', async () => {
		const number = bob.subscribe('rows/number');
		const sums = bob.subscribe('rows/sums');
		await Promise.all([number.waitFor(), sums.waitFor()]);

		await add(ada, 1);
		await add(bob, 2);
		for (const value of [3, 4]) await ada.call('rows/say', value);
		await comes(() => number.current === 2);
		await comes(() => (sums.current as { sum: number }).sum === 7);

		await comes(() => shared.done.length >= 2);
		expect(shared.done).toEqual(['effect created', 'effect created']);
	});
});
