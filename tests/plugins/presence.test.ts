import * as v from 'valibot';
import { expect, test } from 'vitest';
import { definePlugin, live, type LiveContext, type Plugin } from 'svelte-realtime';
import {
	memoryPresence,
	presence,
	presenceStream,
	type PresenceOptions,
	type PresenceStore
} from 'svelte-realtime/plugins/presence';
import { single } from 'svelte-realtime/presets';
import { provided, VirtualClock, type TestConnection } from 'svelte-realtime/testing';
import { startKernel, takeErrors } from '../kernel/tracked.ts';

const GRACE = 5000;
const TICK = 50;
const STATE = v.object({ typing: v.boolean() });

const user = (id: unknown, more: object = {}) => ({ user: { id, name: `${id}!`, ...more } });
const ask = (id: number, path: string, args: readonly unknown[] = [], since?: object): object => ({
	type: 'stream',
	id,
	path: `app/${path}`,
	args,
	since
});
const say = (id: number, state?: unknown): object => ({ type: 'presence:update', id, state });

/** Diffs that have come in, without their envelope. */
function diffs(connection: TestConnection): unknown[] {
	return connection.take().flatMap((frame) => (frame['event'] === 'diff' ? [frame['data']] : []));
}

async function here(options: PresenceOptions = {}, more: readonly Plugin[] = []) {
	const list = [...single({ presence: options }), ...more] as ReturnType<typeof single>;
	const kernel = await startKernel(list);
	const quiet = (ctx: LiveContext): object | null =>
		(ctx.user as { quiet?: true } | null)?.quiet ? null : { name: 'shown' };
	kernel.use('rpc').mount({
		app: {
			online: live.presence('lobby', { state: STATE }),
			mute: live.presence('lobby'),
			quiet: live.presence('lobby', { data: quiet }),
			board: live.presence((_ctx, id: string) => `board:${id}`),
			secret: live.presence('secret', { guard: async () => false }),
			watching: presenceStream('lobby', { join: false, state: STATE }),
			chat: live.stream('chat', () => [])
		}
	});
	let addresses = 0;
	return {
		kernel,
		presence: kernel.use('presence'),
		list: async (topic = 'lobby') =>
			(await kernel.use('presence').list(topic)).map(({ key }) => key),
		connect: (id?: unknown, extra: object = {}) =>
			kernel.connect(id === undefined ? {} : user(id, extra), {
				ip: `10.0.${(addresses += 1) >> 8}.${addresses & 255}`
			}),
		tick: () => kernel.clock.advance(TICK)
	};
}

// --- joining and leaving ---

test('who follows is listed, and told of in a diff', async () => {
	const { connect, tick, list } = await here();
	const ada = await connect('ada');
	const bob = await connect('bob');
	await ada.send(ask(1, 'online'));
	await tick();
	ada.take();

	await bob.send(ask(1, 'online'));

	const member = { key: 'bob', data: { id: 'bob', name: 'bob!' } };
	expect(diffs(ada)).toEqual([{ joins: [member] }]);
	expect(await list()).toEqual(['ada', 'bob']);
});

test('who comes late is told of everybody at once, and of nobody twice', async () => {
	const { connect, tick } = await here();
	for (const id of ['ada', 'bob', 'cy']) await (await connect(id)).send(ask(1, 'online'));
	await tick();
	const dora = await connect('dora');

	await dora.send(ask(1, 'online'));
	await tick();

	const [snapshot, ...rest] = dora.take();
	const keys = (snapshot!['data'] as { key: string }[]).map(({ key }) => key);
	expect(keys).toEqual(['ada', 'bob', 'cy']);
	expect(rest).toMatchObject([{ event: 'diff', data: { joins: [{ key: 'dora' }] }, seq: 3 }]);
});

test('a user is one member, whatever the number of tabs', async () => {
	const { connect, kernel, tick, list } = await here();
	const eye = await connect('eye');
	await eye.send(ask(1, 'watching'));
	const tabs = [await connect('ada'), await connect('ada'), await connect('ada')];
	for (const tab of tabs) await tab.send(ask(1, 'online'));
	await tick();
	expect(diffs(eye)).toMatchObject([{ joins: [{ key: 'ada' }] }]);

	await tabs[0]!.leave();
	await tabs[2]!.leave();
	await kernel.clock.advance(GRACE * 2);
	expect(diffs(eye)).toEqual([]);
	await tabs[1]!.leave();
	await kernel.clock.advance(GRACE + TICK);

	expect(diffs(eye)).toEqual([{ leaves: ['ada'] }]);
	expect(await list()).toEqual([]);
});

