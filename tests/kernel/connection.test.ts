import { expect, test } from 'vitest';
import { definePlugin, type Plugin } from 'svelte-realtime/kernel';
import { FakeSocket, settle } from 'svelte-realtime/testing';
import { SocketConnection } from '../../kernel/connection.ts';
import { startKernel, takeErrors } from './tracked.ts';

/** A connection over a socket that throws on any use after its end, as the native one does. */
function pair(): { socket: FakeSocket; connection: SocketConnection } {
	const socket = new FakeSocket(new Map());
	const connection = new SocketConnection('1', {}, socket);
	socket.onClose = () => connection.detach();
	return { socket, connection };
}

const bytes = (text: string): number => new TextEncoder().encode(text).byteLength;

test('everything after the end is a no-op, and what is sent is counted', () => {
	const { socket, connection } = pair();
	let corked = false;
	socket.end(1006, '');

	expect(connection.send('late')).toBe('dropped');
	expect(connection.send('later')).toBe('dropped');
	connection.cork(() => (corked = true));
	connection.close(1000);
	expect(connection.follow('topic')).toBe(false);
	connection.unfollow('topic');
	expect(connection.publishToOthers('topic', 'x')).toBeUndefined();

	expect(corked).toBe(true);
	expect(connection.isOpen).toBe(false);
	expect(connection.bufferedBytes).toBe(0);
	expect(connection.dropped).toBe(2);
	expect(socket.sent).toEqual([]);
});

test('between our close and the end of the socket nothing touches it either', () => {
	const socket = new FakeSocket(new Map());
	const connection = new SocketConnection('1', {}, socket); // nobody reports the end
	connection.close(4000, 'bye');

	expect(connection.isOpen).toBe(false);
	expect(connection.send('late')).toBe('dropped');
	connection.close(4001, 'again');
	connection.cork(() => connection.send('late'));
	expect(connection.follow('topic')).toBe(false);
	connection.unfollow('topic');
	connection.publishToOthers('topic', 'x');

	expect(socket.closed).toEqual({ code: 4000, reason: 'bye' });
	expect(connection.dropped).toBe(2);
});

test.each([
	['a short reason', 'bye'],
	['123 bytes', 'a'.repeat(123)],
	['124 bytes', 'a'.repeat(124)],
	['characters of two bytes', 'ä'.repeat(100)],
	['characters of three bytes', '日'.repeat(100)],
	['characters of four bytes', '😀'.repeat(100)],
	['four bytes, off by one', 'a' + '😀'.repeat(100)],
	['four bytes, off by two', 'aa' + '😀'.repeat(100)],
	['four bytes, off by three', 'aaa' + '😀'.repeat(100)]
])('of %s at most 123 bytes are sent, and whole characters', (_, reason) => {
	const { socket, connection } = pair();

	connection.close(4000, reason);

	const sent = socket.closed!.reason;
	expect(bytes(sent)).toBeLessThanOrEqual(123);
	expect(bytes(sent)).toBeGreaterThan(Math.min(bytes(reason), 123) - 4);
	expect(reason.startsWith(sent)).toBe(true);
});

test('the signal aborts when the connection ends', () => {
	const { socket, connection } = pair();
	const { signal } = connection;
	expect(signal.aborted).toBe(false);

	socket.end(1006, '');

	expect(signal.aborted).toBe(true);
});

test('a signal that is first asked for after the end is aborted already', () => {
	const { socket, connection } = pair();
	socket.end(1006, '');

	expect(connection.signal.aborted).toBe(true);
});

test('a frame that the send buffer has no room for is counted', () => {
	const { socket, connection } = pair();
	socket.status = 'dropped';

	expect(connection.send('x')).toBe('dropped');

	expect(connection.dropped).toBe(1);
	expect(connection.isOpen).toBe(true);
});

test('a visitor whose page is rendered is a connection that is not open', () => {
	const visitor = new SocketConnection('', { user: 'ada' }, undefined);

	expect(visitor.isOpen).toBe(false);
	expect(visitor.send('x')).toBe('dropped');
	expect(visitor.signal.aborted).toBe(false);
});

