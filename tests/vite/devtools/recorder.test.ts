import { live, LiveError } from 'svelte-realtime';
import { settle, VirtualClock } from 'svelte-realtime/testing';
import { afterEach, expect, test } from 'vitest';
import { binaryStub } from '../../../plugins/binary/client.ts';
import { batch, rpcClient, type RpcClient } from '../../../plugins/rpc/client.ts';
import type { CallRecord } from '../../../vite/devtools/recorder/calls.ts';
import { createTopics } from '../../../vite/devtools/recorder/topics.ts';
import { event, FakeSocket, snapshot } from '../../client/fake-server.ts';
import { network } from '../../client/network.ts';
import { recordedByHand, recordedIn } from './recorded.ts';

// --- calls ---

test('a call is there from its beginning to its end, with arguments and result', async () => {
	const { recorder, call, clock, ...bench } = recordedByHand();
	void call('math/add', 1, { b: 2 });

	expect(recorder.calls.list()).toMatchObject([
		{ path: 'math/add', state: 'waiting', args: [1, { b: 2 }], ms: undefined, travels: [] }
	]);
	await bench.open();
	expect(recorder.calls.list()).toMatchObject([{ state: 'sent', travels: [{ calls: 1 }] }]);
	await clock.advance(40);
	bench.socket().deliver({ type: 'reply', id: 1, data: 3 });
	await settle();

	expect(recorder.calls.list()).toMatchObject([{ state: 'done', result: 3, ms: 40 }]);
	expect(recorder.calls.pending).toBe(0);
});

test('arguments are shown as they were sent, and results as they arrived, whatever becomes of the objects', async () => {
	const { recorder, call, kernel, ...bench } = recordedByHand();
	// Until it is there, arguments that need it are taken when they are sent.
	await kernel.values.load();
	const draft = { text: 'Hello', at: new Date(0) };
	const result = call('chat/send', draft);
	await bench.open();
	await settle();
	draft.text = '';
	bench.socket().deliver({ type: 'reply', id: 1, data: { id: 7 } });
	((await result) as { id: number }).id = 8;

	const [{ args, result: shown } = {}] = recorder.calls.list() as Partial<CallRecord>[];
	expect(args).toEqual([{ text: 'Hello', at: new Date(0) }]);
	expect(shown).toEqual({ id: 7 });
});

test('an error is there with its code, issues and what to wait for', async () => {
	const net = await network({
		a: {
			fails: live(async () => {
				throw new LiveError('FULL', 'No room.', { retryAfter: 500 });
			})
		}
	});
	const { recorder, call } = recordedIn(net);
	const failing = call('a/fails');
	await net.clock.advance(0);
	await expect(failing).rejects.toThrow();

	expect(recorder.calls.list()).toMatchObject([
		{ state: 'failed', error: { code: 'FULL', message: 'No room.', retryAfter: 500 } }
	]);
});

test('a call that the client gives up by itself has ended as well', async () => {
	const { recorder, call, clock, kernel } = recordedByHand();
	void call('a/b');
	await clock.advance(30_000);
	kernel.connection.close();
	void call('a/c');
	await settle();

	const ended = recorder.calls.list().map(({ path, error }) => `${path} ${error?.code}`);
	expect(ended).toEqual(['a/c CONNECTION_CLOSED', 'a/b TIMEOUT']);
});

test('the last 100 calls are remembered, and all that run', async () => {
	const { recorder, call, ...bench } = recordedByHand();
	void call('a/running');
	await bench.open();
	for (let id = 2; id <= 131; id += 1) {
		void call('a/over', id);
		await settle();
		bench.socket().deliver({ type: 'reply', id });
	}
	await settle();

	const list = recorder.calls.list();
	expect(list).toHaveLength(101);
	expect(list[0]).toMatchObject({ number: 131, args: [131] });
	expect(list.at(-2)).toMatchObject({ number: 32 });
	expect(list.at(-1)).toMatchObject({ path: 'a/running', state: 'sent' });
	recorder.calls.clear();
	expect(recorder.calls.list()).toHaveLength(1);
});

