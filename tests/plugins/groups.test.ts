import * as v from 'valibot';
import { expect, test } from 'vitest';
import { live, type LiveContext } from 'svelte-realtime';
import { serverGroup } from 'svelte-realtime/plugins/groups';
import { single } from 'svelte-realtime/presets';
import { settle, type TestConnection } from 'svelte-realtime/testing';
import { startKernel, takeErrors } from '../kernel/tracked.ts';

type Roles = 'admin' | 'member' | 'viewer';

const Say = v.pipe(v.string(), v.trim(), v.nonEmpty());
const rank = (ctx: LiveContext): Roles | null =>
	(ctx.user as unknown as { rank?: Roles } | null)?.rank ?? null;

/** A group whose handlers tell what they are called with. */
function makeTeam(seen: unknown[] = []) {
	return live.group((_ctx, id: string) => `team:${id}`, {
		roles: ['admin', 'member', 'viewer'],
		role: rank,
		max: 2,
		meta: (_ctx, id) => ({ title: `Team ${id}` }),
		events: { say: Say, secret: null },
		publish: ['say'],
		onJoin: ({ key, role }, { name }) => void seen.push(['join', name, key, role]),
		onLeave: ({ key }, { name }) => void seen.push(['leave', name, key]),
		onFull: (_ctx, { name }) => void seen.push(['full', name]),
		onClose: ({ name, meta }) => void seen.push(['close', name, meta])
	});
}

async function meeting(modules: Record<string, unknown> = {}) {
	const seen: unknown[] = [];
	const team = makeTeam(seen);
	const kernel = await startKernel(single());
	let ctx!: LiveContext;
	const touch = live((given) => void (ctx = given));
	kernel.mount({ test: { team, ...modules, touch } });
	const connect = (id: string, rank?: string) =>
		kernel.connect({ user: { id, name: id, rank, password: 'secret' } });
	const server = await connect('server');
	await server.call('test/touch');
	return { kernel, team, seen, connect, ctx, groups: kernel.use('groups') };
}

const join = (connection: TestConnection, ...args: unknown[]) =>
	connection.follow('test/team.events', ...args);
const events = (connection: TestConnection): unknown[] =>
	connection
		.take()
		.flatMap((frame) => (frame.type === 'event' ? [[frame['event'], frame['data']]] : []));

test('who follows is a member, with a role that the server gives', async () => {
	const { connect, groups, kernel, seen } = await meeting();
	const ada = await connect('ada', 'admin');

	const stream = await join(ada, 'a');

	expect(stream).toMatchObject({
		topic: '__group:team:a:admin',
		data: { role: 'admin', meta: { title: 'Team a' } }
	});
	expect(await groups.members('team:a')).toEqual([
		{ key: 'ada', role: 'admin', data: { id: 'ada', name: 'ada' } }
	]);
	expect(await groups.count('team:a')).toBe(1);
	expect(await groups.has('team:a', 'ada')).toBe(true);
	expect(await groups.has('team:a', 'bob')).toBe(false);
	expect(groups.meta('team:a')).toEqual({ title: 'Team a' });
	await kernel.clock.advance(100);
	expect(seen).toEqual([['join', 'team:a', 'ada', 'admin']]);
});

test('a role of null refuses, whatever is asked for, and nothing is seen by it', async () => {
	const { connect, groups } = await meeting();
	const eve = await connect('eve');

	for (const part of ['events', 'members']) {
		await expect(eve.follow(`test/team.${part}`, 'a')).rejects.toMatchObject({ code: 'FORBIDDEN' });
	}
	await expect(eve.call('test/team.publish', 'say', 'x', null, 'a')).rejects.toMatchObject({
		code: 'FORBIDDEN'
	});

	expect(await groups.count('team:a')).toBe(0);
	expect(groups.meta('team:a')).toBeUndefined();
});

test('a role that does not exist is an error of the app’s, which names it', async () => {
	const { connect, kernel } = await meeting();
	const eve = await connect('eve', 'emperor');

	await expect(join(eve, 'a')).rejects.toMatchObject({ code: 'INTERNAL_ERROR' });

	const [error] = kernel.errors;
	expect((error as { error: Error }).error.message).toMatch(/emperor.*admin, member, viewer/);
	expect(takeErrors(kernel)).toEqual(['rpc RT_GROUP_ROLE']);
});

test('an asynchronous guard comes before the role', async () => {
	const asked: unknown[] = [];
	const closed = live.group('closed', {
		guard: async () => {
			await settle();
			return false;
		},
		role: () => void asked.push('role') as never
	});
	const { connect } = await meeting({ closed });
	const ada = await connect('ada');

	await expect(ada.follow('test/closed.events')).rejects.toMatchObject({ code: 'FORBIDDEN' });
	await expect(ada.follow('test/closed.members')).rejects.toMatchObject({ code: 'FORBIDDEN' });

	expect(asked).toEqual([]);
});

