import * as v from 'valibot';
import { expect, test } from 'vitest';
import { live, type LiveContext, type LiveChannel } from 'svelte-realtime';
import type { Stub } from 'svelte-realtime/client';
import { outcome, settle } from './fake-server.ts';
import { seeded } from '../kernel/random.ts';
import { network, type Network } from './network.ts';

const Say = v.pipe(v.string(), v.trim(), v.nonEmpty());
const game = live.channel('game', { publish: true, events: { say: Say, move: null, over: null } });
const board = live.channel((_ctx, id: string) => `board:${id}`, {
	publish: ['say'],
	merge: 'latest',
	events: { say: Say, over: null }
});
const quiet = live.channel('quiet', { merge: 'none', events: { say: Say } });
const typing = live.channel('typing', { class: 'ephemeral', events: { typing: null } });

async function playing() {
	let ctx!: LiveContext;
	const touch = live((given) => void (ctx = given));
	const net = await network({ app: { game, board, quiet, typing, touch } });
	const client = net.client();
	await client.call('app/touch')();
	const channel = <C extends LiveChannel<any, any, any, any>>(name: string): Stub<C> =>
		client.channel<Stub<C>>(`app/${name}`);
	return { net, client, ctx, channel };
}

/** Both clocks go on. */
async function pass(net: Network, ms: number): Promise<void> {
	await net.clock.advance(ms);
	await net.kernel.clock.advance(ms);
	await settle();
}

test('a listener hears each event of its name once, in order', async () => {
	const { ctx, channel } = await playing();
	const heard: unknown[] = [];
	const store = channel<typeof game>('game');

	const stop = store.on('say', (text) => heard.push(['say', text]));
	store.on('move', (move) => heard.push(['move', move]));
	await settle();
	void game.publish(ctx, 'say', 'a');
	void game.publish(ctx, 'move', 1);
	void game.publish(ctx, 'say', 'b');
	await settle();
	expect(heard).toEqual([
		['say', 'a'],
		['move', 1],
		['say', 'b']
	]);
	expect(store.current).toBe('b');

	stop();
	stop();
	void game.publish(ctx, 'say', 'c');
	void game.publish(ctx, 'move', 2);
	await settle();

	expect(heard.slice(3)).toEqual([['move', 2]]);
});

test('several readers of one channel hear each event once each', async () => {
	const { ctx, channel, client } = await playing();
	const heard: unknown[] = [];
	const store = channel<typeof game>('game');
	const listener = (text: string) => heard.push(text);

	store.on('say', listener);
	const stop = store.on('say', listener);
	client.channel<Stub<typeof game>>('app/game').on('say', listener);
	store.subscribe(() => {});
	await settle();
	void game.publish(ctx, 'say', 'a');
	await settle();
	stop();
	void game.publish(ctx, 'say', 'b');
	await settle();

	expect(heard).toEqual(['a', 'a', 'a', 'b', 'b']);
});

test('what was missed is heard after the connection is back, once', async () => {
	const { net, ctx, channel } = await playing();
	const heard: unknown[] = [];
	channel<typeof game>('game').on('say', (text) => heard.push(text));
	await settle();
	void game.publish(ctx, 'say', 'a');
	await settle();

	net.cut();
	void game.publish(ctx, 'say', 'b');
	void game.publish(ctx, 'say', 'c');
	await pass(net, 3000);
	void game.publish(ctx, 'say', 'd');
	await settle();

	expect(heard).toEqual(['a', 'b', 'c', 'd']);
});

test.each(Array.from({ length: 12 }, (_, seed) => seed + 1))(
	'whatever the network does, everything is heard once, in order (%i)',
	async (seed) => {
		const { net, ctx, channel } = await playing();
		const random = seeded(seed);
		const heard: unknown[] = [];
		channel<typeof game>('game').on('move', (n) => heard.push(n));
		await settle();
		net.fate = () => (random() < 0.1 ? 'lost' : 'arrives');

		for (let n = 0; n < 60; n += 1) {
			void game.publish(ctx, 'move', n);
			if (random() < 0.5) await settle();
			if (random() < 0.1) net.cut({ deaf: random() < 0.5 });
			if (random() < 0.2) await pass(net, 3000 * random());
		}
		net.fate = () => 'arrives';
		await pass(net, 60_000);
		await pass(net, 60_000);

		expect(heard).toEqual(Array.from({ length: 60 }, (_, n) => n));
	}
);

