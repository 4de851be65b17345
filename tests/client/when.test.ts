import { createClient, empty, type StreamStore } from 'svelte-realtime/client';
import { writable } from 'svelte/store';
import { expect, test, vi } from 'vitest';
import { callPrototype } from '../../plugins/rpc/client.ts';
import { streamPrototype } from '../../plugins/streams/store.ts';
import { bench, event, outcome, settle, snapshot } from './fake-server.ts';

// Outside a browser Svelte's modules are the server's, in which nothing reacts. The browser's own is
// what this file is about, and it runs in Node as well.
const source = vi.hoisted(() => '../../node_modules/svelte/src');
vi.mock('svelte/reactivity', () => import(`${source}/reactivity/index-client.js`));
vi.mock('svelte/store', () => import(`${source}/store/index-client.js`));
const svelte = (await import(`${source}/internal/client/index.js`)) as {
	effect_root(run: () => void): () => void;
	user_effect(run: () => void): void;
	state<T>(value: T): { v: T };
	set<T>(signal: { v: T }, value: T): void;
	get<T>(signal: { v: T }): T;
};

function watch(store: StreamStore<unknown>): { seen: unknown[]; leave(): void } {
	const seen: unknown[] = [];
	return { seen, leave: store.subscribe((value) => void seen.push(value)) };
}

const types = (socket: { frames: { type: string }[] }): string[] =>
	socket.frames.map(({ type }) => type);

test('what a feature adds is there on stores, stubs and calls that were made before', () => {
	const client = createClient();
	const [stub, call] = [client.stream('s'), client.call('f')];
	const stores = [stub, stub('a'), stub.when(true)];

	Object.assign(streamPrototype, { probe: () => 'stream' });
	Object.assign(callPrototype, { probe: () => 'call' });

	const probed = (it: object): string => (it as { probe(): string }).probe();
	expect(stores.map(probed)).toEqual(['stream', 'stream', 'stream']);
	expect(probed(stub)).toBe('stream');
	expect(probed(call)).toBe('call');
	delete (streamPrototype as { probe?: unknown }).probe;
	delete (callPrototype as { probe?: unknown }).probe;
});

test('a stream whose condition does not hold is not followed, and undefined', async () => {
	const { client, sockets } = bench();
	const stream = client.stream('s').when(false);
	const { seen } = watch(stream);
	await settle();

	expect(sockets).toHaveLength(0);
	expect(seen).toEqual([undefined]);
	const { loading, ready, connected, stale, error } = stream;
	expect({ loading, ready, connected, stale, error }).toEqual({
		loading: false,
		ready: false,
		connected: false,
		stale: false,
		error: undefined
	});
	expect(await outcome(Promise.resolve(stream))).toBe(undefined);
});

test('a store as condition begins and ends the stream, and the whole store with it', async () => {
	const { client, open, sockets } = bench();
	const isVisible = writable<unknown>(0);
	const stream = client.stream('s').when(isVisible);
	const { seen, leave } = watch(stream);
	isVisible.set('yes');
	const socket = await open();
	socket.deliver(snapshot(1, [{ id: 1 }], 5));
	await settle();
	expect(stream.ready).toBe(true);
	expect(stream.position).toEqual({ epoch: 'e', seq: 5 });

	isVisible.set(null);
	await settle();
	expect(types(socket)).toEqual(['stream', 'stream:end']);
	expect(stream.ready).toBe(false);
	isVisible.set(true);
	await settle();
	expect(types(socket)).toEqual(['stream', 'stream:end', 'stream']);
	leave();
	await settle();
	isVisible.set(false);
	isVisible.set(true);
	await settle();

	expect(types(socket)).toEqual(['stream', 'stream:end', 'stream', 'stream:end']);
	expect(seen).toEqual([undefined, [{ id: 1 }], undefined]);
	expect(sockets).toHaveLength(1);
});