test('a group without options is open to everybody, as members', async () => {
	const { connect, groups } = await meeting({ all: live.group('all') });
	const ada = await connect('ada');

	expect(await ada.follow('test/all.events')).toMatchObject({
		data: { role: 'member', meta: null }
	});
	expect(await groups.members('all')).toMatchObject([{ key: 'ada', role: 'member' }]);
});

// --- places ---

test('there is no room for more members than that, and for every tab of theirs', async () => {
	const { connect, groups, seen, kernel } = await meeting();
	await join(await connect('ada', 'admin'), 'a');
	await join(await connect('bob', 'member'), 'a');
	const cy = await connect('cy', 'member');

	await expect(join(cy, 'a')).rejects.toMatchObject({ code: 'FULL' });
	await join(await connect('bob', 'member'), 'a');
	await join(cy, 'b');

	expect(await groups.count('team:a')).toBe(2);
	await kernel.clock.advance(100);
	expect(seen).toContainEqual(['full', 'team:a']);
});

test('of many who come at once no more get in than there is room for', async () => {
	const { connect, groups } = await meeting();
	const crowd = await Promise.all(
		Array.from({ length: 10 }, (_, i) => connect(`user${i}`, 'member'))
	);

	const results = await Promise.allSettled(crowd.map((one) => join(one, 'a')));

	expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(2);
	expect(await groups.count('team:a')).toBe(2);
});

test('a place is free again after the grace time, and kept until then', async () => {
	const { connect, kernel, seen } = await meeting();
	const ada = await connect('ada', 'admin');
	await join(ada, 'a');
	await join(await connect('bob', 'member'), 'a');
	await kernel.clock.advance(100);
	seen.length = 0;

	await ada.leave();
	await kernel.clock.advance(1000);
	await expect(join(await connect('cy', 'member'), 'a')).rejects.toMatchObject({ code: 'FULL' });
	await join(await connect('ada', 'admin'), 'a');
	await kernel.clock.advance(10_000);
	expect(seen).toEqual([['full', 'team:a']]);
	for (const connection of [...kernel.connections]) {
		const { user } = connection.data as { user: { id: string } };
		if (user.id === 'ada') connection.close(1000);
	}
	await kernel.clock.advance(10_000);
	await join(await connect('cy', 'member'), 'a');
	await kernel.clock.advance(100);

	expect(seen.slice(1)).toEqual([
		['leave', 'team:a', 'ada'],
		['join', 'team:a', 'cy', 'member']
	]);
});

test('who was let in and did not come takes no place for ever', async () => {
	const { connect, kernel, groups } = await meeting();
	const gone = [await connect('x', 'member'), await connect('y', 'member')];
	for (const one of gone) {
		await one.send(
			{ type: 'stream', id: 1, path: 'test/team.events', args: ['a'] },
			{ type: 'stream:end', id: 1 }
		);
	}
	await kernel.clock.advance(30_000);

	expect(groups.meta('team:a')).toBeUndefined();
	await join(await connect('ada', 'member'), 'a');
	await join(await connect('bob', 'member'), 'a');
});

test('a handler of the app’s that fails is told to the operator, and changes nothing', async () => {
	const fail = (): never => {
		throw new Error('not now');
	};
	const later = async (): Promise<never> => fail();
	const one = live.group('one', { max: 1, onJoin: later, onFull: fail, onClose: later });
	const { connect, kernel, groups } = await meeting({ one });
	await (await connect('ada')).follow('test/one.events');
	const bob = await connect('bob');

	await expect(bob.follow('test/one.events')).rejects.toMatchObject({ code: 'FULL' });
	await kernel.clock.advance(100);
	groups.close('one');
	await settle();

	expect(takeErrors(kernel)).toEqual([
		'groups Error: not now',
		'groups Error: not now',
		'groups Error: not now'
	]);
});

// --- events ---

test('an event goes to all members, or to those of a role', async () => {
	const { connect, team, ctx } = await meeting();
	const ada = await connect('ada', 'admin');
	const bob = await connect('bob', 'member');
	await join(ada, 'a');
	await join(bob, 'a');

	void team.publish(ctx, 'say', ' all ', {}, 'a');
	void team.publish(ctx, 'secret', 1, { role: 'admin' }, 'a');
	void team.publish(ctx, 'secret', 2, { role: ['member', 'viewer'] }, 'a');
	void team.publish(ctx, 'say', 'elsewhere', {}, 'b');

	expect(events(ada)).toEqual([
		['say', 'all'],
		['secret', 1]
	]);
	expect(events(bob)).toEqual([
		['say', 'all'],
		['secret', 2]
	]);
});