test('the calls of a batch travel in one message, each after the one before it', async () => {
	const { recorder, call, kernel, ...bench } = recordedByHand();
	void call('a/first');
	await bench.open();

	void batch(kernel, () => [call('a/b'), call('a/c')] as const, { sequential: true });
	await settle();

	const [second, first] = recorder.calls.list();
	expect(second!.travels).toEqual(first!.travels);
	expect(second!.travels).toMatchObject([{ calls: 2, isLost: false }]);
	expect([first!.after, second!.after]).toEqual([undefined, first!.id]);
	expect(
		bench
			.socket()
			.of('rpc')
			.map(({ path }) => path)
	).toEqual(['a/first', 'a/b', 'a/c']);
});

test('an upload is a call with its size', async () => {
	const { recorder, kernel, ...bench } = recordedByHand();
	const create: RpcClient['create'] = (...asked) => rpcClient(kernel).create(...asked);
	const done = binaryStub({ kernel, create }, 'files/store')(new Uint8Array(5), 'note.txt');
	await bench.open();
	bench.socket().deliver({ type: 'reply', id: 1, data: 'stored' });
	await done;

	const [record] = recorder.calls.list();
	expect(record).toMatchObject({ path: 'files/store', state: 'done', upload: 5 });
	expect([record!.args, record!.result]).toEqual([['note.txt'], 'stored']);
});

test('a rejection that nobody catches is still heard by the page', async () => {
	const { recorder, kernel, ...bench } = recordedByHand();
	const others = process.listeners('unhandledRejection');
	process.removeAllListeners('unhandledRejection');
	const heard = new Promise((resolve) => process.once('unhandledRejection', resolve));
	try {
		void rpcClient(kernel).call('a/b', []);
		await bench.open();
		bench.socket().deliver({ type: 'reply', id: 1, error: { code: 'FORBIDDEN', message: 'No.' } });

		expect(await heard).toMatchObject({ code: 'FORBIDDEN' });
		expect(recorder.calls.list()).toMatchObject([{ error: { code: 'FORBIDDEN' } }]);
	} finally {
		for (const listener of others) process.on('unhandledRejection', listener);
	}
});

// --- streams ---

test('a stream is there with its readers, its position and its answers, for as long as it is read', async () => {
	const { recorder, stream, ...bench } = recordedByHand();
	const leave = [1, 2].map(() => stream('chat/messages').subscribe(() => {}));
	await bench.open();
	bench.socket().deliver(snapshot(1, [{ id: 1 }], 4, { hasMore: true, pages: 2 }));
	await settle();

	const [record] = recorder.streams.list();
	expect(record).toMatchObject({ path: 'chat/messages', args: [], readers: 2, events: 0 });
	expect(record!.follower).toMatchObject({
		topic: 't',
		connected: true,
		position: { epoch: 'e', seq: 4 },
		options: { merge: 'crud', hasMore: true, pages: 2 }
	});
	bench.socket().deliver(event('created', { id: 2 }, 5));
	leave[0]!();
	// Leaving twice is leaving once.
	leave[0]!();
	expect(record!.follower.position).toMatchObject({ seq: 5 });
	expect(record).toMatchObject({ readers: 1, events: 1, answers: [{ kind: 'snapshot' }] });

	leave[1]!();
	await settle();
	expect(recorder.streams.list()).toEqual([]);
});

test('why a stream was loaded anew is among its answers', async () => {
	const { recorder, stream, clock, ...bench } = recordedByHand();
	stream('chat/messages').subscribe(() => {});
	await bench.open();
	bench.socket().deliver(snapshot(1, []));
	bench.socket().end();
	await clock.advance(1000);
	await bench.open();
	bench.socket().deliver(snapshot(2, [], 9, { epoch: 'f', reset: 'epoch' }));

	const kinds = recorder.streams.list()[0]!.answers.map(({ kind, reset }) => [kind, reset]);
	expect(kinds).toEqual([
		['snapshot', undefined],
		['snapshot', 'epoch']
	]);
});

// --- topics ---