test('a page that is loaded again within the grace time is not told of', async () => {
	const { connect, kernel } = await here();
	const eye = await connect('eye');
	await eye.send(ask(1, 'watching'));
	const before = await connect('ada');
	await before.send(ask(1, 'online'));
	await kernel.clock.advance(TICK);
	eye.take();

	await before.leave();
	await kernel.clock.advance(GRACE - 1);
	const after = await connect('ada');
	await after.send(ask(1, 'online'));
	await kernel.clock.advance(GRACE * 2);

	expect(diffs(eye)).toEqual([]);
});

test('a hundred pages that reload within the grace time make not one frame', async () => {
	const { connect, kernel } = await here();
	const eye = await connect('eye');
	await eye.send(ask(1, 'watching'));
	const pages: TestConnection[] = [];
	for (let n = 0; n < 100; n += 1) {
		pages.push(await connect(n));
		await pages[n]!.send(ask(1, 'online'));
	}
	await kernel.clock.advance(TICK);
	eye.take();

	for (const page of pages) await page.leave();
	for (let n = 0; n < 100; n += 1) await (await connect(n)).send(ask(1, 'online'));
	await kernel.clock.advance(GRACE * 2);

	expect(diffs(eye)).toEqual([]);
});

test('a member whose data is another when it comes back is updated, and does not leave', async () => {
	const { connect, kernel } = await here();
	const eye = await connect('eye');
	await eye.send(ask(1, 'watching'));
	const before = await connect('ada', { color: 'red' });
	await before.send(ask(1, 'online'));
	await before.leave();
	await kernel.clock.advance(TICK);
	eye.take();

	const after = await connect('ada', { color: 'blue' });
	await after.send(ask(1, 'online'));
	await kernel.clock.advance(GRACE * 2);

	expect(diffs(eye)).toMatchObject([{ updates: [{ key: 'ada', data: { color: 'blue' } }] }]);
});

test('when the newest tab goes, the data of the one before it shows again', async () => {
	const { connect, kernel, presence } = await here({ grace: 0 });
	const one = await connect('ada', { color: 'red' });
	const two = await connect('ada', { color: 'blue' });
	await one.send(ask(1, 'online'));
	await two.send(ask(1, 'online'));
	expect(await presence.list('lobby')).toMatchObject([{ data: { color: 'blue' } }]);

	await two.leave();
	await kernel.clock.advance(TICK);

	expect(await presence.list('lobby')).toMatchObject([{ data: { color: 'red' } }]);
});

test('a stream that ends leaves, and another of the same page keeps the member', async () => {
	const { connect, kernel, list } = await here();
	const ada = await connect('ada');
	await ada.send(ask(1, 'online'), ask(2, 'mute'));
	await ada.send({ type: 'stream:end', id: 1 });
	await kernel.clock.advance(GRACE * 2);
	expect(await list()).toEqual(['ada']);

	await ada.send({ type: 'stream:end', id: 2 });
	await kernel.clock.advance(GRACE);

	expect(await list()).toEqual([]);
});

test('without a grace time a member leaves at once', async () => {
	const { connect, list } = await here({ grace: 0 });
	const ada = await connect('ada');
	await ada.send(ask(1, 'online'));
	await ada.leave();

	expect(await list()).toEqual([]);
});

test('a member that comes and goes between two frames is nobody’s news', async () => {
	let changes = 0;
	const { store } = memoryPresence(new VirtualClock());
	const counting: PresenceStore = {
		...store('here'),
		apply(...args) {
			changes += 1;
			return store('here').apply(...args);
		}
	};
	const { connect, tick } = await here({ grace: 0 }, [provided('presence.store', counting)]);
	const eye = await connect('eye');
	await eye.send(ask(1, 'online'));
	eye.take();
	const ada = await connect('ada');
	await ada.send(ask(1, 'online'));
	await ada.leave();
	await tick();

	expect(diffs(eye)).toEqual([]);
	expect(changes).toBe(1);
});

