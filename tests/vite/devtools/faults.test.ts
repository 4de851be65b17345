import { live } from 'svelte-realtime';
import { settle } from 'svelte-realtime/testing';
import { expect, test } from 'vitest';
import type { ClientOptions } from 'svelte-realtime/client';
import { createFaults } from '../../../vite/devtools/recorder/faults.ts';
import { network, type Network } from '../../client/network.ts';
import { recordedByHand, recordedIn } from './recorded.ts';

/** A server with a list that calls add to. */
async function shop(): Promise<{ net: Network; runs: string[] }> {
	const runs: string[] = [];
	const items: { id: string }[] = [];
	const net = await network({
		shop: {
			items: live.stream('items', () => [...items], { merge: 'crud' }),
			add: live(async (ctx, id: string) => {
				runs.push(id);
				items.push({ id });
				ctx.publish('items', 'created', { id });
				return id;
			})
		}
	});
	return { net, runs };
}

/** Opens a stream, and keeps its value. */
async function follow(net: Network, path: string, options: ClientOptions = {}) {
	const client = recordedIn(net, options);
	let value: unknown;
	const leave = client.stream(path).subscribe((next) => (value = next));
	await net.clock.advance(0);
	return { ...client, leave, value: () => value };
}

test('an event that is lost is noticed with the next one, and the stream is whole again', async () => {
	const { net } = await shop();
	const { recorder, call, value } = await follow(net, 'shop/items');
	recorder.faults.drop.in.next = 1;

	await Promise.all([call('shop/add', 'a'), net.clock.advance(0)]);
	expect(value()).toEqual([]);
	await Promise.all([call('shop/add', 'b'), net.clock.advance(0)]);
	await net.clock.advance(0);

	expect(value()).toEqual([{ id: 'a' }, { id: 'b' }]);
	expect(recorder.faults.drop.in).toEqual({ share: 0, next: 0, count: 1 });
	expect(recorder.streams.list()[0]!.answers.map(({ kind }) => kind)).toEqual([
		'snapshot',
		'recovered'
	]);
});

test('what a connection cannot lose is not lost, whatever the share', () => {
	const faults = createFaults(() => 0);
	faults.drop.in.share = faults.drop.out.share = 1;
	const answers = ['reply', 'stream:snapshot', 'stream:recovered', 'stream:heads', 'welcome'];
	const questions = ['stream', 'stream:end', 'rpc:session', 'rpc:cancel', 'presence:update'];

	expect(answers.filter((type) => faults.loses('in', { type, id: 1, seq: 1 }))).toEqual([]);
	expect(questions.filter((type) => faults.loses('out', { type, id: 1 }))).toEqual([]);
	// Of a topic without a log, which nobody would miss.
	expect(faults.loses('in', { type: 'event', topic: 't', event: 'e' })).toBe(false);
	expect(faults.loses('in', { type: 'event', topic: 't', event: 'e', seq: 1 })).toBe(true);
	expect(faults.loses('out', { type: 'rpc', id: 1, path: 'a/b' })).toBe(true);
});

test('a share of the events is lost, by chance', () => {
	const chances = [0.1, 0.29, 0.3, 0.9];
	const faults = createFaults(() => chances.shift()!);
	faults.drop.in.share = 0.3;
	const frame = { type: 'event', seq: 1 };

	expect([1, 2, 3, 4].map(() => faults.loses('in', frame))).toEqual([true, true, false, false]);
	expect(faults.drop.in.count).toBe(2);
});

test('of a message with several calls the one that is lost is left out, and the others are answered', async () => {
	const { net, runs } = await shop();
	// No question whether anybody is there ends the connection, on which the call would be made again.
	const { recorder, call } = await follow(net, 'shop/items', { heartbeat: 0 });
	recorder.faults.drop.out.next = 1;

	const lost = call('shop/add', 'a');
	await Promise.all([call('shop/add', 'b'), net.clock.advance(0)]);

	expect(runs).toEqual(['b']);
	await net.clock.advance(30_000);
	await expect(lost).rejects.toMatchObject({ code: 'TIMEOUT' });
});

test('a call that is lost is made once, on the next connection', async () => {
	const { net, runs } = await shop();
	const { recorder, call } = await follow(net, 'shop/items');
	recorder.faults.drop.out.next = 1;
	const lost = call('shop/add', 'a');
	await net.clock.advance(0);
	expect(runs).toEqual([]);

	recorder.faults.cut();
	recorder.faults.resume();
	await net.clock.advance(0);

	expect(await lost).toBe('a');
	expect(runs).toEqual(['a']);
	expect(recorder.calls.list()[0]!.travels.map(({ isLost }) => isLost)).toEqual([true, false]);
});

