import { createServer, type Server } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
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

describe('selection', () => {
	const warn = vi.spyOn(console, 'warn').mockImplementation(() => {});
	afterEach(() => warn.mockClear());

	const require = createRequire(import.meta.url);
	const elsewhere = createRequire(join(tmpdir(), 'nowhere.js'));
	const absent = (): unknown => elsewhere('uWebSockets.js');
	const emulation = (): unknown => require('uWebSockets.js/dist/index.js');
	const broken = (): never => {
		throw new Error("version `GLIBC_2.38' not found.\nmore");
	};

	test('the native addon is taken where it runs, without a word', async () => {
		const found = await selectTransport(undefined);

		expect(found.name).toBe('uws');
		expect(warn).not.toHaveBeenCalled();
	});

	test('the node transport is taken where it is asked for, without a word', async () => {
		expect(await selectTransport('node', broken)).toEqual({ name: 'node' });
		expect(warn).not.toHaveBeenCalled();
	});

	test.each([
		['is absent', absent, 'it is not installed'],
		['does not load', broken, "it does not load: version `GLIBC_2.38' not found"],
		['emulates itself', emulation, 'it emulates itself in JavaScript'],
		['is something else', () => ({}), 'the module has no `App`'],
		['throws nothing', () => Promise.reject(null), 'it does not load: null']
	])('where uWebSockets.js %s, Node serves, and one warning says why', async (_, load, reason) => {
		const first = await selectTransport(undefined, load);
		await selectTransport(undefined, load);

		expect(first).toEqual({ name: 'node', reason: expect.stringContaining(reason) });
		expect(warn).toHaveBeenCalledOnce();
		expect(warn.mock.calls[0]![0]).toContain(reason);
		expect(warn.mock.calls[0]![0]).toContain('Install a release');
	});

	test('where uws is asked for and cannot be used, the start fails with the reason', async () => {
		await expect(selectTransport('uws', broken)).rejects.toMatchObject({
			code: 'RT_TRANSPORT_UNAVAILABLE',
			message: expect.stringContaining('GLIBC_2.38'),
			cause: expect.any(Error)
		});
		await expect(selectTransport('uws', emulation)).rejects.toThrow('RT_TRANSPORT_UNAVAILABLE');
	});
});