test('a crowd is one frame for each interval, and the first of it does not wait', async () => {
	const { connect, tick } = await here();
	const eye = await connect('eye');
	await eye.send(ask(1, 'watching'));
	const crowd = await Promise.all(Array.from({ length: 50 }, (_, n) => connect(n)));
	eye.take();

	for (const one of crowd) await one.send(ask(1, 'online'));

	expect(diffs(eye)).toMatchObject([{ joins: [{ key: '0' }] }]);
	await tick();
	const [rest, ...more] = diffs(eye) as { joins: unknown[] }[];
	expect(rest!.joins).toHaveLength(49);
	expect(more).toEqual([]);
});

test('a data function that takes its time does not list who has left meanwhile', async () => {
	const { kernel, connect, list } = await here();
	let tell = (_: object): void => {};
	const data = (): Promise<object> => new Promise((resolve) => (tell = resolve));
	kernel.use('rpc').mount({ app: { slow: live.presence('lobby', { data }) } });
	const ada = await connect('ada');
	await ada.send(ask(1, 'slow'));
	await ada.send({ type: 'stream:end', id: 1 });
	tell({ name: 'Ada' });
	await kernel.clock.advance(TICK);

	expect(await list()).toEqual([]);
});

// --- who it is ---

test('a visitor without an id is a member of its own connection', async () => {
	const { kernel, connect, list } = await here();
	const guest = await connect();
	const odd = await kernel.connect({ user: { id: ['ada'] } });
	await guest.send(ask(1, 'online'));
	await odd.send(ask(1, 'online'));

	expect(await list()).toEqual([guest.connection.id, odd.connection.id]);
});

test('a member id that a client makes up changes nothing', async () => {
	const { connect, tick, presence } = await here();
	const ada = await connect('ada');
	const eve = await connect('eve');
	await ada.send(ask(1, 'online'));
	await eve.send({ ...ask(1, 'online'), key: 'ada', user: { id: 'ada' }, member: 'ada' });
	await eve.send({ ...say(1, { typing: true }), key: 'ada', topic: 'lobby', member: 'ada' });
	await tick();

	expect(await presence.list('lobby')).toEqual([
		{ key: 'ada', data: { id: 'ada', name: 'ada!' } },
		{ key: 'eve', data: { id: 'eve', name: 'eve!' }, state: { typing: true } }
	]);
});

test('of a user nothing goes out but id, name, avatar and color', async () => {
	const { connect, presence } = await here();
	const ada = await connect('ada', { color: 'red', password: 'x', session: 'y', email: 'a@b.c' });
	await ada.send(ask(1, 'online'));

	expect(await presence.list('lobby')).toEqual([
		{ key: 'ada', data: { id: 'ada', name: 'ada!', color: 'red' } }
	]);
});

test('a whole user is not shown, even where a data function returns it', async () => {
	const { kernel, connect, presence } = await here();
	const data = (ctx: LiveContext): object => ctx.user as object;
	const select = ['email'];
	kernel.use('rpc').mount({
		app: {
			whole: live.presence('whole', { data }),
			picked: live.presence('picked', { data, select })
		}
	});
	const ada = await connect('ada', { password: 'x', email: 'a@b.c' });
	await ada.send(ask(1, 'whole'), ask(2, 'picked'));

	expect(await presence.list('whole')).toMatchObject([{ data: { id: 'ada', name: 'ada!' } }]);
	expect(JSON.stringify(await presence.list('whole'))).not.toContain('password');
	expect(await presence.list('picked')).toEqual([{ key: 'ada', data: { email: 'a@b.c' } }]);
});

test('who gets no data watches without being listed', async () => {
	const { connect, tick, list } = await here();
	const eye = await connect('eye', { quiet: true });
	await eye.send(ask(1, 'quiet'));
	const ada = await connect('ada');
	await ada.send(ask(1, 'quiet'));
	await tick();

	expect(diffs(eye)).toEqual([{ joins: [{ key: 'ada', data: { name: 'shown' } }] }]);
	expect(await list()).toEqual(['ada']);
});

test('a guard that refuses lets nobody see or be seen', async () => {
	const { connect, list, presence } = await here();
	const ada = await connect('ada');
	presence.join('secret', (await connect('bob')).connection, {});
	await ada.send(ask(1, 'secret'));

	expect(ada.take()).toMatchObject([{ type: 'reply', id: 1, error: { code: 'FORBIDDEN' } }]);
	expect(await list('secret')).toEqual(['bob']);
});

test('each topic has members of its own', async () => {
	const { connect, list } = await here();
	const ada = await connect('ada');
	await ada.send(ask(1, 'board', ['a']), ask(2, 'board', ['b']));
	await (await connect('bob')).send(ask(1, 'board', ['b']));

	expect(await list('board:a')).toEqual(['ada']);
	expect(await list('board:b')).toEqual(['ada', 'bob']);
});

