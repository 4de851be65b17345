import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { RawConnection, raw, request } from '../adapter/raw.ts';
import { CACHE, ROOT } from './site.ts';

const VITE = join(ROOT, 'node_modules/vite/bin/vite.js');

/** A built copy of the fixture; without its live modules it is a plain site. */
function build(name: string, isLive: boolean): string {
	const folder = join(CACHE, 'e2e', name);
	rmSync(folder, { recursive: true, force: true });
	mkdirSync(join(CACHE, 'e2e'), { recursive: true });
	cpSync(join(ROOT, 'tests/fixtures/site'), folder, {
		recursive: true,
		filter: (source) => !/\.svelte-kit|\/build$/.test(source)
	});
	if (!isLive) rmSync(join(folder, 'src/live'), { recursive: true });
	const { VITEST: _, NODE_ENV: __, ...env } = process.env;
	execFileSync(process.execPath, [VITE, 'build'], { cwd: folder, env, stdio: 'pipe' });
	return folder;
}

interface Running {
	readonly child: ChildProcess;
	readonly port: number;
	readonly output: string;
}

/** Runs `node build`, from another folder than the app's. */
async function run(folder: string, env: Record<string, string> = {}): Promise<Running> {
	const child = spawn(process.execPath, [join(folder, 'build')], {
		cwd: ROOT,
		env: { PATH: process.env['PATH'], HOST: '127.0.0.1', PORT: '0', ...env },
		stdio: ['ignore', 'pipe', 'inherit']
	});
	let output = '';
	for await (const chunk of child.stdout!) {
		output += String(chunk);
		const address = /Listening on http:\/\/127\.0\.0\.1:(\d+)/.exec(output);
		if (address) return { child, port: Number(address[1]), output };
	}
	throw new Error(`The server ended before it listened: ${output}`);
}

describe('a built app with live functions', () => {
	let folder: string;
	let server: Running;
	beforeAll(async () => {
		folder = build('adapter-live', true);
		server = await run(folder, { GREETING: 'hello' });
	});
	afterAll(() => void server?.child.kill('SIGKILL'));

	test('runs on uWebSockets.js', () => {
		expect(server.output).toContain('(uws)');
	});

	test('renders a page with the address and the URL of the request', async () => {
		const page = await raw(server.port, request('/', { Host: 'localhost:1234' }));

		expect(page.status).toBe(200);
		expect(page.text).toContain('127.0.0.1 http://localhost:1234/');
	});

	test('sends the head of a page before what it waits for', async () => {
		const connection = await RawConnection.open(server.port);
		connection.send(request('/stream'));
		await connection.until((received) => received.includes('waiting'));
		expect(connection.received).not.toContain('streamed in');
		await connection.until((received) => received.includes('streamed in'));
		connection.socket.destroy();
	});

	test('takes a form, and sets each cookie by itself', async () => {
		const origin = `http://127.0.0.1:${server.port}`;
		const response = await fetch(`${origin}/form`, {
			method: 'POST',
			headers: { origin, accept: 'text/html' },
			body: new URLSearchParams({ name: 'Zoë' })
		});

		expect(await response.text()).toContain('Hello Zoë');
		expect(response.headers.getSetCookie()).toHaveLength(2);
	});

	test('a form from another origin is refused', async () => {
		const response = await fetch(`http://127.0.0.1:${server.port}/form`, {
			method: 'POST',
			headers: { origin: 'http://evil.example' },
			body: new URLSearchParams({ name: 'x' })
		});

		expect(response.status).toBe(403);
	});

	test('serves prerendered pages, compressed, at one address', async () => {
		const page = await raw(server.port, request('/prerendered', { 'Accept-Encoding': 'br' }));
		const slash = await raw(server.port, request('/prerendered/'));

		expect(page.header('content-encoding')).toBe('br');
		expect([slash.status, slash.header('location')]).toEqual([308, '/prerendered']);
	});

	test('serves hashed files for ever and static files with a validator', async () => {
		const page = await raw(server.port, request('/'));
		const [script] = /\/_app\/immutable\/[\w./-]+\.js/.exec(page.text)!;
		const hashed = await raw(server.port, request(script));
		const robots = await raw(server.port, request('/robots.txt'));

		expect(hashed.header('cache-control')).toContain('immutable');
		expect(robots.text).toContain('User-agent');
		expect(robots.header('etag')).toBeDefined();
	});

	test('an endpoint reads a file of the build', async () => {
		const response = await raw(server.port, request('/api'));

		expect(response.statusLine).toBe('HTTP/1.1 203 Non-Authoritative Information');
		expect(response.text).toContain('a note that is read on the server');
	});

	test('a path that nothing stands at is the 404 of the app', async () => {
		expect((await raw(server.port, request('/nowhere'))).status).toBe(404);
	});

	test('a live function answers, and its module saw the private environment', async () => {
		const socket = new WebSocket(`ws://127.0.0.1:${server.port}/ws`);
		await once(socket, 'open');
		socket.send(JSON.stringify({ type: 'rpc', id: 1, path: 'echo/echo', args: ['you'] }));
		let answer = '';
		while (!answer.includes('"reply"')) {
			[answer] = (await once(socket, 'message')).map(String) as [string];
		}
		socket.terminate();

		expect(JSON.parse(answer)).toMatchObject({ id: 1, data: 'hello you' });
	});

	test('an endpoint publishes through its platform', async () => {
		const origin = `http://127.0.0.1:${server.port}`;
		const response = await fetch(`${origin}/published`, {
			method: 'POST',
			headers: { origin, 'content-type': 'application/json' },
			body: JSON.stringify({ topic: 'chat', event: 'created', data: { id: 1 } })
		});

		expect(await response.json()).toMatchObject({ status: 'ok' });
	});

	test('SIGTERM ends sockets with 1012, lets a request finish, and exits with 0', async () => {
		const own = await run(folder);
		const socket = new WebSocket(`ws://127.0.0.1:${own.port}/ws`);
		await once(socket, 'open');
		const closed = once(socket, 'close');
		const connection = await RawConnection.open(own.port);
		connection.send(request('/stream'));
		await connection.until((received) => received.includes('waiting'));

		own.child.kill('SIGTERM');
		const exited = once(own.child, 'exit');
		await connection.until((received) => received.includes('\r\n0\r\n\r\n'));

		expect(connection.received).toContain('streamed in');
		expect((await closed)[0]).toBe(1012);
		expect(await exited).toEqual([0, null]);
	});

	test('a wrong variable stops it with a sentence', () => {
		let message = '';
		try {
			execFileSync(process.execPath, [join(folder, 'build')], {
				env: { PATH: process.env['PATH'], PORT: 'http' },
				stdio: 'pipe'
			});
		} catch (error) {
			message = String((error as { stderr: Buffer }).stderr);
		}

		expect(message).toMatch(/RT_OPTION_INVALID.*"PORT".*"http"/);
	});
});

test('an app without live modules is just served', async () => {
	const folder = build('adapter-plain', false);
	const server = await run(folder);
	const socket = new WebSocket(`ws://127.0.0.1:${server.port}/ws`);
	const [error] = (await once(socket, 'error')) as [Error];
	const page = await raw(server.port, request('/'));
	server.child.kill('SIGTERM');
	await once(server.child, 'exit');

	expect(existsSync(join(folder, '.svelte-kit/svelte-realtime/realtime.js'))).toBe(false);
	expect(error.message).toMatch(/Unexpected server response: 404/);
	expect(page.text).toContain('<h1>Home</h1>');
});
