import * as v from 'valibot';
import { expect, test } from 'vitest';
import { live, type LiveContext } from 'svelte-realtime';
import type { Stub } from 'svelte-realtime/client';
import { outcome, settle } from './fake-server.ts';
import { network, type Network } from './network.ts';

const ranks = new Map<string, 'admin' | 'member'>();
const idOf = (ctx: LiveContext): string => (ctx.user as unknown as { id: string }).id;
const team = live.group((_ctx, id: string) => `team:${id}`, {
	roles: ['admin', 'member'],
	role: (ctx) => ranks.get(idOf(ctx)) ?? 'member',
	max: 3,
	meta: (_ctx, id) => ({ title: id }),
	events: { say: v.string(), secret: null },
	publish: ['say']
});
type Team = ReturnType<Stub<typeof team>>;

async function meeting() {
	ranks.clear();
	let ctx!: LiveContext;
	const touch = live((given) => void (ctx = given));
	const net = await network({ app: { team, touch } });
	const visit = async (id: string): Promise<{ group: Team }> => {
		net.data = { user: { id, name: id } };
		const client = net.client();
		await client.call('app/touch')();
		return { group: client.group<Stub<typeof team>>('app/team')('a') };
	};
	const enter = async (id: string) => {
		const { group } = await visit(id);
		const heard: unknown[] = [];
		const stop = group.on('say', (text) => heard.push(text));
		await settle();
		return { group, heard, stop };
	};
	const say = (text: string, role?: 'admin' | 'member') =>
		void team.publish(ctx, 'say', text, { ...(role && { role }) }, 'a');
	return { net, visit, enter, say };
}

/** Both clocks go on. */
async function pass(net: Network, ms: number): Promise<void> {
	await net.clock.advance(ms);
	await net.kernel.clock.advance(ms);
	await settle();
}

test('a page that follows a group is a member, knows what it is, and sees the others', async () => {
	const { net, enter } = await meeting();
	ranks.set('ada', 'admin');
	const { group } = await enter('ada');
	await enter('bob');
	group.members.subscribe(() => {});
	await pass(net, 100);

	expect(group.role).toBe('admin');
	expect(group.meta).toEqual({ title: 'a' });
	expect(group.closed).toBe(false);
	expect(group.members.current).toEqual([
		{ key: 'ada', role: 'admin', data: { id: 'ada', name: 'ada' } },
		{ key: 'bob', role: 'member', data: { id: 'bob', name: 'bob' } }
	]);
	expect(group.members.current).toBe(group.members.current);
});

test('who only looks at the members is none', async () => {
	const { net, visit } = await meeting();
	const { group: eve } = await visit('eve');
	eve.members.subscribe(() => {});
	await pass(net, 100);

	expect(eve.members.current).toEqual([]);
	expect(await net.kernel.use('groups').count('team:a')).toBe(0);
});

test('members hear what is for their role, once each, also after a break', async () => {
	const { net, enter, say } = await meeting();
	ranks.set('ada', 'admin');
	const ada = await enter('ada');
	const bob = await enter('bob');

	say('1');
	say('2', 'admin');
	say('3', 'member');
	await settle();
	expect(bob.heard).toEqual(['1', '3']);
	bob.stop();
	net.data = { user: { id: 'ada', name: 'ada' } };
	net.cut();
	say('4');
	say('5', 'member');
	say('6', 'admin');
	await pass(net, 3000);
	say('7');
	await settle();

	expect(ada.heard).toEqual(['1', '2', '4', '6', '7']);
});

test('a member publishes what it may', async () => {
	const { enter } = await meeting();
	ranks.set('ada', 'admin');
	const ada = await enter('ada');
	const bob = await enter('bob');

	const said = bob.group.publish('say', 'hi');
	const told = bob.group.publish('say', 'admins', { role: 'admin' });
	const refused = Promise.allSettled([bob.group.publish('secret' as 'say', 'x')]);
	await settle();

	expect(await outcome(said)).toBeUndefined();
	expect(await outcome(told)).toBeUndefined();
	expect(await refused).toMatchObject([{ reason: { code: 'FORBIDDEN' } }]);
	expect(ada.heard).toEqual(['hi', 'admins']);
	expect(bob.heard).toEqual(['hi']);
});

test('a page that is refused knows why', async () => {
	const { enter } = await meeting();
	for (const id of ['a', 'b', 'c']) await enter(id);

	const { group } = await enter('d');

	expect(group.error).toMatchObject({ code: 'FULL' });
	expect(group.role).toBeUndefined();
});

test('who has another role after a break hears what is for that, and nothing twice', async () => {
	const { net, enter, say } = await meeting();
	const { group, heard } = await enter('ada');
	say('admins only, before', 'admin');
	say('1');
	await settle();

	net.cut();
	ranks.set('ada', 'admin');
	say('admins only, meanwhile', 'admin');
	await pass(net, 3000);
	say('2', 'admin');
	say('members only', 'member');
	await settle();

	expect(group.role).toBe('admin');
	expect(heard).toEqual(['1', '2']);
});

test('a group that is closed says so, and the page follows it no longer', async () => {
	const { net, enter, say } = await meeting();
	const { group, heard } = await enter('ada');

	net.kernel.use('groups').close('team:a');
	await settle();
	say('late');
	await settle();

	expect(group.closed).toBe(true);
	expect(group.connected).toBe(false);
	expect(heard).toEqual([]);
	expect(net.messages.at(-1)).not.toContain('late');
});

test('who was away when a group was closed learns of it', async () => {
	const { net, enter } = await meeting();
	const { group } = await enter('ada');
	net.cut();
	net.kernel.use('groups').close('team:a');
	await pass(net, 3000);

	expect(group.closed).toBe(true);
	expect(group.connected).toBe(false);
});

test('who follows a closed group again opens it anew', async () => {
	const { net, enter, say } = await meeting();
	const { group, heard } = await enter('ada');
	net.kernel.use('groups').close('team:a');
	await settle();

	const again: unknown[] = [];
	group.on('say', (text) => again.push(text));
	await settle();
	say('hello');
	await settle();

	expect(group.closed).toBe(false);
	expect(group.role).toBe('member');
	expect(again).toEqual(['hello']);
	expect(heard).toEqual(['hello']);
	expect(await net.kernel.use('groups').count('team:a')).toBe(1);
});

test('a page begins with what the server rendered, and nobody has come by that', async () => {
	const { net, visit, say } = await meeting();
	const request = { url: '/', headers: {}, ip: '::1', origin: undefined };
	ranks.set('ada', 'admin');
	await visit('ada');
	await net.kernel.add({
		name: 'who',
		setup: ({ hook }) => void hook('upgrade', ({ data }) => void (data.user = { id: 'ada' }))
	});
	const seed = await net.kernel.use('streams').load('app/team.events', ['a'], request);
	expect(await net.kernel.use('groups').count('team:a')).toBe(0);
	expect(net.kernel.use('groups').meta('team:a')).toBeUndefined();

	expect(seed).toMatchObject({ value: { role: 'admin', meta: { title: 'a' } } });

	net.data = { user: { id: 'ada', name: 'ada' } };
	const { hydrate } = net.client().group<Stub<typeof team>>('app/team');
	const group = hydrate(seed as never);
	expect(group).toMatchObject({ role: 'admin', meta: { title: 'a' }, connected: false });
	const heard: unknown[] = [];
	ranks.set('ada', 'member');
	group.on('say', (text) => heard.push(text));
	await settle();
	await settle();
	say('members', 'member');
	say('admins', 'admin');
	await settle();

	expect(group.role).toBe('member');
	expect(heard).toEqual(['members']);
});