// --- in the kernel ---

/** Notes the notices of connections. */
function notes(log: string[]): Plugin {
	return definePlugin({
		name: 'notes',
		setup({ hook }) {
			hook('open', ({ connection }) => void log.push(`open ${connection.isOpen}`));
			hook('drain', () => void log.push('drain'));
			hook('limited', ({ limit }) => void log.push(`limited ${limit}`));
			hook('close', ({ connection, code, reason }) => {
				log.push(`first ${code} ${reason} ${connection.isOpen}`);
			});
			hook('close', () => void log.push('second'));
		}
	});
}

test('a connection is welcomed with the protocol, its id and the limits', async () => {
	const kernel = await startKernel([]);
	const socket = kernel.transport.socket();

	const connection = kernel.open(socket, {});

	expect(socket.sent.map((text) => JSON.parse(String(text)))).toEqual([
		{
			type: 'welcome',
			protocol: 1,
			connection: connection.id,
			limits: { message: 16384, batch: 50 }
		}
	]);
});

test('connections have ids that differ, also between instances', async () => {
	const kernels = [await startKernel([]), await startKernel([])];
	const ids = new Set<string>();

	for (const kernel of kernels) {
		for (let i = 0; i < 10; i += 1) ids.add((await kernel.connect()).connection.id);
	}

	expect(ids.size).toBe(20);
});

test('notices of a connection: open, drain, and close in reverse order, once', async () => {
	const log: string[] = [];
	const kernel = await startKernel([notes(log)]);
	const ada = await kernel.connect();
	expect(kernel.connections.has(ada.connection)).toBe(true);

	kernel.drain(ada.connection);
	await ada.leave(1001);
	kernel.close(ada.connection, 1001, '');

	expect(log).toEqual(['open true', 'drain', 'second', 'first 1001  false']);
	expect(kernel.connections.size).toBe(0);
});

test('a frame over the send buffer is told to whoever counts limits', async () => {
	const log: string[] = [];
	const kernel = await startKernel([notes(log)]);
	const ada = await kernel.connect();
	ada.socket.status = 'dropped';

	await ada.send({ type: 'ping' });
	await ada.send({ type: 'nonsense' });

	expect(log).toEqual(['open true', 'limited sendBuffer', 'limited sendBuffer']);
	expect(ada.connection.dropped).toBe(1);
});

test('notices that throw are reported under their plugin, and the others run', async () => {
	const log: string[] = [];
	const bad = definePlugin({
		name: 'bad',
		setup({ hook }) {
			for (const name of ['open', 'drain', 'close'] as const) {
				hook(name, async () => {
					throw new Error(name);
				});
			}
		}
	});
	const kernel = await startKernel([bad, notes(log)]);
	const ada = await kernel.connect();
	kernel.drain(ada.connection);
	await settle();
	await ada.leave();

	expect(log).toEqual(['open true', 'drain', 'second', 'first 1001  false']);
	expect(takeErrors(kernel)).toEqual(Array(3).fill('bad RT_HOOK_FAILED'));
});

test('a connection that opens after shutdown is closed with 1012', async () => {
	const kernel = await startKernel([]);
	await kernel.shutdown();
	const socket = kernel.transport.socket();

	kernel.open(socket, {});

	expect(socket.closed).toMatchObject({ code: 1012 });
});

test('a message that arrives after our close runs nothing', async () => {
	const seen: unknown[] = [];
	const kernel = await startKernel([
		definePlugin({
			name: 'closing',
			setup: ({ hook }) =>
				void hook('message', ({ connection, frame }) => {
					seen.push(frame['n']);
					connection.close(4000);
				})
		})
	]);
	const ada = await kernel.connect();
	ada.socket.onClose = undefined; // the end of the socket is on its way

	await ada.send({ type: 'x', n: 1 }, { type: 'x', n: 2 });
	await ada.send({ type: 'x', n: 3 });

	expect(seen).toEqual([1]);
});