test('rates are those of the last ten seconds', async () => {
	const clock = new VirtualClock(5000);
	const topics = createTopics(clock);
	for (let frame = 1; frame <= 20; frame += 1) topics.heard('a', 'created', 50, frame);
	await clock.advance(9000);
	topics.heard('b', 'set', 1000);

	expect(topics.list()).toMatchObject([
		{ topic: 'a', frames: 2, bytes: 100, total: 20, latest: 'created', seq: 20 },
		{ topic: 'b', frames: 0.1, bytes: 100, total: 1, seq: undefined }
	]);
	expect(topics.list()[0]!.seconds).toEqual([20, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
	await clock.advance(1000);
	expect(topics.list()).toMatchObject([{ frames: 0, bytes: 0, total: 20 }, { frames: 0.1 }]);
});

test('of the topics those that were heard last are remembered', () => {
	const topics = createTopics(new VirtualClock());
	for (let each = 0; each < 600; each += 1) topics.heard(`t${each}`, 'e', 1);

	const names = topics.list().map(({ topic }) => topic);
	expect(names).toHaveLength(500);
	expect(names).toContain('t100');
	expect(names).not.toContain('t99');
});

test('frames are counted for their topic with their own bytes, also in a message of several', async () => {
	const { recorder, stream, ...bench } = recordedByHand();
	stream('chat/messages').subscribe(() => {});
	await bench.open();
	const before = recorder.wire.bytesIn;
	bench.socket().deliver(snapshot(1, []), event('created', { id: 'ä' }, 1));
	await settle();

	const bytes = [snapshot(1, []), event('created', { id: 'ä' }, 1)].map((frame) =>
		Buffer.byteLength(JSON.stringify(frame))
	);
	const [topic] = recorder.topics.list();
	expect(topic).toMatchObject({ total: 2, latest: 'created', seq: 1 });
	expect(topic!.bytes * 10).toBeCloseTo(bytes[0]! + bytes[1]!);
	// A comma and two brackets.
	expect(recorder.wire.bytesIn - before).toBe(bytes[0]! + bytes[1]! + 3);
});

// --- the connection ---

test('the states of the connection are remembered, with attempts and reasons', async () => {
	const { recorder, call, clock, ...bench } = recordedByHand();
	void call('a/b');
	await bench.open();
	bench.socket().end(1012, 'restart');
	await clock.advance(60_000);

	expect(recorder.wire.history).toMatchObject([
		{ status: 'idle', attempt: 0 },
		{ status: 'connecting', attempt: 0 },
		{ status: 'open', attempt: 0 },
		{ status: 'reconnecting', attempt: 1, closed: '1012 restart' },
		...recorder.wire.history.slice(4).map(() => ({ status: 'reconnecting' }))
	]);
	expect(recorder.wire.session).toMatch(/^\d+(-\d+){3}$/);
});

const { WebSocket } = globalThis;
afterEach(() => void Object.assign(globalThis, { WebSocket }));

test('of the constructor of the page only the sockets of the client are recorded', async () => {
	Object.assign(globalThis, { WebSocket: FakeSocket });
	const { kernel, recorder, call } = recordedByHand();
	delete kernel.options.WebSocket;
	const before = { ...recorder.wire };

	const Page = globalThis.WebSocket as unknown as typeof FakeSocket;
	const other = new Page('ws://elsewhere/hmr');
	const own = new Page('ws://test/ws');

	expect(other).toBeInstanceOf(Page);
	expect(other.constructor).toBe(FakeSocket);
	expect(own).not.toBeInstanceOf(FakeSocket);
	other.send('{}');
	expect(recorder.wire.messagesOut).toBe(before.messagesOut);
	own.send('{"type":"rpc"}');
	expect(recorder.wire.messagesOut).toBe(before.messagesOut + 1);
	void call;
});

test('the client still sees that the app has named no constructor', async () => {
	const { kernel } = recordedByHand();
	const { WebSocket: given } = kernel.options;

	expect(given).toBeDefined();
	expect(kernel.options.WebSocket).toBe(given);
	Object.assign(kernel.options, { WebSocket: undefined });
	expect(kernel.options.WebSocket).toBeUndefined();
});
