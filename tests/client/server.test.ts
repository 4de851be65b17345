import { live, LiveError } from 'svelte-realtime';
import { createClient, type Client, type Stub, type WebSocketLike } from 'svelte-realtime/client';
import { single } from 'svelte-realtime/presets';
import { createTestKernel, settle } from 'svelte-realtime/testing';
import { afterEach, expect, test } from 'vitest';

const items: { id: number }[] = [];
let finish: (() => void) | undefined;

const chat = {
	double: live((_ctx, n: number) => n * 2),
	refuse: live(() => {
		throw new LiveError('CONFLICT', 'Taken.', { retryAfter: 5 });
	}),
	echo: live((_ctx, value: unknown) => value),
	messages: live.stream('chat', () => [...items]),
	slow: live.stream('chat', async () => {
		const loaded = [...items];
		await new Promise<void>((done) => (finish = done));
		return loaded;
	}),
	room: live.stream(
		(_ctx, name: string) => `room:${name}`,
		(_ctx, name) => [{ id: name }]
	)
};
type Chat = typeof chat;

const clients: Client[] = [];
afterEach(() => {
	for (const client of clients.splice(0)) client.close();
});

/** The real kernel, and clients whose sockets end in it. */
async function start() {
	items.length = 0;
	const kernel = await createTestKernel(single());
	kernel.use('rpc').mount({ chat });
	const sockets: { end(code: number, reason: string): void }[] = [];
	class Wire implements WebSocketLike {
		onmessage: ((event: never) => void) | null = null;
		onclose: ((event: never) => void) | null = null;
		onerror: ((event: never) => void) | null = null;
		readonly #socket = kernel.transport.socket();
		readonly #connection;

		constructor() {
			this.#socket.send = (payload) => {
				queueMicrotask(() => this.onmessage?.({ data: payload } as never));
				return 'sent';
			};
			this.#connection = kernel.open(this.#socket, {});
			this.#socket.onClose = (code, reason) => {
				kernel.close(this.#connection, code, reason);
				this.onclose?.({ code, reason } as never);
			};
			sockets.push(this.#socket);
		}

		send(text: string): void {
			kernel.message(this.#connection, text, Buffer.byteLength(text));
		}

		close(code = 1000): void {
			this.#socket.end(code, '');
		}
	}
	return {
		kernel,
		sockets,
		connect(): Client {
			const client = createClient({ url: 'ws://test', WebSocket: Wire, clock: kernel.clock });
			clients.push(client);
			return client;
		}
	};
}

test('calls are answered by the real kernel, with values and errors as they are', async () => {
	const { kernel, connect } = await start();
	const client = connect();

	expect(await client.call<Stub<Chat['double']>>('chat/double')(4)).toBe(8);
	const value = { at: new Date(1), ids: new Set([1n]), none: undefined };
	expect(await client.call('chat/echo')(value)).toEqual(value);
	await expect(client.call('chat/refuse')()).rejects.toMatchObject({
		code: 'CONFLICT',
		message: 'Taken.',
		retryAfter: 5
	});
	await expect(client.call('__proto__/constructor')()).rejects.toMatchObject({ code: 'NOT_FOUND' });
	expect(kernel.errors).toEqual([]);
});

test('two clients see the same stream change, across a slow load and a lost connection', async () => {
	const { kernel, sockets, connect } = await start();
	const publish = (id: number): void => {
		items.push({ id });
		void kernel.publish('chat', 'created', { id });
	};
	const seen: unknown[][] = [[], []];
	connect()
		.stream('chat/messages')
		.subscribe((value) => void seen[0]!.push(value));
	connect()
		.stream('chat/slow')
		.subscribe((value) => void seen[1]!.push(value));
	await settle();
	publish(1);
	publish(2);
	await settle();
	finish!();
	publish(3);
	await settle();
	const ids = (n: number): unknown => items.slice(0, n);
	expect(seen[0]).toEqual([undefined, [], ids(2), ids(3)]);
	expect(seen[1]!.at(-1)).toEqual(ids(3));

	sockets[0]!.end(1006, '');
	publish(4);
	publish(5);
	await kernel.clock.advance(1000);
	publish(6);
	await settle();
	expect(seen[0]!.slice(4)).toEqual([ids(5), ids(6)]);
	expect(kernel.errors).toEqual([]);
});

test('a page goes on from what the server loaded for it', async () => {
	const { kernel, connect } = await start();
	items.push({ id: 1 });
	void kernel.publish('chat', 'created', { id: 1 });
	const request = { url: '/', headers: {}, ip: '::1', origin: undefined };
	const seed = await kernel.use('streams').load('chat/messages', [], request);
	void kernel.publish('chat', 'created', { id: 2 });

	const seen: unknown[] = [];
	const stream = connect().stream<Stub<Chat['messages']>>('chat/messages');
	stream.hydrate(seed as never).subscribe((value) => void seen.push(value));
	await settle();
	expect(seen).toEqual([[{ id: 1 }], [{ id: 1 }, { id: 2 }]]);
	expect(kernel.errors).toEqual([]);
});

test('streams with arguments are followed apart, and end when they are left', async () => {
	const { kernel, connect } = await start();
	const room = connect().stream<Stub<Chat['room']>>('chat/room');
	const seen: unknown[] = [];
	const leave = room('a').subscribe((value) => void seen.push(value));
	room('b').subscribe(() => {});
	await settle();
	void kernel.publish('room:a', 'deleted', { id: 'a' });
	void kernel.publish('room:b', 'deleted', { id: 'a' });
	await settle();

	expect(seen).toEqual([undefined, [{ id: 'a' }], []]);
	leave();
	await settle();
	expect([kernel.transport.subscribers('room:a'), kernel.transport.subscribers('room:b')]).toEqual([
		0, 1
	]);
	expect(kernel.errors).toEqual([]);
});