// --- what members say about themselves ---

test('what a member says about itself shows, and is taken back with null', async () => {
	const { connect, tick } = await here();
	const ada = await connect('ada');
	await ada.send(ask(1, 'online'));
	await tick();
	ada.take();

	await ada.send(say(1, { typing: true }));
	expect(ada.take()).toMatchObject(
		[
			{ event: 'diff', data: { updates: [{ key: 'ada', state: { typing: true } }] } },
			{ type: 'presence:self', id: 1, key: 'ada' }
		].reverse()
	);
	await tick();
	await ada.send(say(1, null));

	const member = { key: 'ada', data: { id: 'ada', name: 'ada!' } };
	expect(diffs(ada)).toEqual([{ updates: [member] }]);
});

test('what does not pass the schema is refused with its issues, and shows nowhere', async () => {
	const { connect, tick } = await here();
	const ada = await connect('ada');
	await ada.send(ask(1, 'online'));
	await tick();
	ada.take();

	await ada.send(say(1, { typing: 'yes' }));
	await tick();

	expect(ada.take()).toMatchObject([
		{ type: 'presence:self', id: 1, error: { code: 'VALIDATION', issues: [{ path: ['typing'] }] } }
	]);
});

test('fields that the schema does not know are not passed on', async () => {
	const { connect, presence } = await here();
	const ada = await connect('ada');
	await ada.send(ask(1, 'online'));
	await ada.send(say(1, { typing: true, role: 'admin' }));

	expect(await presence.list('lobby')).toMatchObject([{ state: { typing: true } }]);
	expect(JSON.stringify(await presence.list('lobby'))).not.toContain('admin');
});

test('without a schema members say nothing about themselves', async () => {
	const { connect } = await here();
	const ada = await connect('ada');
	await ada.send(ask(1, 'mute'));
	ada.take();
	await ada.send(say(1, { typing: true }));

	expect(ada.take()).toMatchObject([
		{ type: 'presence:self', id: 1, error: { code: 'FORBIDDEN' } }
	]);
});

test('an update without a state tells who the client is', async () => {
	const { connect } = await here();
	const ada = await connect('ada');
	await ada.send(ask(1, 'watching'));
	ada.take();
	await ada.send(say(1));

	expect(ada.take()).toEqual([{ type: 'presence:self', id: 1, key: 'ada' }]);
});

test.each([
	['of another kind of stream', 2],
	['that is not followed', 3],
	['that somebody else follows', 9],
	['that is a text', '1'],
	['that is missing', undefined]
])('an update for an id %s is refused', async (_what, id) => {
	const { connect } = await here();
	const ada = await connect('ada');
	const bob = await connect('bob');
	await ada.send(ask(1, 'online'), ask(2, 'chat'));
	await bob.send(ask(9, 'online'));
	ada.take();

	await ada.send({ type: 'presence:update', id, state: { typing: true } });

	const frames = ada.take().filter(({ type }) => type !== 'event');
	expect(frames).toMatchObject([{ error: { code: 'INVALID_REQUEST' } }]);
});

test('what is said before being listed shows as soon as the member is', async () => {
	const { connect, presence } = await here();
	const ada = await connect('ada');
	await ada.send(ask(1, 'watching'));
	await ada.send(say(1, { typing: true }));
	expect(await presence.list('lobby')).toEqual([]);

	presence.join('lobby', ada.connection, { name: 'Ada' });

	expect(await presence.list('lobby')).toEqual([
		{ key: 'ada', data: { name: 'Ada' }, state: { typing: true } }
	]);
});

test('what a tab said goes with it, and that of another shows', async () => {
	const { connect, kernel, presence } = await here();
	const one = await connect('ada');
	const two = await connect('ada');
	await one.send(ask(1, 'online'), say(1, { typing: false }));
	await two.send(ask(1, 'online'), say(1, { typing: true }));
	expect(await presence.list('lobby')).toMatchObject([{ state: { typing: true } }]);

	await two.leave();
	await kernel.clock.advance(TICK);

	expect(await presence.list('lobby')).toMatchObject([{ state: { typing: false } }]);
});

