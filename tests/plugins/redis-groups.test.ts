import * as v from 'valibot';
import { expect, test } from 'vitest';
import { live, type LiveContext } from 'svelte-realtime';
import { redis } from 'svelte-realtime/plugins/redis';
import { redisBus } from 'svelte-realtime/plugins/redis-bus';
import { redisCursors } from 'svelte-realtime/plugins/redis-cursors';
import { redisGroups } from 'svelte-realtime/plugins/redis-groups';
import { redisPresence } from 'svelte-realtime/plugins/redis-presence';
import { redisReplay } from 'svelte-realtime/plugins/redis-replay';
import { single } from 'svelte-realtime/presets';
import {
	createTestKernel,
	VirtualClock,
	type TestConnection,
	type TestKernel
} from 'svelte-realtime/testing';
import { groupStoreContract } from '../contracts/group-store.ts';
import {
	ageScores,
	client,
	prefix,
	server,
	slots,
	slotted,
	useRedis,
	useSlots
} from '../servers/own-redis.ts';
import { CONNECTED, keep, useOutages } from '../servers/outages.ts';
import { until } from '../servers/until.ts';

useRedis();
useSlots();

useOutages();

/** Makes time pass for Redis. */
const age = (ms: number, at = client): Promise<void> => ageScores(`${prefix}*:group:open`, ms, at);

groupStoreContract('redis', async () => {
	const start = () => createTestKernel([redis({ url: slots.url, prefix }), redisGroups()]);
	const [one, other] = [await start(), await start()];
	return {
		stores: [one.use('groups.store'), other.use('groups.store')],
		advance: (ms) => age(ms, slotted),
		close: async () => {}
	};
});

type Rank = 'admin' | 'member';

/** An instance of an app with groups and rooms; they share Redis and nothing else. */
async function start(label: string) {
	const clock = new VirtualClock();
	const backend = redis({ url: server.url, prefix, commandTimeout: 500 });
	const plugins = [
		...single({ presence: { grace: 0, interval: 0 } }),
		backend,
		redisBus(),
		redisReplay(),
		redisPresence(),
		redisCursors(),
		redisGroups()
	];
	const seen: unknown[] = [];
	const team = live.group((_ctx, id: string) => `team:${id}`, {
		roles: ['admin', 'member'],
		role: (ctx) => (ctx.user as unknown as { rank?: Rank }).rank ?? 'member',
		max: 3,
		meta: () => ({ by: label }),
		events: { say: v.string() },
		publish: ['say'],
		onJoin: ({ key }) => void seen.push(['join', key]),
		onLeave: ({ key }) => void seen.push(['leave', key]),
		onClose: ({ meta }) => void seen.push(['close', meta])
	});
	const board = live.room({
		topic: (_ctx, id: string) => `board:${id}`,
		init: (_ctx, id) => [{ id: 1, text: id }],
		presence: true,
		cursors: true,
		actions: {
			add: (ctx, _id: string, item: { id: number }) => void ctx.publish('created', item)
		}
	});
	let ctx!: LiveContext;
	const touch = live((given) => void (ctx = given));
	const kernel = await createTestKernel(plugins, { clock, label });
	keep(kernel);
	kernel.mount({ test: { team, board, touch } });
	const connect = (id: string, rank?: Rank) => kernel.connect({ user: { id, name: id, rank } });
	await (await connect('server')).call('test/touch');
	return { kernel, clock, team, connect, seen, ctx, groups: kernel.find('groups')! };
}

const join = (connection: TestConnection, id = 'a') => connection.follow('test/team.events', id);

/** Events of the group that have come in. */
function events(connection: TestConnection): unknown[] {
	return connection
		.take()
		.flatMap((frame) => (frame.type === 'event' ? [[frame['event'], frame['data']]] : []));
}

