import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { get, type IncomingMessage } from 'node:http';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { RawConnection, raw, request } from '../adapter/raw.ts';
import { buildCopy, ROOT, run, type Running } from './site.ts';

/** Somebody's own server: a page of its own, something that may read bodies, then the app. */
const OWN = `
import { createServer } from 'node:http';
import { handler } from './build/handler.js';

const chain = [
	(req, res, next) => (req.url === '/own' ? res.end('own') : next()),
	(req, res, next) => (req.headers['x-parsed'] ? req.on('end', next).resume() : next()),
	handler,
	(req, res) => res.end('nobody answered')
];
const server = createServer((req, res) => {
	let index = 0;
	const next = () => chain[index++](req, res, next);
	next();
});
handler.attach(server);
server.listen(0, '127.0.0.1', () => {
	console.log('Listening on http://127.0.0.1:' + server.address().port);
});
process.on('sveltekit:shutdown', (reason) => console.log('listener: ' + reason));
process.on('SIGTERM', async () => {
	server.close();
	await handler.close();
	console.log('closed');
});
`;
/** Put before a build: listeners that are asked at the end, one of which never is through. */
const HANGS = `process.on('sveltekit:shutdown', () => new Promise(() => console.log('asked')));`;

let folder: string;
const running: ChildProcess[] = [];
beforeAll(async () => {
	({ folder } = await buildCopy('embed', join(ROOT, 'tests/fixtures/site')));
	writeFileSync(join(folder, 'own.mjs'), OWN);
	writeFileSync(join(folder, 'hangs.mjs'), HANGS);
}, 60_000);
afterAll(() => running.forEach((child) => child.kill('SIGKILL')));

const launch = async (env: Record<string, string>, ...command: string[]): Promise<Running> => {
	const all = { HOST: '127.0.0.1', PORT: '0', GREETING: 'hello', ...env };
	const server = await run([process.execPath, ...command], folder, all, /Listening on (.*)/);
	running.push(server.child);
	return server;
};
const portOf = ({ url }: Running): number => Number(/:(\d+)/.exec(url)![1]);
const call = async (socket: WebSocket, path: string, ...args: unknown[]): Promise<unknown> => {
	if (socket.readyState !== socket.OPEN) await once(socket, 'open');
	socket.send(JSON.stringify({ type: 'rpc', id: 1, path, args }));
	let answer = '';
	while (!answer.includes('"reply"')) {
		[answer] = (await once(socket, 'message')).map(String) as [string];
	}
	return (JSON.parse(answer) as { data: unknown }).data;
};

describe("handler, in somebody's own server", () => {
	let server: Running;
	let port: number;
	beforeAll(async () => {
		server = await launch({ ORIGIN: 'https://shop.example' }, 'own.mjs');
		port = portOf(server);
	});

	test('the server keeps its own pages, and the app has the others', async () => {
		const page = await raw(port, request('/'));
		const prerendered = await raw(port, request('/prerendered', { 'Accept-Encoding': 'br' }));

		expect((await raw(port, request('/own'))).text).toBe('own');
		expect(page.text).toContain('127.0.0.1 https://shop.example/');
		expect(prerendered.header('content-encoding')).toBe('br');
		expect((await raw(port, request('/robots.txt'))).text).toContain('User-agent');
	});

	test('what nothing stands at is the 404 of the app, as with adapter-node', async () => {
		const page = await raw(port, request('/nowhere'));

		expect([page.status, page.text.includes('nobody answered')]).toEqual([404, false]);
	});

	test('a page streams, and a body that something else has read is not waited for', async () => {
		const connection = await RawConnection.open(port);
		connection.send(request('/stream'));
		await connection.until((received) => received.includes('waiting'));
		expect(connection.received).not.toContain('streamed in');
		await connection.until((received) => received.includes('streamed in'));
		connection.socket.destroy();

		const form = { 'Content-Type': 'application/x-www-form-urlencoded', 'Content-Length': '5' };
		const origin = { Origin: 'https://shop.example', Accept: 'text/html', 'X-Parsed': '1' };
		const parsed = await raw(port, `${request('/form', { ...form, ...origin }, 'POST')}name=`);
		expect(parsed.status).toBe(200);
	});

	test('a live function answers over the socket', async () => {
		const socket = new WebSocket(`ws://127.0.0.1:${port}/ws`);

		expect(await call(socket, 'echo/echo', 'you')).toBe('hello you');
		socket.terminate();
	});

	test('close ends sockets, lets a request finish, asks listeners, and holds nothing', async () => {
		const own = await launch({}, 'own.mjs');
		const socket = new WebSocket(`ws://127.0.0.1:${portOf(own)}/ws`);
		await once(socket, 'open');
		const closed = once(socket, 'close');
		const connection = await RawConnection.open(portOf(own));
		connection.send(request('/stream', { Connection: 'close' }));
		await connection.until((received) => received.includes('waiting'));

		own.child.kill('SIGTERM');
		await connection.until((received) => received.includes('\r\n0\r\n\r\n'));

		expect(connection.received).toContain('streamed in');
		expect((await closed)[0]).toBe(1012);
		expect(await own.ended).toBe(0);
		expect(own.output()).toMatch(/listener: close\nclosed/);
	});
});

