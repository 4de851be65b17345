import { expect, test, vi } from 'vitest';
import { bench, event, settle, snapshot } from './fake-server.ts';

// Outside a browser `svelte/reactivity` is the server's, whose createSubscriber does nothing. The
// browser's own is what this file is about, and it runs in Node as well.
const source = vi.hoisted(() => '../../node_modules/svelte/src');
vi.mock('svelte/reactivity', () => import(`${source}/reactivity/index-client.js`));
const svelte = (await import(`${source}/internal/client/index.js`)) as {
	effect_root(run: () => void): () => void;
	user_effect(run: () => void): void;
	derived<T>(compute: () => T): { v: T };
	get<T>(signal: { v: T }): T;
};

/** Runs `read` in an effect, as a component does, and keeps what it saw. */
function effect<T>(read: () => T): { seen: T[]; destroy(): void } {
	const seen: T[] = [];
	const destroy = svelte.effect_root(() => {
		svelte.user_effect(() => void seen.push(read()));
	});
	return { seen, destroy };
}

test('an effect that reads a stream follows it, and runs again when it changes', async () => {
	const { client, open, sockets } = bench();
	const stream = client.stream('s');
	expect(stream.current).toBeUndefined();
	await settle();
	expect(sockets).toHaveLength(0);

	const { seen } = effect(() => [stream.current, stream.loading, stream.connected]);
	const socket = await open();
	socket.deliver(snapshot(1, [{ id: 1 }], 1));
	await settle();
	socket.deliver(event('deleted', { id: 1 }, 2));
	await settle();

	expect(seen).toEqual([
		[undefined, true, false],
		[[{ id: 1 }], false, true],
		[[], false, true]
	]);
});

test('the stream ends when the last effect that reads it is destroyed', async () => {
	const { client, open } = bench();
	const room = client.stream('s');
	const first = effect(() => room('a').current);
	const second = effect(() => room('a').error);
	const socket = await open();
	socket.deliver(snapshot(1, [], 1));
	first.destroy();
	await settle();
	expect(socket.frames.map((frame) => frame.type)).toEqual(['stream']);

	second.destroy();
	await settle();
	expect(socket.frames.map((frame) => frame.type)).toEqual(['stream', 'stream:end']);
});

test('an effect that runs again keeps its streams going', async () => {
	const { client, open } = bench();
	const room = client.stream('s');
	const { seen } = effect(() => room({ name: 'a' }).current);
	const socket = await open();
	socket.deliver(snapshot(1, [], 0));
	for (let seq = 1; seq <= 5; seq += 1) {
		socket.deliver(event('created', { id: seq }, seq));
		await settle();
	}

	expect(seen).toHaveLength(6 + (seen[1] === undefined ? 1 : 0));
	expect(socket.frames).toHaveLength(1);
});

test('a stream may be read for the first time inside a derived', async () => {
	const { client, open } = bench();
	const stream = client.stream('s').hydrate({
		path: 's',
		args: [],
		value: ['a'],
		position: { epoch: 'e', seq: 1 },
		topic: 't',
		merge: 'set',
		key: 'id',
		prepend: false,
		max: 0
	});
	const length = svelte.derived(() => [
		(stream.current as string[]).length,
		client.connection.status
	]);
	const { seen } = effect(() => svelte.get(length));
	const socket = await open();
	socket.deliver(snapshot(1, ['a', 'b'], 2, { merge: 'set' }));
	await settle();

	expect(seen[0]).toEqual([1, expect.stringMatching(/idle|connecting/)]);
	expect(seen.at(-1)).toEqual([2, 'open']);
});

test('a call made in an effect does not make it depend on the connection', async () => {
	const { client, open } = bench();
	const { seen } = effect(() => typeof client.call('a')());
	await open();
	await settle();

	expect(seen).toEqual(['object']);
});

test('the connection can be read in an effect', async () => {
	const { client, open } = bench();
	const { connection } = client;
	const { seen, destroy } = effect(() => [
		connection.status,
		connection.connected,
		connection.attempt
	]);
	await settle();
	void client.call('a')();
	(await open()).end();
	await settle();
	destroy();

	expect(seen).toEqual([
		['idle', false, 0],
		['connecting', false, 0],
		['open', true, 0],
		['reconnecting', false, 1]
	]);
});