test('a group has its members of all instances, and one meta', async () => {
	const [one, other] = [await start('one'), await start('other')];
	const ada = await join(await one.connect('ada', 'admin'));
	const bob = await join(await other.connect('bob'));

	expect(ada.data).toEqual({ role: 'admin', meta: { by: 'one' } });
	expect(bob.data).toEqual({ role: 'member', meta: { by: 'one' } });
	for (const { groups } of [one, other]) {
		await until(async () => (await groups.count('team:a')) === 2);
		expect(await groups.members('team:a')).toMatchObject([
			{ key: 'ada', role: 'admin' },
			{ key: 'bob', role: 'member' }
		]);
		expect([await groups.has('team:a', 'ada'), await groups.has('team:a', 'bob')]).toEqual([
			true,
			true
		]);
		expect(groups.meta('team:a')).toEqual({ by: 'one' });
	}
});

test('of a crowd that comes to all instances at once as many get in as there is room for', async () => {
	const all = [await start('one'), await start('other'), await start('third')];
	const crowd = await Promise.all(
		Array.from({ length: 12 }, (_, n) => all[n % 3]!.connect(`user${n}`))
	);

	const results = await Promise.allSettled(crowd.map((connection) => join(connection)));

	const refused = results.filter(({ status }) => status === 'rejected');
	expect(refused.map((one) => (one as PromiseRejectedResult).reason.code)).toEqual(
		Array.from({ length: 9 }, () => 'FULL')
	);
	await until(async () => (await all[0]!.groups.count('team:a')) === 3);
	const isIn = results.findIndex(({ status }) => status === 'fulfilled');
	// Another tab of a member needs no place of its own, wherever it is.
	const next = all[(isIn + 1) % 3]!;
	await join(await next.connect(`user${isIn}`));
	await next.groups.count('team:a');
	await crowd[isIn]!.leave();
	expect(await all[0]!.groups.count('team:a')).toBe(3);
});

test('a place on one instance is free for those of another when its member has gone', async () => {
	const [one, other] = [await start('one'), await start('other')];
	const there = await Promise.all(['x', 'y', 'z'].map((id) => one.connect(id)));
	for (const connection of there) await join(connection);
	const late = await other.connect('late');
	await expect(join(late)).rejects.toMatchObject({ code: 'FULL' });

	await there[0]!.leave();
	await until(async () => (await other.groups.count('team:a')) === 2);

	expect((await join(late)).data).toMatchObject({ meta: { by: 'one' } });
});

test('an event reaches the members on every instance, or those of a role', async () => {
	const [one, other] = [await start('one'), await start('other')];
	const [ada, bob] = [await one.connect('ada', 'admin'), await other.connect('bob')];
	await join(ada);
	await join(bob);

	void one.team.publish(one.ctx, 'say', 'to all', {}, 'a');
	await until(async () => events(bob).length === 1);
	await bob.call('test/team.publish', 'say', 'to admins', { role: 'admin' }, 'a');
	const heard: unknown[] = [];
	await until(() => heard.push(...events(ada)) > 1);

	expect(heard).toEqual([
		['say', 'to all'],
		['say', 'to admins']
	]);
	expect(events(bob)).toEqual([]);
});

test('members of another instance are told of to handlers, each once', async () => {
	const [one, other] = [await start('one'), await start('other')];
	await join(await one.connect('ada'));
	await until(() => one.seen.length === 1);
	const bob = await other.connect('bob');
	await join(bob);
	await until(() => one.seen.length === 2);
	await bob.leave();
	await until(() => one.seen.length === 3);

	expect(one.seen).toEqual([
		['join', 'ada'],
		['join', 'bob'],
		['leave', 'bob']
	]);
});

test('closing a group closes it on all instances, and who comes then opens another', async () => {
	const [one, other, third] = [await start('one'), await start('other'), await start('third')];
	const [ada, bob] = [await one.connect('ada', 'admin'), await other.connect('bob')];
	await join(ada);
	await join(bob);
	await until(async () => (await third.groups.count('team:a')) === 2);

	expect(await third.groups.close('team:a')).toBe(true);
	expect(await third.groups.close('team:a')).toBe(false);
	await until(() => [one, other].every(({ groups }) => groups.meta('team:a') === undefined));
	await until(async () => (await third.groups.count('team:a')) === 0);

	for (const { seen } of [one, other]) expect(seen.at(-1)).toEqual(['close', { by: 'one' }]);
	for (const connection of [ada, bob]) {
		expect(events(connection)).toEqual([['__close', expect.any(String)]]);
	}
	const eve = await join(await other.connect('eve'));
	expect(eve.data).toMatchObject({ meta: { by: 'other' } });
	await until(async () => (await one.groups.has('team:a', 'eve')) === true);
	expect(await one.groups.members('team:a')).toMatchObject([{ key: 'eve' }]);
});

