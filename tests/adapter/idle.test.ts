import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { onIdle } from '../../adapter/runtime/idle.ts';
import { deferred } from './fronts.ts';
import { RawConnection, request } from './raw.ts';

let server: Server;
let port: number;
beforeEach(async () => {
	server = createServer().listen(0, '127.0.0.1');
	await once(server, 'listening');
	({ port } = server.address() as AddressInfo);
	vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
});
afterEach(async () => {
	vi.useRealTimers();
	server.closeAllConnections();
	await new Promise((resolve) => server.close(resolve));
});

test('a server that nobody has asked ends after its time', () => {
	const end = vi.fn();
	onIdle(server, 1000, end);

	vi.advanceTimersByTime(999);
	expect(end).not.toHaveBeenCalled();
	vi.advanceTimersByTime(1);
	expect(end).toHaveBeenCalledOnce();
});

test('a request that runs holds it, and its end begins the time anew', async () => {
	const end = vi.fn();
	onIdle(server, 1000, end);
	const finish = deferred();
	const answered = deferred();
	server.on('request', async (_request, response) => {
		response.once('close', () => answered.resolve());
		await finish.promise;
		response.end('ok');
	});
	const connection = await RawConnection.open(port);
	connection.send(request('/'));
	await once(server, 'request');
	vi.advanceTimersByTime(5000);
	expect(end).not.toHaveBeenCalled();

	finish.resolve();
	await answered.promise;
	vi.advanceTimersByTime(999);
	expect(end).not.toHaveBeenCalled();
	vi.advanceTimersByTime(1);
	expect(end).toHaveBeenCalledOnce();
	connection.socket.destroy();
});

test('an open socket holds it', async () => {
	const end = vi.fn();
	onIdle(server, 1000, end);
	const connection = await RawConnection.open(port);
	connection.send(request('/ws', { Connection: 'Upgrade', Upgrade: 'websocket' }));
	const [, raw] = (await once(server, 'upgrade')) as [unknown, Duplex];
	vi.advanceTimersByTime(5000);
	expect(end).not.toHaveBeenCalled();

	const closed = once(raw, 'close');
	raw.destroy();
	await closed;
	vi.advanceTimersByTime(1000);
	expect(end).toHaveBeenCalledOnce();
});

test('once it is forgotten it ends nothing', () => {
	const end = vi.fn();
	onIdle(server, 1000, end)();

	vi.advanceTimersByTime(5000);
	expect(end).not.toHaveBeenCalled();
});