test('the stream of another reader goes on while a condition does not hold', async () => {
	const { client, open } = bench();
	const condition = writable(true);
	const stream = client.stream('s');
	const all = watch(stream);
	const some = watch(stream.when(condition));
	const socket = await open();
	socket.deliver(snapshot(1, [1], 5));
	await settle();

	condition.set(false);
	stream.when(condition).close();
	socket.deliver(event('set', [2], 6));
	await settle();

	expect(all.seen).toEqual([undefined, [1], [2]]);
	expect(some.seen).toEqual([undefined, [1], undefined]);
	expect(types(socket)).toEqual(['stream']);
});

test('a function as condition is read again when the state in it changes', async () => {
	const { client, open } = bench();
	const room = svelte.state<string | undefined>(undefined);
	const stream = client.stream('s').when(() => svelte.get(room));
	const { seen, leave } = watch(stream);
	const read: unknown[] = [];
	const destroy = svelte.effect_root(() => {
		svelte.user_effect(() => void read.push(stream.current));
	});
	await settle();

	svelte.set(room, 'a');
	const socket = await open();
	socket.deliver(snapshot(1, [1], 5));
	await settle();
	svelte.set(room, undefined);
	await settle();

	expect(seen).toEqual([undefined, [1], undefined]);
	expect(read).toEqual([undefined, undefined, [1], undefined]);
	expect(types(socket)).toEqual(['stream', 'stream:end']);
	leave();
	destroy();
});

test('the empty stream is undefined for ever, and has the members of any other', async () => {
	const seen: unknown[] = [];
	empty.subscribe((value) => void seen.push(value));

	expect(seen).toEqual([undefined]);
	expect(await empty).toBe(undefined);
	expect(empty.when(true)).toBe(empty);
	expect(await empty.loadMore()).toBe(false);
	expect([empty.loading, empty.ready, empty.hasMore]).toEqual([false, false, false]);
	for await (const _ of empty) seen.push('an item');
	expect(seen).toHaveLength(1);
});

test('for await gives the value and every later one, the newest to whoever takes long', async () => {
	const { client, open } = bench();
	const stream = client.stream('s');
	const values = stream[Symbol.asyncIterator]();
	const first = values.next();
	const socket = await open();
	socket.deliver(snapshot(1, [1], 5));
	expect(await first).toEqual({ value: [1], done: false });

	socket.deliver(event('set', [2], 6));
	await settle();
	socket.deliver(event('set', [3], 7));
	await settle();
	expect(await values.next()).toEqual({ value: [3], done: false });
	const next = values.next();
	socket.deliver(event('set', [4], 8));
	expect(await next).toEqual({ value: [4], done: false });

	const last = values.next();
	stream.close();
	expect(await last).toEqual({ value: undefined, done: true });
});

test('for await follows the stream for as long as the loop runs', async () => {
	const { client, open } = bench();
	const loop = (async () => {
		for await (const value of client.stream('s')) return value;
	})();
	const socket = await open();
	socket.deliver(snapshot(1, [1], 5));

	expect(await loop).toEqual([1]);
	await settle();
	expect(types(socket)).toEqual(['stream', 'stream:end']);
});

test('for await throws the error that ends a stream, and waits out one that does not', async () => {
	const { client, clock, open } = bench();
	const values = client.stream('s')[Symbol.asyncIterator]();
	const next = values.next();
	const socket = await open();
	const refuse = (id: number, code: string, retryable?: true): void =>
		socket.deliver({ type: 'reply', id, error: { code, message: '', retryable } });

	refuse(1, 'SERVICE_UNAVAILABLE', true);
	await clock.advance(30_000);
	await settle();
	expect(await outcome(next)).toBe('pending');
	refuse(socket.of('stream').at(-1)!.id, 'FORBIDDEN');

	expect(await outcome(next)).toBe('FORBIDDEN');
	expect(await values.next()).toEqual({ value: undefined, done: true });
});
