import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { nodeTransport } from '../../adapter/transports/node.ts';
import { selectTransport } from '../../adapter/transports/select.ts';
import { uwsTransport } from '../../adapter/transports/uws.ts';
import { transportContract, type Serve } from '../contracts/transport.ts';
import { Client, HANDSHAKE, RawClient } from '../contracts/transport/clients.ts';
import { RecordingHost } from '../contracts/transport/recording-host.ts';

const selected = await selectTransport('uws');
if (selected.name !== 'uws') throw new Error('unreachable');
const { uws } = selected;

const serveUws: Serve = (attachment, before) =>
	new Promise((resolve, reject) => {
		const app = uws.App();
		const transport = uwsTransport();
		before?.(transport);
		transport.attach(app, attachment);
		app.any('/*', (response, request) => void response.end(`page ${request.getUrl()}`));
		app.listen('127.0.0.1', 0, (listening) => {
			if (!listening) return reject(new Error('cannot listen'));
			const close = (): void => uws.us_listen_socket_close(listening);
			resolve({ transport, port: uws.us_socket_local_port(listening), close });
		});
	});

function listen(server: Server): Promise<number> {
	return new Promise((resolve) =>
		server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port))
	);
}

const serveNode: Serve = async (attachment, before) => {
	const server = createServer((request, response) => void response.end(`page ${request.url}`));
	const transport = nodeTransport();
	before?.(transport);
	const detach = transport.attach(server, attachment);
	const port = await listen(server);
	return {
		transport,
		port,
		close() {
			detach();
			server.close();
			server.closeAllConnections();
		}
	};
};

transportContract('uws', serveUws);
transportContract('node', serveNode);

describe('the node transport beside others on one server', () => {
	const cleanups: (() => unknown)[] = [];
	afterEach(() => cleanups.splice(0).forEach((cleanup) => cleanup()));

	async function start(): Promise<{
		server: Server;
		host: RecordingHost;
		port: number;
		detach: () => void;
	}> {
		const server = createServer((request, response) => void response.end(`page ${request.url}`));
		const host = new RecordingHost();
		const detach = nodeTransport().attach(server, {
			path: '/ws',
			host,
			resolve: (_, ip) => ({ ip, origin: undefined })
		});
		cleanups.push(
			detach,
			() => server.close(),
			() => server.closeAllConnections()
		);
		return { server, host, port: await listen(server), detach };
	}

	function raw(port: number, lines: readonly string[]): RawClient {
		const made = new RawClient(port, lines);
		cleanups.push(() => made.socket.destroy());
		return made;
	}

	test('leaves the upgrades of other paths to other listeners', async () => {
		const { server, host, port } = await start();
		server.on('upgrade', (request, socket) => {
			if (request.url !== '/ws') socket.end('HTTP/1.1 200 Mine\r\nConnection: close\r\n\r\n');
		});

		const text = await raw(port, ['GET /hmr HTTP/1.1', ...HANDSHAKE]).until('Mine');

		expect(text).toBe('HTTP/1.1 200 Mine\r\nConnection: close\r\n\r\n');
		expect(host.requests.all).toEqual([]);
	});

	test('answers a stranger with a body, whom nobody else would answer', async () => {
		const { port } = await start();
		const lines = ['Host: x', 'Connection: Upgrade', 'Upgrade: h2c', 'Content-Length: 3'];

		const client = raw(port, ['POST /form HTTP/1.1', ...lines]);
		const text = await client.until('}');
		await client.closed;

		expect(text).toMatch(/^HTTP\/1\.1 400 /);
	});

	test('takes no upgrade once detached, and keeps its connections', async () => {
		const { host, port, detach } = await start();
		const client = new Client(port);
		cleanups.push(() => client.ws.terminate());
		const { socket } = await host.opened.next();

		detach();
		const text = await raw(port, ['GET /ws HTTP/1.1', ...HANDSHAKE]).until('page /ws');
		socket.close(1012, 'restart');

		expect(text).toMatch(/^HTTP\/1\.1 200 /);
		expect(await client.closed).toEqual({ code: 1012, reason: 'restart' });
	});

	test('refuses with 503 an upgrade that is pending when it is detached', async () => {
		const { host, port, detach } = await start();
		let resume!: () => void;
		const paused = new Promise<void>((resolve) => (resume = resolve));
		host.answer = async () => {
			await paused;
			return { ok: true, data: {}, responseHeaders: {} };
		};
		const client = raw(port, ['GET /ws HTTP/1.1', ...HANDSHAKE]);
		await host.requests.next();

		detach();
		resume();

		expect(await client.until('}')).toMatch(/^HTTP\/1\.1 503 [^]*SERVICE_UNAVAILABLE/);
		expect(host.opened.all).toEqual([]);
	});
});

describe('the uws transport over two native apps', () => {
	const both = async () => {
		const host = new RecordingHost();
		const transport = uwsTransport();
		const listenOne = async () => {
			const app = uws.App();
			const resolve = (_: unknown, ip: string) => ({ ip, origin: undefined });
			const retire = transport.attach(app, { path: '/ws', host, resolve });
			const published = vi.spyOn(app, 'publish');
			return new Promise<{
				port: number;
				retire: () => void;
				published: typeof published;
			}>((done) => {
				app.listen('127.0.0.1', 0, (socket) => {
					if (socket) done({ port: uws.us_socket_local_port(socket), retire, published });
				});
			});
		};
		const join = async ({ port }: { port: number }) => {
			const client = new Client(port);
			const { socket } = await host.opened.next();
			await client.opened;
			socket.subscribe('news');
			return { client, socket };
		};
		const last = await listenOne();
		const next = await listenOne();
		return { host, transport, join, last, next };
	};

	test('whoever publishes reaches the sockets of both, and a socket all but itself', async () => {
		const { transport, join, last, next } = await both();
		const old = await join(last);
		const young = await join(next);

		expect(transport.subscribers('news')).toBe(2);
		expect(transport.publish('news', 'to all')).toBe(true);
		old.socket.publish('news', 'from the old one');
		young.socket.publish('news', 'from the young one');
		transport.publish('news', 'the end');

		for (const { client } of [old, young])
			for (let n = 0; n < 3; n += 1) await client.messages.next();
		expect(old.client.messages.all).toEqual(['to all', 'from the young one', 'the end']);
		expect(young.client.messages.all).toEqual(['to all', 'from the old one', 'the end']);
		for (const { client } of [old, young]) client.ws.terminate();
	});

	test('an app that is retired is let go of after its last socket', async () => {
		const { host, transport, join, last, next } = await both();
		const { client } = await join(last);
		const young = await join(next);

		last.retire();
		expect(transport.subscribers('news')).toBe(2);
		client.ws.close();
		await host.closed.next();
		expect(transport.subscribers('news')).toBe(1);
		expect(transport.publish('news', 'to whoever is left')).toBe(true);
		expect(last.published).not.toHaveBeenCalled();
		expect(next.published).toHaveBeenCalledOnce();
		young.client.ws.terminate();
	});

	test('an upgrade that outlasts its app is reached all the same', async () => {
		const { host, transport, last, next } = await both();
		let resume!: () => void;
		const paused = new Promise<void>((resolve) => (resume = resolve));
		host.answer = async () => {
			await paused;
			return { ok: true, data: {}, responseHeaders: {} };
		};
		const client = new Client(last.port);
		await host.requests.next();
		last.retire();
		resume();
		const { socket } = await host.opened.next();
		socket.subscribe('news');

		transport.publish('news', 'to the late one');

		expect(await client.messages.next()).toBe('to the late one');
		client.ws.terminate();
		next.retire();
	});
});
