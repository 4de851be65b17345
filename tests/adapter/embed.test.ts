import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { live } from 'svelte-realtime';
import { embed, type Handler } from '../../adapter/runtime/index.ts';
import { raw, request } from './raw.ts';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
	for (const cleanup of cleanups.splice(0)) await cleanup();
});

const make = async (
	env: Record<string, string> = {},
	transport?: 'uws' | 'node',
	base = ''
): Promise<Handler> => {
	const handler = await embed({
		server: {
			init: async () => {},
			respond: async (asked) => {
				const isForm = asked.method === 'POST';
				const body = isForm ? `, ${(await asked.text()).length} bytes` : '';
				return new Response(asked.url + body);
			}
		},
		load: async () => ({
			config: transport ? { transport } : {},
			modules: { math: { double: live(async (_ctx, n: number) => n * 2) } }
		}),
		directory: '/nowhere',
		base,
		env: { SHUTDOWN_TIMEOUT: '1', ...env }
	});
	cleanups.push(() => handler.close());
	return handler;
};
const listen = async (server: Server | ReturnType<typeof createSecureServer>): Promise<number> => {
	server.listen(0, '127.0.0.1');
	await once(server, 'listening');
	cleanups.push(() => (server.closeAllConnections(), server.close()));
	return (server.address() as AddressInfo).port;
};
const double = async (url: string): Promise<unknown> => {
	const socket = new WebSocket(url, { rejectUnauthorized: false });
	await once(socket, 'open');
	socket.send(JSON.stringify({ type: 'rpc', id: 1, path: 'math/double', args: [21] }));
	let answer = '';
	while (!answer.includes('"reply"')) {
		[answer] = (await once(socket, 'message')).map(String) as [string];
	}
	socket.terminate();
	return (JSON.parse(answer) as { data: unknown }).data;
};

test('one app serves several servers, one of them with TLS', async () => {
	const handler = await make();
	const tls = (name: string): Buffer =>
		readFileSync(new URL(`../fixtures/tls/${name}`, import.meta.url));
	const plain = createServer(handler);
	const secure = createSecureServer({ cert: tls('cert.pem'), key: tls('key.pem') }, handler);
	for (const server of [plain, secure]) handler.attach(server);

	expect(await double(`ws://127.0.0.1:${await listen(plain)}/ws`)).toBe(42);
	expect(await double(`wss://127.0.0.1:${await listen(secure)}/ws`)).toBe(42);
});

test('a body that something before the app has read is empty, and not waited for', async () => {
	const handler = await make();
	const server = createServer(async (asked, response) => {
		for await (const chunk of asked) void chunk;
		handler(asked, response);
	});
	const port = await listen(server);
	const sent = request('/form', { 'Content-Length': '3' }, 'POST');

	expect((await raw(port, `${sent}abc`)).text).toBe('http://example.com/form, 0 bytes');
});

test('a page that asks why it is not let in is answered, whatever stands before the app', async () => {
	const handler = await make({}, 'node', '/sub');
	const server = createServer((_request, response) => void response.end('mine'));
	handler.attach(server);
	const port = await listen(server);

	expect((await raw(port, request('/sub/ws'))).text).toBe('mine');
	expect(await double(`ws://127.0.0.1:${port}/sub/ws`)).toBe(42);
});

test('once it is closed no socket is taken', async () => {
	const handler = await make();
	const server = createServer(handler);
	handler.attach(server);
	const port = await listen(server);
	const socket = new WebSocket(`ws://127.0.0.1:${port}/ws`);
	await once(socket, 'open');
	const closed = once(socket, 'close');

	await Promise.all([handler.close(), handler.close()]);
	const [code] = (await closed) as [number];
	const late = new WebSocket(`ws://127.0.0.1:${port}/ws`);
	const [error] = (await once(late, 'error')) as [Error];

	expect(code).toBe(1012);
	expect(server.listenerCount('upgrade')).toBe(0);
	expect(error.message).toMatch(/socket hang up|Unexpected server response/);
});

test('where and how to listen is its owner’s: such variables are not read', async () => {
	const handler = await make({ LISTEN_FDS: '1', LISTEN_PID: '1', SSL_CERT: '/none', WORKERS: '2' });
	const port = await listen(createServer(handler));

	expect((await raw(port, request('/page'))).text).toBe('http://example.com/page');
});

test('an app that asks for uws cannot be embedded, and a wrong variable is told', async () => {
	await expect(make({}, 'uws')).rejects.toThrow(/RT_TRANSPORT_UNAVAILABLE.*server of Node/);
	await expect(make({ ORIGIN: 'example.com' })).rejects.toThrow(/RT_OPTION_INVALID.*ORIGIN/);
});
