import { createClient, LiveError } from 'svelte-realtime/client';
import { expect, test } from 'vitest';
import { bench, outcome, settle } from './fake-server.ts';

test('a client connects on its first call and not before', async () => {
	const { client, sockets, open } = bench();
	await settle();
	expect(sockets).toHaveLength(0);

	const answer = client.call('chat/send')('hi');
	const socket = await open();
	socket.deliver({ type: 'reply', id: 1, data: { ok: true } });

	expect(socket.url).toBe('ws://test/ws');
	expect(socket.frames).toEqual([{ type: 'rpc', id: 1, path: 'chat/send', args: ['hi'] }]);
	expect(await answer).toEqual({ ok: true });
});

test('nothing is sent before the server has said welcome', async () => {
	const { client, sockets } = bench();
	void client.call('a')();
	await settle();

	expect(sockets[0]!.messages).toEqual([]);
});

test('calls of one microtask travel in one message, and identical ones stay apart', async () => {
	const { client, open } = bench();
	const call = client.call('a');
	void call(0);
	const socket = await open();

	void call(1);
	void call(1);
	await settle();

	expect(socket.messages).toHaveLength(2);
	expect((JSON.parse(socket.messages[1]!) as { args: unknown }[]).map((f) => f.args)).toEqual([
		[1],
		[1]
	]);
});

test('a message holds no more frames and bytes than the server takes', async () => {
	const { client, open } = bench();
	for (let i = 0; i < 7; i += 1) void client.call('a')('ä'.repeat(20));
	const socket = await open({ message: 300, batch: 3 });

	const sizes = socket.messages.map((text) => new TextEncoder().encode(text).byteLength);
	const counts = socket.messages.map((text) => [JSON.parse(text)].flat().length);
	expect(Math.max(...sizes)).toBeLessThanOrEqual(300);
	expect(Math.max(...counts)).toBeLessThanOrEqual(3);
	expect(socket.frames).toHaveLength(7);
});

test('messages are filled up to the last byte that the server takes', async () => {
	for (let limit = 150; limit < 200; limit += 1) {
		const { client, open } = bench();
		void client.call('a')('first');
		const socket = await open({ message: limit, batch: 50 });
		socket.messages.length = 0;
		for (let i = 0; i < 6; i += 1) void client.call('a')('x');
		await settle();

		const frame = '{"type":"rpc","id":1,"path":"a","args":["x"]}'.length;
		const fits = Math.max(1, Math.floor((limit - 1) / (frame + 1)));
		expect([JSON.parse(socket.messages[0]!)].flat()).toHaveLength(fits);
		expect(Math.max(...socket.messages.map((m) => m.length))).toBeLessThanOrEqual(limit);
	}
});

test('a call larger than a message is rejected with PAYLOAD_TOO_LARGE and not sent', async () => {
	const { client, open } = bench();
	const large = client.call('a')('x'.repeat(400));
	const small = client.call('a')('y');
	const socket = await open({ message: 300, batch: 50 });

	expect(await outcome(large)).toBe('PAYLOAD_TOO_LARGE');
	expect(socket.frames).toHaveLength(1);
	expect(await outcome(small)).toBe('pending');
});

test('a batch of more than 50 calls is refused before anything is sent', async () => {
	const { client, open } = bench();
	void client.call('a')();
	const socket = await open();
	const many = outcome(client.batch(() => Array.from({ length: 51 }, () => client.call('a')())));
	const none = client.batch(() => []);

	expect(await many).toBe('INVALID_REQUEST');
	expect(await none).toEqual([]);
	expect(socket.frames).toHaveLength(1);
});

test('a batch travels together and yields the results in order', async () => {
	const { client, open } = bench();
	const both = client.batch(() => [client.call('a')(), client.call('b')()]);
	const socket = await open();
	socket.deliver({ type: 'reply', id: 2, data: 'b' }, { type: 'reply', id: 1, data: 'a' });

	expect(socket.messages).toHaveLength(1);
	expect(await both).toEqual(['a', 'b']);
});

test('a batch whose function throws sends nothing', async () => {
	const { client, sockets } = bench();
	const failed = client.batch(() => {
		void client.call('a')();
		throw new TypeError('oops');
	});

	await expect(failed).rejects.toThrow('oops');
	await settle();
	expect(sockets).toHaveLength(0);
});

test('an error keeps its code, message, issues and retryAfter', async () => {
	const { client, open } = bench();
	const call = client.call('a')();
	const socket = await open();
	const issues = [{ message: 'Too short', path: ['name'] }];
	const wire = { code: 'RATE_LIMITED', message: 'Slow down.', issues, retryAfter: 500 };
	socket.deliver({ type: 'reply', id: 1, error: wire });

	const error = await call.catch((e: unknown) => e);
	expect(error).toBeInstanceOf(LiveError);
	expect(error).toMatchObject({ ...wire, retryable: true });
});