test('a hundred updates of one member in one interval are one', async () => {
	const { connect, tick } = await here();
	const ada = await connect('ada');
	await ada.send(ask(1, 'online'));
	ada.take();
	for (let n = 0; n < 100; n += 1) await ada.send(say(1, { typing: n % 2 === 0 }));
	await tick();

	expect(diffs(ada)).toMatchObject([{ updates: [{ state: { typing: false } }] }]);
});

test('a schema that takes its time checks one update of a stream at a time', async () => {
	const { kernel, connect } = await here();
	let tell = (): void => {};
	const slow = v.pipeAsync(
		v.object({ typing: v.boolean() }),
		v.checkAsync(() => new Promise<boolean>((resolve) => (tell = () => resolve(true))))
	);
	kernel.use('rpc').mount({ app: { slow: live.presence('lobby', { state: slow }) } });
	const ada = await connect('ada');
	await ada.send(ask(1, 'slow'));
	ada.take();

	await ada.send(say(1, { typing: true }));
	await ada.send(say(1, { typing: false }));
	expect(ada.take()).toMatchObject([{ error: { code: 'RATE_LIMITED' } }]);
	tell();
	await kernel.clock.advance(TICK);

	expect(ada.take()).toMatchObject([
		{ type: 'presence:self', key: 'ada' },
		{ data: { updates: [{ state: { typing: true } }] } }
	]);
});

test('a state that is too large is refused, and 10 MB of it close the connection', async () => {
	const { kernel, connect, presence } = await here();
	const any = v.object({ text: v.string() });
	kernel.use('rpc').mount({ app: { any: live.presence('lobby', { state: any }) } });
	const ada = await connect('ada');
	await ada.send(ask(1, 'any'));
	ada.take();

	await ada.send(say(1, { text: 'x'.repeat(5000) }));
	const frames = ada.take().filter(({ type }) => type !== 'event');
	expect(frames).toMatchObject([{ error: { code: 'PAYLOAD_TOO_LARGE' } }]);
	expect(JSON.stringify(await presence.list('lobby')).length).toBeLessThan(200);
	await ada.send(say(1, { text: 'x'.repeat(10_000_000) }));

	expect(ada.socket.closed).toMatchObject({ code: 1009 });
});

// --- being up to date ---

test('who was away for a moment is told what it missed', async () => {
	const { connect, tick } = await here();
	const eye = await connect('eye');
	await eye.send(ask(1, 'watching'));
	const [{ epoch, seq } = {} as never] = eye.take() as unknown as { epoch: string; seq: number }[];
	await (await connect('ada')).send(ask(1, 'online'));
	await tick();
	await (await connect('bob')).send(ask(1, 'online'));
	await tick();
	eye.take();

	await eye.send(ask(2, 'watching', [], { epoch, seq }));

	expect(eye.take()).toMatchObject([
		{
			type: 'stream:recovered',
			events: [{ data: { joins: [{ key: 'ada' }] } }, { data: { joins: [{ key: 'bob' }] } }]
		}
	]);
});

test('who was away for longer than changes are kept is told who is there', async () => {
	const { kernel, connect, presence } = await here({ interval: 0, grace: 0 });
	const eye = await connect('eye');
	await eye.send(ask(1, 'watching'));
	const { epoch } = eye.take()[0] as unknown as { epoch: string };
	const { connection } = await connect('ada');
	for (let n = 0; n < 200; n += 1) {
		presence.join('lobby', connection, { n });
		await kernel.clock.advance(0);
	}
	eye.take();

	await eye.send(ask(2, 'watching', [], { epoch, seq: 3 }));

	expect(eye.take()).toMatchObject([
		{ type: 'stream:snapshot', reset: 'truncated', data: [{ key: 'ada', data: { n: 199 } }] }
	]);
});

test('a topic that everybody has left begins in another epoch', async () => {
	const { connect, tick } = await here({ grace: 0 });
	const epochs: unknown[] = [];
	for (let round = 0; round < 2; round += 1) {
		const ada = await connect('ada');
		await ada.send(ask(1, 'online'));
		epochs.push(ada.take()[0]!['epoch']);
		await ada.leave();
		await tick();
	}

	expect(new Set(epochs).size).toBe(2);
});

test('a page is rendered with who is there, and lists nobody', async () => {
	const { kernel, connect, list } = await here();
	await (await connect('ada')).send(ask(1, 'online'));
	const request = { url: '/', headers: {}, ip: '127.0.0.1', origin: undefined };

	const seed = await kernel.use('streams').load('app/online', [], request);

	expect(seed).toMatchObject({ value: [{ key: 'ada' }], merge: 'presence', key: 'key' });
	expect(await list()).toEqual(['ada']);
});

