import { expect, test } from 'vitest';
import { backoff } from '../../kernel/client/backoff.ts';
import { bench, outcome, settle, snapshot } from './fake-server.ts';

test('waits grow in three tiers: 0–1 s, 1–5 s in even steps, 5–30 s by doubling', () => {
	const range = (attempt: number): number[] => [backoff(attempt, 0), backoff(attempt, 1)];

	expect(range(1)).toEqual([0, 1000]);
	expect([2, 3, 4, 5].map(range)).toEqual([
		[1000, 2000],
		[2000, 3000],
		[3000, 4000],
		[4000, 5000]
	]);
	expect([6, 7, 8, 9, 1000].map(range)).toEqual([
		[5000, 10_000],
		[10_000, 20_000],
		[15_000, 30_000],
		[15_000, 30_000],
		[15_000, 30_000]
	]);
});

test('the status tells what goes on, as a store does', async () => {
	const { client, clock, open } = bench();
	const seen: string[] = [];
	client.connection.subscribe((status) => void seen.push(status));
	void client.call('a')();
	const socket = await open();
	socket.end();
	await clock.advance(1000);
	await open();
	client.close();

	expect(seen).toEqual(['idle', 'connecting', 'open', 'reconnecting', 'open', 'closed']);
});

test('attempts are counted until a connection is there', async () => {
	const { client, clock, sockets, open } = bench();
	void client.call('a')();
	await settle();
	for (const attempt of [1, 2, 3]) {
		sockets.at(-1)!.end();
		expect(client.connection.attempt).toBe(attempt);
		await clock.advance(backoff(attempt, 0.5) - 1);
		expect(sockets).toHaveLength(attempt);
		await clock.advance(1);
		expect(sockets).toHaveLength(attempt + 1);
	}
	await open();
	expect(client.connection.attempt).toBe(0);
});

test('a server that welcomes and hangs up again is not asked every second', async () => {
	const { client, clock, sockets, open } = bench();
	void client.call('a')();
	for (let i = 0; i < 5; i += 1) {
		(await open()).end(1013);
		await clock.advance(backoff(i + 1, 0.5, 1013));
		expect(sockets).toHaveLength(i + 2);
	}

	const held = await open();
	await clock.advance(5000);
	held.end();
	await clock.advance(backoff(1, 0.5));
	expect(sockets).toHaveLength(7);
});

test('a socket that is never welcomed is given up', async () => {
	const { client, clock, sockets } = bench();
	void client.call('a')();
	await clock.advance(15_000);
	expect(sockets[0]!.closedWith).toBe(1000);
	await clock.advance(500);

	expect(sockets).toHaveLength(2);
});

test('codes from 4500 to 4999 are final, all others are not', async () => {
	for (const code of [1000, 1001, 1006, 1009, 1012, 1013, 4000, 4401, 4499]) {
		const { client, open } = bench();
		void client.call('a')();
		(await open()).end(code);
		expect([code, client.connection.status]).toEqual([code, 'reconnecting']);
	}
	for (const code of [4500, 4503, 4999]) {
		const { client, open } = bench();
		void client.call('a')();
		(await open()).end(code);
		expect([code, client.connection.status]).toEqual([code, 'closed']);
	}
});

test('close() is for good until reconnect()', async () => {
	const { client, clock, sockets, open } = bench();
	const stream = client.stream('s');
	stream.subscribe(() => {});
	const running = client.call('a')();
	const socket = await open();
	socket.deliver(snapshot(2, ['x'], 3));
	client.connection.close();

	expect(socket.closedWith).toBe(1000);
	expect(await outcome(running)).toBe('CONNECTION_CLOSED');
	expect(await outcome(client.call('a')())).toBe('CONNECTION_CLOSED');
	expect(stream.error).toMatchObject({ code: 'CONNECTION_CLOSED' });
	expect(stream.current).toEqual(['x']);
	await clock.advance(100_000);
	expect(sockets).toHaveLength(1);

	client.connection.reconnect();
	const second = await open();
	expect(second.frames).toMatchObject([{ type: 'stream', since: { epoch: 'e', seq: 3 } }]);
});

test('reconnect() takes a fresh socket at once, and the old one means nothing any more', async () => {
	const { client, sockets, open } = bench();
	const running = client.call('a')();
	const socket = await open();
	client.connection.reconnect();

	expect(await outcome(running)).toBe('pending');
	expect([socket.closedWith, sockets.length]).toEqual([1000, 2]);
	socket.end();
	socket.welcome();
	expect(client.connection.status).toBe('reconnecting');
	await open();
	expect(client.connection.connected).toBe(true);
});

test('an address that cannot be dialled ends the connection with its reason shown', async () => {
	const shown: unknown[] = [];
	const { error } = console;
	console.error = (what: unknown) => void shown.push(what);
	const { client } = bench({
		WebSocket: class {
			constructor() {
				throw new SyntaxError('no such scheme');
			}
		} as never
	});
	const call = client.call('a')();

	expect(await outcome(call)).toBe('CONNECTION_CLOSED');
	console.error = error;
	expect(shown).toMatchObject([{ message: 'no such scheme' }]);
});