// Each waits most of its time, so all wait at the same time.
describe.concurrent('processes', () => {
	test('the end waits for a listener of its own, and not for ever', async () => {
		const server = await launch({ SHUTDOWN_TIMEOUT: '1' }, '--import', './hangs.mjs', 'build');
		const begun = performance.now();
		server.child.kill('SIGTERM');

		expect(await server.ended).toBe(0);
		expect(server.output()).toContain('asked');
		expect(performance.now() - begun).toBeGreaterThan(4500);
	});

	describe('a socket that systemd has opened', () => {
		/** Starts the build with a socket that listens already, as its file descriptor 3. */
		const activate = async (env: Record<string, string> = {}) => {
			const listening = createServer().listen(0, '127.0.0.1');
			await once(listening, 'listening');
			const { port } = listening.address() as AddressInfo;
			const { fd } = (listening as unknown as { _handle: { fd: number } })._handle;
			const command = `LISTEN_FDS=1 LISTEN_PID=$$ exec '${process.execPath}' build`;
			const child = spawn('sh', ['-c', command], {
				cwd: folder,
				env: { PATH: process.env['PATH'], GREETING: 'hello', ...env },
				stdio: ['ignore', 'pipe', 'pipe', fd]
			});
			running.push(child);
			let output = '';
			for (const stream of [child.stdout!, child.stderr!]) {
				stream.on('data', (chunk) => (output += String(chunk)));
			}
			const ended = once(child, 'exit');
			// Only the child accepts from now on.
			listening.close();
			return { child, port, ended, output: () => output };
		};

		test('is taken over on node, which is told; unneeded for a time, the server ends', async () => {
			const { port, ended, output } = await activate({ IDLE_TIMEOUT: '1' });
			// It is answered although it comes before the server is there.
			const page = await raw(port, request('/'));
			const socket = new WebSocket(`ws://127.0.0.1:${port}/ws`);
			expect(await call(socket, 'echo/echo', 'you')).toBe('hello you');
			const begun = performance.now();
			await new Promise((resolve) => setTimeout(resolve, 1500));
			expect(socket.readyState).toBe(socket.OPEN);
			socket.close();

			expect(await ended).toEqual([0, null]);
			expect(performance.now() - begun).toBeGreaterThan(2500);
			expect(page.text).toContain('127.0.0.1 http://example.com/');
			expect(output()).toContain('Listening on file descriptor 3 (node)');
			expect(output()).toMatch(/slower Node transport.*LISTEN_FDS/);
		});

		test('that is meant for another process is not taken', async () => {
			const started = launch({ LISTEN_FDS: '1', LISTEN_PID: '1' }, 'build');

			await expect(started).rejects.toThrow(/RT_OPTION_INVALID.*LISTEN_PID/);
		});
	});

	test('several workers share a Unix socket on node, and one says why', async () => {
		const place = mkdtempSync(join(tmpdir(), 'realtime-workers-'));
		const path = join(place, 'site.sock');
		const server = await launch({ WORKERS: '2', SOCKET_PATH: path }, 'build');
		const asked = get({ socketPath: path, path: '/', headers: { host: 'a.example' } });
		const [answer] = (await once(asked, 'response')) as [IncomingMessage];
		const sockets = Array.from({ length: 4 }, () => new WebSocket(`ws+unix://${path}:/ws`));
		const calls = sockets.map((socket) => call(socket, 'echo/echo', 'you'));

		expect(await text(answer)).toContain('http://a.example/');
		expect(await Promise.all(calls)).toEqual(sockets.map(() => 'hello you'));
		expect(server.url).toBe(`${path} (node, 2 workers)`);
		expect(server.output().match(/slower Node transport.*SOCKET_PATH/g)).toHaveLength(1);
		for (const socket of sockets) socket.terminate();
		server.child.kill('SIGTERM');
		expect(await server.ended).toBe(0);
		rmSync(place, { recursive: true });
	});

	test('a certificate works from the environment, in each of several workers', async () => {
		const at = (name: string): string => join(ROOT, 'tests/fixtures/tls', name);
		const tls = { SSL_CERT: at('cert.pem'), SSL_KEY: at('key.pem') };
		const server = await launch({ WORKERS: '2', ...tls }, 'build');
		const url = `wss://127.0.0.1:${portOf(server)}/ws`;
		const sockets = Array.from(
			{ length: 4 },
			() => new WebSocket(url, { rejectUnauthorized: false })
		);
		const calls = sockets.map((socket) => call(socket, 'echo/echo', 'you'));

		expect(await Promise.all(calls)).toEqual(sockets.map(() => 'hello you'));
		expect(server.url).toMatch(/^https:\/\/127\.0\.0\.1:\d+ \(uws, 2 workers\)$/);
		for (const socket of sockets) socket.terminate();
		server.child.kill('SIGTERM');
		expect(await server.ended).toBe(0);
	});
});