// --- the service ---

test('the service lists, changes and lets go of a connection of the app’s own', async () => {
	const { kernel, connect, presence } = await here();
	const ada = await connect('ada');
	const { connection } = ada;
	presence.join('desk', connection, { at: 1 });
	presence.join('desk', connection, { at: 2 });
	expect(presence.update('desk', connection, { at: 3 })).toBe(true);
	expect(await presence.list('desk')).toEqual([{ key: 'ada', data: { at: 3 } }]);
	expect(await presence.count('desk')).toBe(1);

	presence.leave('desk', connection);
	await kernel.clock.advance(GRACE * 2);
	expect(await presence.count('desk')).toBe(1);
	presence.leave('desk', connection);
	presence.leave('desk', connection);
	await kernel.clock.advance(GRACE);

	expect(await presence.count('desk')).toBe(0);
	expect(presence.update('desk', connection, {})).toBe(false);
});

test('a connection that closes leaves whatever it was listed in', async () => {
	const { kernel, connect, presence } = await here();
	const ada = await connect('ada');
	presence.join('a', ada.connection);
	presence.join('b', ada.connection);
	await ada.leave();
	presence.join('c', ada.connection);
	await kernel.clock.advance(GRACE);

	for (const topic of ['a', 'b', 'c']) expect(await presence.count(topic)).toBe(0);
});

test('what was listed does not change with the object that it was listed with', async () => {
	const { connect, presence } = await here();
	const data = { name: 'Ada' };
	presence.join('a', (await connect('ada')).connection, data);
	data.name = 'Eve';

	expect(await presence.list('a')).toMatchObject([{ data: { name: 'Ada' } }]);
});

test.each(['', 'a\nb', 'a\u0000', '__presence:a', 'x'.repeat(257)])(
	'nobody is listed in the topic %j',
	async (topic) => {
		const { connect, presence } = await here();
		const { connection } = await connect('ada');

		expect(() => presence.join(topic, connection)).toThrow(
			expect.objectContaining({ code: 'INVALID_TOPIC' })
		);
	}
);

test('a topic name with control characters from a client’s arguments is refused', async () => {
	const { connect, list } = await here();
	const ada = await connect('ada');
	await ada.send(ask(1, 'board', ['a\nb']), ask(2, 'board', [`a\u202eb`]));

	expect(ada.take()).toMatchObject([
		{ id: 1, error: { code: 'INVALID_TOPIC' } },
		{ id: 2, error: { code: 'INVALID_TOPIC' } }
	]);
	expect(await list('board:a\nb')).toEqual([]);
});

test('presence works alone, without streams', async () => {
	const kernel = await startKernel([presence()]);
	const ada = await kernel.connect(user('ada'));
	kernel.use('presence').join('a', ada.connection, { name: 'Ada' });

	expect(await kernel.use('presence').list('a')).toEqual([{ key: 'ada', data: { name: 'Ada' } }]);
	await ada.send(say(1, {}));
	expect(ada.take()).toMatchObject([{ error: { code: 'INVALID_REQUEST' } }]);
});

test('a declaration without the plugin says what is missing', async () => {
	const without = ['presence', 'groups']; // groups cannot do without it
	const list: ReturnType<typeof single> = single().filter(({ name }) => !without.includes(name));
	const kernel = await startKernel(list);
	kernel.use('rpc').mount({ app: { online: live.presence('lobby') } });
	const ada = await kernel.connect();
	await ada.send(ask(1, 'online'));

	expect(ada.take()).toMatchObject([{ error: { code: 'INTERNAL_ERROR' } }]);
	expect(takeErrors(kernel)).toEqual(['rpc RT_CAPABILITY_MISSING']);
});

test.each([
	{ entries: 0 },
	{ grace: -1 },
	{ interval: Number.NaN },
	{ bytes: 1.5 },
	{ heartbeat: 0 },
	{ heartbeat: 1000, ttl: 1000 }
])('the options %j are refused', (options) => {
	expect(() => presence(options)).toThrow(expect.objectContaining({ code: 'RT_OPTION_INVALID' }));
});

// --- bounds ---