test('while the network is cut no attempt reaches the server, and nothing that is queued is lost', async () => {
	const { net, runs } = await shop();
	const { kernel, recorder, call, value } = await follow(net, 'shop/items');
	const before = net.messages.length;

	recorder.faults.cut();
	const waiting = call('shop/add', 'a');
	await net.clock.advance(20_000);
	expect(kernel.status()).toBe('reconnecting');
	expect(kernel.connection.attempt).toBeGreaterThan(2);
	expect(net.messages).toHaveLength(before);

	recorder.faults.resume();
	await net.clock.advance(0);
	expect(await waiting).toBe('a');
	await net.clock.advance(0);
	expect(kernel.status()).toBe('open');
	expect(runs).toEqual(['a']);
	expect(value()).toEqual([{ id: 'a' }]);
});

test('a client that never connected does not begin because a cut is over', async () => {
	const { net } = await shop();
	const { kernel, recorder } = recordedIn(net);

	recorder.faults.cut();
	recorder.faults.resume();
	await net.clock.advance(0);

	expect(kernel.status()).toBe('idle');
});

test('messages come later, each way, and in order also when the delay becomes shorter', async () => {
	const { clock, recorder, call, kernel, ...bench } = recordedByHand();
	void call('a/first');
	await bench.open();
	const { faults } = recorder;

	faults.delay = 300;
	void call('a/second');
	await settle();
	faults.delay = 0;
	void call('a/third');
	await clock.advance(299);
	expect(
		bench
			.socket()
			.of('rpc')
			.map(({ path }) => path)
	).toEqual(['a/first']);
	await clock.advance(1);
	expect(
		bench
			.socket()
			.of('rpc')
			.map(({ path }) => path)
	).toEqual(['a/first', 'a/second', 'a/third']);

	faults.delay = 200;
	bench.socket().deliver({ type: 'reply', id: 1, data: 'one' });
	bench.socket().end(1012);
	await clock.advance(199);
	expect(kernel.status()).toBe('open');
	expect(recorder.calls.pending).toBe(3);
	await clock.advance(1);
	expect(recorder.calls.pending).toBe(2);
	expect(kernel.status()).toBe('reconnecting');
});

test('a delay is at most 10 seconds, after which a connection could not begin', () => {
	const faults = createFaults(() => 0);

	expect([60_000, -1, Number.NaN, 250].map((ms) => ((faults.delay = ms), faults.delay))).toEqual([
		10_000, 0, 0, 250
	]);
});

test('the latency is what a question and its answer took, delays included, and the page hears nothing of it', async () => {
	const { clock, recorder, call, kernel, ...bench } = recordedByHand();
	const pongs: unknown[] = [];
	kernel.hook('frame', (frame) => pongs.push(frame), 'pong');
	void call('a/first');
	await bench.open();
	recorder.faults.delay = 100;
	const { messagesIn, messagesOut } = recorder.wire;

	recorder.ping();
	await clock.advance(200);

	expect(recorder.wire.latencies).toEqual([200]);
	expect(bench.socket().pings).toBe(1);
	expect(pongs).toEqual([]);
	expect(recorder.wire).toMatchObject({ messagesIn, messagesOut });
});

test('the questions of the client itself are measured, and answered to it', async () => {
	const { clock, recorder, call, kernel, ...bench } = recordedByHand();
	const pongs: unknown[] = [];
	kernel.hook('frame', (frame) => pongs.push(frame), 'pong');
	void call('a/first').catch(() => {});
	await bench.open();

	await clock.advance(20_000);

	expect(recorder.wire.latencies).toEqual([0]);
	expect(pongs).toHaveLength(1);
});

test('all faults end together, and are in words as long as they last', async () => {
	const { net } = await shop();
	const { recorder, kernel } = await follow(net, 'shop/items');
	const { faults } = recorder;
	faults.delay = 50;
	faults.drop.in.share = 0.25;
	faults.drop.out.next = 2;
	faults.cut();
	expect(faults.describe()).toEqual([
		'cut',
		'50 ms later, each way',
		'25 % of the events are lost',
		'the next 2 of the calls are lost'
	]);

	faults.reset();
	await net.clock.advance(0);

	expect(faults.describe()).toEqual([]);
	expect(kernel.status()).toBe('open');
});