test('a call without an answer is rejected with TIMEOUT after 30 s', async () => {
	const { client, clock, open } = bench();
	const call = client.call('a')();
	const socket = await open();

	await clock.advance(29_999);
	expect(await outcome(call)).toBe('pending');
	await clock.advance(1);
	expect(await outcome(call)).toBe('TIMEOUT');
	socket.deliver({ type: 'reply', id: 1, data: 'late' });
});

test('a call that timed out while it waited for a connection is never sent', async () => {
	const { client, clock, open } = bench({ timeout: 1000 });
	const call = client.call('a')();
	await clock.advance(1000);
	const socket = await open();

	expect(await outcome(call)).toBe('TIMEOUT');
	expect(socket.frames).toEqual([]);
});

test('of calls that wait for a connection the oldest goes when there are too many', async () => {
	const { client, open } = bench({ queue: 2 });
	const calls = [1, 2, 3].map((n) => client.call('a')(n));
	const socket = await open();

	expect(await outcome(calls[0]!)).toBe('QUEUE_FULL');
	expect(socket.frames.map((frame) => frame.args)).toEqual([[2], [3]]);
});

test('a call that was sent is asked again after a lost connection, before one that was not', async () => {
	const { client, clock, sockets, open } = bench();
	const sent = client.call('a')(1);
	const first = await open();
	first.end();
	const waiting = client.call('a')(2);

	expect(await outcome(sent)).toBe('pending');
	expect(await outcome(waiting)).toBe('pending');
	await clock.advance(1000);
	const second = await open();
	expect(sockets).toHaveLength(2);
	expect(second.frames).toEqual([
		{ type: 'rpc', id: 1, path: 'a', args: [1], again: 'c1' },
		{ type: 'rpc', id: 2, path: 'a', args: [2] }
	]);
	const [session] = first.of('rpc:session') as { session?: string }[];
	expect(session!.session).toMatch(/^\d+-\d+-\d+-\d+$/);
	expect(second.of('rpc:session')).toEqual([session]);
});

test('after a final close code everything is rejected with CONNECTION_CLOSED', async () => {
	const { client, clock, sockets, open } = bench();
	const sent = client.call('a')(1);
	const socket = await open();
	socket.end(4503);
	const late = client.call('a')(2);

	expect(await outcome(sent)).toBe('CONNECTION_CLOSED');
	expect(await outcome(late)).toBe('CONNECTION_CLOSED');
	await clock.advance(100_000);
	expect(sockets).toHaveLength(1);
});

test('arguments are taken as they are at the time of the call', async () => {
	const { client, open } = bench();
	const input = { text: 'before' };
	void client.call('a')(input);
	input.text = 'after';
	const socket = await open();

	expect(socket.frames[0]!.args).toEqual([{ text: 'before' }]);
});

test('arguments left out at the end are not sent', async () => {
	const { client, open } = bench();
	void client.call('a')(undefined);
	void client.call('a')(1, undefined);
	const socket = await open();

	expect(socket.frames.map((frame) => frame.args)).toEqual([undefined, [1]]);
	expect(socket.messages[0]).not.toContain('devalue');
});

test('arguments that nothing can hold are rejected with INVALID_REQUEST, and others go on', async () => {
	const { client, open } = bench();
	const bad = client.call('a')(() => {});
	void client.call('a')('good');
	const socket = await open();
	await expect(bad).rejects.toMatchObject({ code: 'INVALID_REQUEST' });
	await settle();

	expect(socket.frames.map((frame) => frame.args)).toEqual([['good']]);
});

test('without an address, or a WebSocket, a call says what to configure', async () => {
	const nowhere = createClient({ WebSocket: class {} as never });
	const nothing = createClient({ url: 'ws://test' });
	const { WebSocket } = globalThis;
	// @ts-expect-error Node 20 has none, later versions and browsers do.
	delete globalThis.WebSocket;

	await expect(nowhere.call('a')()).rejects.toMatchObject({ code: 'RT_CLIENT_URL' });
	await expect(nothing.call('a')()).rejects.toMatchObject({ code: 'RT_CLIENT_WEBSOCKET' });
	if (WebSocket) globalThis.WebSocket = WebSocket;
});

test('a thousand clients live in one process, each with its own connection', async () => {
	const benches = Array.from({ length: 1000 }, () => bench());
	const calls = benches.map(({ client }, i) => client.call('a')(i));
	await settle();
	for (const { socket } of benches) socket.welcome();
	await settle();
	for (const { socket } of benches) {
		socket.deliver({ type: 'reply', id: 1, data: socket.frames[0]!.args });
	}

	expect(await Promise.all(calls)).toEqual(benches.map((_, i) => [i]));
});