test('what does not fit is not published', async () => {
	const { connect, team, ctx, groups, kernel } = await meeting();
	const ada = await connect('ada', 'admin');
	await join(ada, 'a');

	expect(() => team.publish(ctx, 'jump' as 'say', 'x', {}, 'a')).toThrow('no event');
	expect(() => team.publish(ctx, 'say', ' ', {}, 'a')).toThrow(
		expect.objectContaining({ code: 'VALIDATION' })
	);
	expect(() => team.publish(ctx, 'say', 'x', { role: 'king' as 'admin' }, 'a')).toThrow('king');
	expect(() => groups.publish('team:a', 'say', 7)).toThrow(
		expect.objectContaining({ code: 'VALIDATION' })
	);
	expect(() => groups.publish('team:none', 'say', 'x')).toThrow(
		expect.objectContaining({ code: 'NOT_FOUND' })
	);
	expect(kernel.publish('__group:team:a:admin', 'say', 7)).toEqual({
		status: 'rejected',
		code: 'INVALID_TOPIC'
	});

	expect(events(ada)).toEqual([]);
});

test('a member publishes what it may, and nobody else does', async () => {
	const { connect, ctx, team } = await meeting();
	const ada = await connect('ada', 'admin');
	const bob = await connect('bob', 'member');
	await join(ada, 'a');
	const say = (connection: TestConnection, event: string, data: unknown, to: unknown = {}) =>
		connection.call('test/team.publish', event, data, to, 'a');

	await expect(say(bob, 'say', 'x')).rejects.toMatchObject({ code: 'FORBIDDEN' });
	await join(bob, 'a');
	await say(bob, 'say', ' hi ');
	await say(bob, 'say', 'admins', { role: 'admin' });
	await expect(say(bob, 'secret', 1)).rejects.toMatchObject({ code: 'FORBIDDEN' });
	await expect(say(bob, 'say', '')).rejects.toMatchObject({ code: 'VALIDATION' });
	await expect(say(bob, 'say', 'x', { role: 'king' })).rejects.toMatchObject({
		code: 'INVALID_REQUEST'
	});
	await expect(say(bob, 'toString', 1)).rejects.toMatchObject({ code: 'INVALID_REQUEST' });
	await expect(say(bob, '__close', 1)).rejects.toMatchObject({ code: 'INVALID_REQUEST' });

	expect(events(ada)).toEqual([
		['say', 'hi'],
		['say', 'admins']
	]);
	void [ctx, team];
});

test('who looks at the members is told of them, and is none', async () => {
	const { connect, groups, kernel } = await meeting();
	const eye = await connect('eye', 'viewer');
	const list = await eye.follow('test/team.members', 'a');
	expect(list.data).toEqual([]);

	await join(await connect('ada', 'admin'), 'a');
	await kernel.clock.advance(100);

	expect(JSON.stringify(eye.take())).toContain('"role":"admin"');
	expect(await groups.count('team:a')).toBe(1);
});

// --- closing ---

test('a group that is closed tells its members, and is opened anew by who comes then', async () => {
	const { connect, groups, kernel, seen } = await meeting();
	const ada = await connect('ada', 'admin');
	await join(ada, 'a');
	await kernel.clock.advance(100);
	seen.length = 0;

	expect(groups.close('team:a')).toBe(true);
	expect(groups.close('team:a')).toBe(false);

	expect(events(ada)).toEqual([['__close', expect.any(String)]]);
	expect(seen).toEqual([['close', 'team:a', { title: 'Team a' }]]);
	expect(groups.meta('team:a')).toBeUndefined();
	await kernel.clock.advance(10_000);
	expect(await groups.count('team:a')).toBe(0);
	await join(await connect('bob', 'member'), 'a');
	expect(await groups.members('team:a')).toMatchObject([{ key: 'bob' }]);
	await ada.leave();
	expect(await groups.count('team:a')).toBe(1);
});

test('a group that everybody has left leaves nothing behind', async () => {
	const { connect, groups, kernel } = await meeting();
	const ada = await connect('ada', 'admin');
	await join(ada, 'a');
	await ada.leave();
	await kernel.clock.advance(20_000);

	expect(groups.meta('team:a')).toBeUndefined();
});

test('a group can be handed around while a page is rendered', async () => {
	const group = serverGroup('test/team');
	const value = { role: 'admin', meta: 1 };
	const hydrated = group.hydrate({ path: 'test/team.events', args: ['a'], value } as never);

	expect([group('a').role, group('a').closed]).toEqual([undefined, false]);
	expect(group('a').members.current).toBeUndefined();
	expect([hydrated.role, hydrated.meta, hydrated.current]).toEqual(['admin', 1, value]);
	expect(hydrated.on()()).toBeUndefined();
	await expect(group.publish('say')).rejects.toMatchObject({ code: 'RT_STUB_SERVER_CALL' });
});

test.each([
	['no roles', { roles: [] }, 'roles'],
	['a role with a colon', { roles: ['a:b'] }, 'roles'],
	['a role twice', { roles: ['a', 'a'] }, 'roles'],
	['room for nobody', { max: 0 }, 'max'],
	['an event of our own', { events: { __close: null } }, 'events']
])('a group with %s is refused', (_what, options, name) => {
	expect(() => live.group('x', options as never)).toThrow(
		expect.objectContaining({ code: 'RT_OPTION_INVALID', message: expect.stringContaining(name) })
	);
});