test('an event that comes twice is heard once, and a gap is filled in order', async () => {
	const { net, ctx, channel } = await playing();
	const heard: unknown[] = [];
	channel<typeof game>('game').on('say', (text) => heard.push(text));
	await settle();
	const [connection] = net.kernel.connections;
	const send = connection!.send.bind(connection);

	// The client is sent what it has already, and then something too early.
	void game.publish(ctx, 'say', 'a');
	await settle();
	const frame = JSON.parse(net.messages.at(-1)!) as { seq: number; data: unknown };
	send(JSON.stringify(frame));
	send(JSON.stringify({ ...frame, seq: frame.seq + 2, data: 'never' }));
	void game.publish(ctx, 'say', 'b');
	await settle();

	expect(heard).toEqual(['a', 'b']);
});

test('a listener that fails keeps nothing from the others', async () => {
	const { ctx, channel } = await playing();
	const heard: unknown[] = [];
	const shown: unknown[] = [];
	const { error } = console;
	console.error = (...all: unknown[]) => void shown.push(...all);
	const store = channel<typeof game>('game');
	store.on('say', () => {
		throw new Error('not now');
	});
	store.on('say', (text) => heard.push(text));
	await settle();

	void game.publish(ctx, 'say', 'a');
	await settle();
	console.error = error;

	expect(heard).toEqual(['a']);
	expect(shown).toEqual([new Error('not now')]);
	expect(store.error).toBeUndefined();
});

test('a name that the channel does not have is refused once the channel is known', async () => {
	const { channel } = await playing();
	const store = channel<typeof game>('game');
	store.subscribe(() => {});
	await settle();

	expect(() => store.on('jump' as 'say', () => {})).toThrow(
		expect.objectContaining({ code: 'INVALID_REQUEST' })
	);
});

test('a listener follows the channel, and nobody does when the last has gone', async () => {
	const { net, channel } = await playing();
	const stop = channel<typeof game>('game').on('say', () => {});
	await settle();
	const follows = () => net.messages.filter((text) => text.includes('"stream')).length;
	expect(follows()).toBe(2);

	stop();
	await settle();

	expect(net.messages.at(-1)).toContain('stream:end');
});

test('a page publishes what the channel lets it, and is told what is wrong', async () => {
	const { channel } = await playing();
	const kitchen = channel<typeof board>('board')('kitchen');
	const heard: unknown[] = [];
	kitchen.on('say', (text) => heard.push(text));
	await settle();

	const said = kitchen.publish('say', ' hi ');
	const wrong = kitchen.publish('say', ' ');
	const forbidden = kitchen.publish('over' as 'say', 'x');
	const refused = Promise.allSettled([wrong, forbidden]);
	await settle();

	expect(await outcome(said)).toBeUndefined();
	expect(await refused).toMatchObject([
		{ reason: { code: 'VALIDATION' } },
		{ reason: { code: 'FORBIDDEN' } }
	]);
	expect(heard).toEqual(['hi']);
	expect(kitchen.current).toEqual(['hi']);
	expect(channel<typeof board>('board')('kitchen')).toBe(kitchen);
});

test('what is published when the answer is lost is published once', async () => {
	const { net, channel } = await playing();
	const store = channel<typeof game>('game');
	const heard: unknown[] = [];
	store.on('say', (text) => heard.push(text));
	await settle();
	const before = net.messages.length;
	net.fate = (index) =>
		index > before && net.messages[index]!.includes('"reply"') ? 'lost' : 'arrives';

	const said = store.publish('say', 'once');
	await settle();
	net.fate = () => 'arrives';
	await pass(net, 3000);

	expect(await outcome(said)).toBeUndefined();
	expect(heard).toEqual(['once']);
});

test('a channel without a value is only heard', async () => {
	const { ctx, channel } = await playing();
	const store = channel<typeof quiet>('quiet');
	const heard: unknown[] = [];
	store.on('say', (text) => heard.push(text));
	await settle();

	void quiet.publish(ctx, 'say', 'a');
	await settle();

	expect(heard).toEqual(['a']);
	expect(store.current).toBeNull();
});

test('an ephemeral channel is heard while somebody is there', async () => {
	const { net, ctx, channel } = await playing();
	const heard: unknown[] = [];
	channel<typeof typing>('typing').on('typing', (who) => heard.push(who));
	await settle();
	void typing.publish(ctx, 'typing', 'a');
	await settle();
	net.cut();
	void typing.publish(ctx, 'typing', 'missed');
	await pass(net, 3000);
	void typing.publish(ctx, 'typing', 'b');
	await settle();

	expect(heard).toEqual(['a', 'b']);
});

test('what is shown before it is confirmed is not heard', async () => {
	const { ctx, channel } = await playing();
	const store = channel<typeof game>('game');
	const heard: unknown[] = [];
	store.on('say', (text) => heard.push(text));
	await settle();

	const operation = store.optimistic('say', 'soon');
	await settle();
	expect(store.current).toBe('soon');
	operation.rollback();
	void game.publish(ctx, 'say', 'now');
	await settle();

	expect(heard).toEqual(['now']);
});