test('past the bound those in grace leave first, the oldest before the others', async () => {
	const { connect, list } = await here({ entries: 3 });
	const [ada, bob] = [await connect('ada'), await connect('bob'), await connect('cy')];
	const cy = await connect('cy');
	for (const one of [ada, bob, cy]) await one!.send(ask(1, 'online'));
	await bob!.leave();
	await ada!.leave();

	await (await connect('dora')).send(ask(1, 'online'));

	expect(await list()).toEqual(['ada', 'cy', 'dora']);
});

test('past the bound who comes watches, and is told that there is no room', async () => {
	const counted: string[] = [];
	const count = definePlugin({
		name: 'count',
		setup: ({ hook }) => void hook('limited', ({ limit }) => void counted.push(limit))
	});
	const { connect, list, tick } = await here({ entries: 1 }, [count]);
	const ada = await connect('ada');
	await ada.send(ask(1, 'online'));
	const bob = await connect('bob');

	await bob.send(ask(1, 'online'));
	await bob.send(say(1));

	expect(bob.take()).toMatchObject([
		{ type: 'stream:snapshot', data: [{ key: 'ada' }] },
		{ type: 'presence:self', key: 'bob', error: { code: 'SERVICE_UNAVAILABLE' } }
	]);
	expect(counted).toEqual(['presence.entries']);
	await ada.send(say(1, { typing: true }));
	await tick();
	expect(diffs(bob)).toMatchObject([{ updates: [{ key: 'ada' }] }]);
	expect(await list()).toEqual(['ada']);
});

test('a member that comes back within its grace time takes nobody else’s place', async () => {
	const { connect, list } = await here({ entries: 2 });
	const [ada, bob] = [await connect('ada'), await connect('bob')];
	await ada.send(ask(1, 'online'));
	await bob.send(ask(1, 'online'));
	await ada.leave();
	await bob.leave();

	await (await connect('bob')).send(ask(1, 'online'));

	expect(await list()).toEqual(['ada', 'bob']);
});

test('a flood of joins and leaves keeps no more than its bound', async () => {
	const { connect, kernel, presence } = await here({ entries: 100 });
	const seen = new Set<number>();
	let refused = 0;
	for (let n = 0; n < 300; n += 1) {
		const one = await connect(n);
		for (let topic = 0; topic < 3; topic += 1) {
			try {
				presence.join(`t${topic}`, one.connection, { n });
			} catch {
				refused += 1;
			}
		}
		if (n % 2) await one.leave();
		const counts = [0, 1, 2].map((topic) => presence.count(`t${topic}`) as number);
		seen.add(counts[0]! + counts[1]! + counts[2]!);
	}
	expect(Math.max(...seen)).toBeLessThanOrEqual(100);
	expect(refused).toBeGreaterThan(300);

	await kernel.clock.advance(GRACE + TICK);
	expect(takeErrors(kernel)).toEqual([]);
});

test('data that is too large lists nobody, and is reported', async () => {
	const { kernel, connect, list } = await here();
	const data = (): object => ({ text: 'x'.repeat(5000) });
	kernel.use('rpc').mount({ app: { large: live.presence('lobby', { data }) } });
	const ada = await connect('ada');
	await ada.send(ask(1, 'large'));

	expect(ada.take()).toMatchObject([{ type: 'stream:snapshot', data: [] }]);
	expect(takeErrors(kernel)).toMatchObject([expect.stringContaining('4096 bytes')]);
	expect(await list()).toEqual([]);
});

// --- instances and time ---

/** Two instances on one store, which the second one may reach late or not at all. */
async function twoInstances(wrap: (store: PresenceStore) => PresenceStore = (store) => store) {
	const clock = new VirtualClock();
	const memory = memoryPresence(clock);
	const make = async (name: string, change: typeof wrap) => {
		const store = provided('presence.store', change(memory.store(name)));
		const list = [...single(), store] as ReturnType<typeof single>;
		const kernel = await startKernel(list);
		kernel.use('rpc').mount({ app: { online: live.presence('lobby') } });
		return kernel;
	};
	const a = await make('a', (store) => store);
	const b = await make('b', wrap);
	return { a, b, clock };
}

test('members of two instances see each other', async () => {
	const { a, b } = await twoInstances();
	const ada = await a.connect(user('ada'));
	const bob = await b.connect(user('bob'));
	await ada.send(ask(1, 'online'));
	await bob.send(ask(1, 'online'));

	expect(diffs(ada)).toMatchObject([{ joins: [{ key: 'ada' }] }, { joins: [{ key: 'bob' }] }]);
	expect(await a.use('presence').count('lobby')).toBe(2);
	await b.shutdown();
	expect(diffs(ada)).toEqual([{ leaves: ['bob'] }]);
});

