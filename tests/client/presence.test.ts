import * as v from 'valibot';
import { expect, test } from 'vitest';
import { live } from 'svelte-realtime';
import type { PresenceStore } from 'svelte-realtime/client';
import { outcome, settle } from './fake-server.ts';
import { network, type Network } from './network.ts';

interface Member {
	readonly key: string;
	readonly state?: unknown;
}
type Online = PresenceStore<readonly Member[], unknown>;

const STATE = v.object({ typing: v.boolean() });
const modules = {
	app: {
		online: live.presence('lobby', { state: STATE }),
		board: live.presence((_ctx, id: string) => `board:${id}`, { state: STATE })
	}
};
const TYPING = { typing: true };

/** Real clients of a real server, each with a user of its own. */
async function pages() {
	const net = await network(modules);
	const visit = async (id: string, path = 'app/online') => {
		net.data = { user: { id, name: id } };
		const client = net.client();
		const online = client.presence<Online & ((...args: unknown[]) => Online)>(path);
		return { client, online };
	};
	/** Visits, and follows. */
	const enter = async (id: string) => {
		const page = await visit(id);
		const leave = page.online.subscribe(() => {});
		await settle();
		return { ...page, leave };
	};
	return { net, visit, enter };
}

/** Both clocks go on. */
async function pass(net: Network, ms: number): Promise<void> {
	await net.clock.advance(ms);
	await net.kernel.clock.advance(ms);
	await settle();
}

const updates = (net: Network): unknown[] =>
	net.messages
		.flatMap((text) => JSON.parse(text) as { type: string; state?: unknown }[])
		.filter(({ type }) => type === 'presence:update')
		.map(({ state }) => state);

test('a page sees who is there, itself included, and which one it is', async () => {
	const { net, enter } = await pages();
	const { online: ada } = await enter('ada');
	const { online: bob } = await enter('bob');
	await pass(net, 50);

	expect(ada.current).toEqual([
		{ key: 'ada', data: { id: 'ada', name: 'ada' } },
		{ key: 'bob', data: { id: 'bob', name: 'bob' } }
	]);
	expect(bob.current).toEqual(ada.current);
	expect(bob.me).toBeUndefined();
	await settle();
	expect(bob.me).toBe('bob');
	expect(bob.refused).toBeUndefined();
});

test('a page that only shows who is there asks and says nothing', async () => {
	const { net, enter } = await pages();
	await enter('ada');
	await pass(net, 100);

	expect(updates(net)).toEqual([]);
});

test('what a page says about itself shows with everybody', async () => {
	const { net, enter } = await pages();
	const { online: ada } = await enter('ada');
	const { online: bob } = await enter('bob');

	const said = ada.update(TYPING);
	await pass(net, 50);

	expect(await outcome(said)).toBeUndefined();
	expect(bob.current?.[0]).toMatchObject({ key: 'ada', state: TYPING });
	void ada.update(null);
	await pass(net, 50);
	expect(bob.current?.[0]).not.toHaveProperty('state');
});

test('what was said is said again on the next connection', async () => {
	const { net, enter } = await pages();
	const { online: bob } = await enter('bob');
	const { online: ada } = await enter('ada');
	await ada.update(TYPING);

	net.cut();
	net.data = { user: { id: 'ada' } };
	await pass(net, 3000);
	await pass(net, 3000);

	expect(updates(net)).toEqual([TYPING, TYPING]);
	expect(bob.current?.find(({ key }) => key === 'ada')).toMatchObject({ state: TYPING });
});

test('what was said is said to a server that remembers nothing', async () => {
	const { net, enter } = await pages();
	const { online } = await enter('ada');
	await online.update(TYPING);

	await net.restart();
	await pass(net, 3000);
	await pass(net, 100);

	expect(online.current).toMatchObject([{ key: 'ada', state: TYPING }]);
});

test('what is said while the server has not answered becomes one: the newest', async () => {
	const { net, enter } = await pages();
	const { online } = await enter('ada');

	const all = [true, false, true, false].map((typing) => online.update({ typing }));
	await pass(net, 50);

	expect(updates(net)).toEqual([{ typing: true }, { typing: false }]);
	for (const one of all) expect(await outcome(one)).toBeUndefined();
	expect(online.current).toMatchObject([{ state: { typing: false } }]);
});

test('what the schema refuses rejects, and does not come again', async () => {
	const { net, enter } = await pages();
	const { online } = await enter('ada');
	await online.update(TYPING);

	await expect(online.update({ typing: 'yes' })).rejects.toMatchObject({
		code: 'VALIDATION',
		issues: [{ path: ['typing'] }]
	});
	net.cut();
	await pass(net, 3000);

	expect(updates(net)).toEqual([TYPING, { typing: 'yes' }, TYPING]);
});

test('what is said before anybody follows waits for it', async () => {
	const { net, visit } = await pages();
	const { online } = await visit('ada');
	const said = online.update(TYPING);
	expect(await outcome(said)).toBe('pending');

	online.subscribe(() => {});
	await pass(net, 50);

	expect(await outcome(said)).toBeUndefined();
	expect(online.current).toMatchObject([{ state: TYPING }]);
});

test('an update that was lost with its connection settles on the next one', async () => {
	const { net, enter } = await pages();
	const { online } = await enter('ada');
	const lost = net.messages.length;
	net.fate = (index) => (index === lost ? 'lost' : 'arrives');
	const said = online.update(TYPING);
	await settle();
	expect(await outcome(said)).toBe('pending');

	await pass(net, 3000);

	expect(await outcome(said)).toBeUndefined();
});

test('streams of different arguments say different things', async () => {
	const { net, visit } = await pages();
	const { online: board } = await visit('ada', 'app/board');
	const [a, b] = [board('a'), board('b')];
	a.subscribe(() => {});
	b.subscribe(() => {});
	await settle();

	void a.update(TYPING);
	await pass(net, 50);

	expect(a.current).toMatchObject([{ state: TYPING }]);
	expect(b.current?.[0]).not.toHaveProperty('state');
	expect(board('a')).toBe(a);
});

test('a page begins with what the server rendered', async () => {
	const { net, visit } = await pages();
	const { online } = await visit('ada');
	const request = { url: '/', headers: {}, ip: '::1', origin: undefined };
	const seed = await net.kernel.use('streams').load('app/online', [], request);
	const { hydrate } = online as unknown as { hydrate(seed: unknown): Online };

	const store = hydrate(seed);
	expect(store.current).toEqual([]);
	store.subscribe(() => {});
	await pass(net, 50);

	expect(store.current).toMatchObject([{ key: 'ada' }]);
	await store.update(TYPING);
});