test('an instance that was not told of the end finds out, and tells its members', async () => {
	const [one, other] = [await start('one'), await start('other')];
	const ada = await one.connect('ada');
	await join(ada);

	// Closed in the store alone: the event was lost with the log.
	await other.kernel.find('groups.store')!.close('team:a');
	expect(one.groups.meta('team:a')).toEqual({ by: 'one' });
	await one.clock.advance(30_000);
	await until(() => one.groups.meta('team:a') === undefined);

	expect(events(ada)).toEqual([['__close', expect.any(String)]]);
	await until(async () => (await other.groups.count('team:a')) === 0);
});

test('while Redis is away nobody gets in past the bound, and groups are one again afterwards', async () => {
	const [one, other] = [await start('one'), await start('other')];
	const ada = await one.connect('ada');
	await join(ada);
	const bob = await other.connect('bob');
	await join(bob);
	await until(() => one.seen.length === 2);
	const late = await other.connect('late');
	await server.kill();
	await until(() => !other.kernel.find('redis')!.commands.isUp);

	await expect(join(late)).rejects.toMatchObject({ code: 'SERVICE_UNAVAILABLE' });
	await expect(one.groups.close('team:a')).rejects.toMatchObject({ code: 'SERVICE_UNAVAILABLE' });
	expect(await one.groups.count('team:a')).toBe(2);
	expect(one.groups.meta('team:a')).toEqual({ by: 'one' });
	await bob.leave();
	await server.restart();
	await until(() => [one, other].every(({ kernel }) => kernel.find('redis')!.commands.isUp));
	await until(async () => (await other.groups.count('team:a')) === 1);
	await until(async () => (await other.kernel.find('groups.store')!.find('team:a')) !== undefined);
	await until(() => one.seen.length > 2);
	expect(one.seen.slice(2)).toContainEqual(['leave', 'bob']);
	const again = await join(await other.connect('again'));
	expect(again.data).toMatchObject({ meta: { by: 'one' } });
	for (const { kernel } of [one, other]) {
		const others = kernel.errors.filter(({ plugin }) => !CONNECTED.includes(plugin));
		expect(others).toEqual([]);
	}
});

test('a room is one place on two instances: its data, who is there, their cursors', async () => {
	const [one, other] = [await start('one'), await start('other')];
	const [ada, bob] = [await one.connect('ada'), await other.connect('bob')];
	const data = await bob.follow('test/board.data', 'x');
	await ada.follow('test/board.data', 'x');
	const eye = await other.connect('eye');
	const people = await eye.follow('test/board.presence', 'x');
	await bob.follow('test/board.cursors', 'x');
	await ada.send({ type: 'stream', id: 9, path: 'test/board.cursors', args: ['x'] });

	await ada.call('test/board.add', 'x', { id: 2 });
	await until(() => data.events.length === 1);
	expect(data.events).toMatchObject([{ event: 'created', data: { id: 2 } }]);
	const presence = other.kernel.find('presence')!;
	await until(async () => (await presence.count('board:x')) === 2);
	expect((await presence.list('board:x')).map(({ key }) => key).sort()).toEqual(['ada', 'bob']);
	expect(people.topic).toBe('__presence:board:x');
	await ada.send({ type: 'cursors:move', id: 9, data: { x: 1 } });
	const cursors = other.kernel.find('cursors')!;
	await until(async () => (await cursors.list('board:x')).length === 1);

	await ada.leave();
	await one.clock.advance(16);
	await until(async () => (await presence.count('board:x')) === 1);
	await until(async () => (await cursors.list('board:x')).length === 0);
});