test('members of an instance that dies leave when its ttl is over', async () => {
	const { a, b, clock } = await twoInstances();
	const ada = await a.connect(user('ada'));
	await ada.send(ask(1, 'online'));
	await (await b.connect(user('bob'))).send(ask(1, 'online'));
	ada.take();

	for (let beat = 0; beat < 3; beat += 1) {
		expect(diffs(ada)).toEqual([]);
		await clock.advance(30_000);
		await a.clock.advance(30_000);
	}

	expect(diffs(ada)).toEqual([{ leaves: ['bob'] }]);
});

test('an instance that was thought dead puts its members again', async () => {
	const { a, b, clock } = await twoInstances();
	const ada = await a.connect(user('ada'));
	await ada.send(ask(1, 'online'));
	await (await b.connect(user('bob'))).send(ask(1, 'online'));
	await clock.advance(80_000);
	await a.clock.advance(30_000);
	await clock.advance(80_000);
	await a.clock.advance(30_000);
	expect(await a.use('presence').count('lobby')).toBe(1);

	await b.clock.advance(30_000);

	expect(await a.use('presence').count('lobby')).toBe(2);
});

test('an instance that hears of its end when it changes something puts its members again', async () => {
	const { a, b, clock } = await twoInstances();
	await (await b.connect(user('bob'))).send(ask(1, 'online'));
	await clock.advance(91_000);
	await a.clock.advance(30_000);
	expect(await a.use('presence').count('lobby')).toBe(0);

	await b.clock.advance(TICK);
	await (await b.connect(user('cy'))).send(ask(1, 'online'));
	await b.clock.advance(TICK);

	expect(await a.use('presence').count('lobby')).toBe(2);
});

test('what a store did not take is told it again with the next heartbeat', async () => {
	let isDown = false;
	const { a, b } = await twoInstances((store) => ({
		...store,
		apply: (topic, changes) =>
			isDown ? Promise.reject(new Error('down')) : Promise.resolve(store.apply(topic, changes))
	}));
	isDown = true;
	await (await b.connect(user('bob'))).send(ask(1, 'online'));
	await (await b.connect(user('cy'))).send(ask(1, 'online'));
	await b.clock.advance(TICK);
	expect(await a.use('presence').count('lobby')).toBe(0);
	await b.clock.advance(20_000);
	expect(takeErrors(b)).toEqual(['presence Error: down', 'presence Error: down']);

	isDown = false;
	await b.clock.advance(10_000);

	expect(await a.use('presence').count('lobby')).toBe(2);
});

test('a store that starts again in another epoch brings every follower up to date', async () => {
	let listener: Parameters<PresenceStore['follow']>[1] | undefined;
	const { b } = await twoInstances((store) => ({
		...store,
		follow: async (topic, given) => {
			listener = given;
			return store.follow(topic, given);
		}
	}));
	const bob = await b.connect(user('bob'));
	await bob.send(ask(1, 'online'));
	bob.take();

	listener!.replaced({ epoch: 'new', seq: 4, members: [{ key: 'zoe', data: {} }] });

	expect(bob.take()).toMatchObject([{ type: 'event', epoch: 'new', seq: 4 }]);
	await bob.send(ask(2, 'online', [], { epoch: 'old', seq: 4 }));
	const zoe = { type: 'stream:snapshot', data: [{ key: 'zoe' }], seq: 4, reset: 'epoch' };
	expect(bob.take()).toMatchObject([zoe]);
});

test('a connection that went without a word is found by the heartbeat', async () => {
	const { kernel, connect, list } = await here();
	const ada = await connect('ada');
	await ada.send(ask(1, 'online'));
	ada.socket.onClose = undefined;
	ada.connection.detach();
	expect(ada.connection.isOpen).toBe(false);

	await kernel.clock.advance(30_000 + GRACE);

	expect(await list()).toEqual([]);
	kernel.close(ada.connection, 1006, '');
	ada.socket.end(1006, '');
});

test('a server that ends takes its members out, and leaves no timer behind', async () => {
	const { kernel, connect, presence } = await here();
	await (await connect('ada')).send(ask(1, 'online'));
	await (await connect('bob')).send(ask(1, 'online'));

	await kernel.shutdown();

	expect(await presence.count('lobby')).toBe(0);
	expect(kernel.clock.pending).toBe(0);
});
