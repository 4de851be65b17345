import { once } from 'node:events';
import {
	existsSync,
	mkdtempSync,
	readFileSync,
	renameSync,
	rmSync,
	statSync,
	writeFileSync
} from 'node:fs';
import { get, type IncomingMessage } from 'node:http';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { WebSocket } from 'ws';
import { live } from 'svelte-realtime';
import { start, type RunningServer } from '../../adapter/runtime/index.ts';
import { FRONTS, type FrontName } from './fronts.ts';
import { RawConnection, raw, request } from './raw.ts';

const running: RunningServer[] = [];
let folder: string;
let path: string;
beforeEach(() => {
	folder = mkdtempSync(join(tmpdir(), 'realtime-listen-'));
	path = join(folder, 'site.sock');
	vi.spyOn(console, 'log').mockImplementation(() => {});
	vi.spyOn(console, 'warn').mockImplementation(() => {});
});
afterEach(async () => {
	await Promise.all(running.splice(0).map((server) => server.close()));
	rmSync(folder, { recursive: true, force: true });
	vi.restoreAllMocks();
});

const boot = async (env: Record<string, string>, transport?: FrontName): Promise<RunningServer> => {
	const server = await start({
		server: {
			init: async () => {},
			respond: async (asked, { getClientAddress }) => {
				return new Response(`${asked.url} [${getClientAddress()}]`);
			}
		},
		load: async () => ({
			config: transport ? { transport } : {},
			modules: { math: { double: live(async (_ctx, n: number) => n * 2) } }
		}),
		directory: '/nowhere',
		env: { HOST: '127.0.0.1', PORT: '0', SHUTDOWN_TIMEOUT: '1', ...env },
		signals: false
	});
	running.push(server);
	return server;
};

describe.each(FRONTS)('%s, on a Unix socket', (transport) => {
	const page = async (headers: Record<string, string> = {}): Promise<string> => {
		const asked = get({
			socketPath: path,
			path: '/page',
			headers: { host: 'a.example', ...headers }
		});
		const [answer] = (await once(asked, 'response')) as [IncomingMessage];
		return text(answer);
	};

	test('pages and calls are answered', async () => {
		const server = await boot({ SOCKET_PATH: path }, transport);
		const socket = new WebSocket(`ws+unix://${path}:/ws`);
		await once(socket, 'open');
		const answered = new Promise<string>((resolve) => {
			socket.on('message', (data) => {
				if (String(data).includes('"reply"')) resolve(String(data));
			});
		});
		socket.send(JSON.stringify({ type: 'rpc', id: 1, path: 'math/double', args: [21] }));

		expect(await page()).toBe('http://a.example/page []');
		expect(JSON.parse(await answered)).toMatchObject({ id: 1, data: 42 });
		expect(server).toMatchObject({ transport, path, port: 0 });
		expect(console.log).toHaveBeenCalledWith(`Listening on ${path} (${transport})`);
	});

	test('the address of a client is what the proxy says', async () => {
		await boot({ SOCKET_PATH: path, ADDRESS_HEADER: 'x-client' }, transport);

		expect(await page({ 'x-client': '1.2.3.4' })).toBe('http://a.example/page [1.2.3.4]');
	});

	test('whoever the umask lets may connect, and at the end nothing is left', async () => {
		const server = await boot({ SOCKET_PATH: path }, transport);

		expect(statSync(path).mode & 0o777).toBe(0o777 & ~process.umask());
		await server.close();
		expect(existsSync(path)).toBe(false);
	});

	test('what a server has left behind is removed', async () => {
		const gone = createServer().listen(path);
		await once(gone, 'listening');
		renameSync(path, `${path}.kept`);
		await new Promise((resolve) => gone.close(resolve));
		renameSync(`${path}.kept`, path);

		await boot({ SOCKET_PATH: path }, transport);

		expect(await page()).toContain('/page');
	});

	test('what somebody listens on is left to them', async () => {
		await boot({ SOCKET_PATH: path }, transport);

		await expect(boot({ SOCKET_PATH: path }, transport)).rejects.toThrow(/Another process does/);
		expect(await page()).toContain('/page');
	});

	test('what is no socket is left as it is', async () => {
		writeFileSync(path, 'precious');

		await expect(boot({ SOCKET_PATH: path }, transport)).rejects.toThrow(/It is no socket/);
		expect(readFileSync(path, 'utf8')).toBe('precious');
	});

	test('a folder that is not there is told', async () => {
		const nowhere = join(folder, 'none/site.sock');

		await expect(boot({ SOCKET_PATH: nowhere }, transport)).rejects.toThrow(
			`Cannot listen on ${nowhere}`
		);
	});
});

describe('time-outs that are set', () => {
	test.each([
		['KEEP_ALIVE_TIMEOUT', '1'],
		['HEADERS_TIMEOUT', '1']
	])('%s has Node selected, which is told, and is an error with uws', async (name, value) => {
		expect((await boot({ [name]: value })).transport).toBe('node');
		expect(console.warn).toHaveBeenCalledWith(expect.stringContaining(name));
		await expect(boot({ [name]: value }, 'uws')).rejects.toThrow(
			new RegExp(`RT_TRANSPORT_UNAVAILABLE.*${name}`)
		);
	});

	test('a connection waits that long for its next request', async () => {
		const { port } = await boot({ KEEP_ALIVE_TIMEOUT: '1' }, 'node');
		const connection = await RawConnection.open(port);
		connection.send(request('/'));
		const answer = await connection.response();
		const begun = performance.now();
		await connection.closed();

		expect(answer.header('keep-alive')).toBe('timeout=1');
		// Node adds a second of its own, for a request that is on its way.
		expect(performance.now() - begun).toBeGreaterThan(900);
	});

	test('headers take that long at the most', async () => {
		const { port } = await boot({ HEADERS_TIMEOUT: '1' }, 'node');
		const connection = await RawConnection.open(port);
		connection.send('GET / HTTP/1.1\r\nHost: a\r\n');
		await connection.closed();

		expect(connection.received).toMatch(/^HTTP\/1\.1 408 /);
		expect((await raw(port, request('/'))).status).toBe(200);
	});
});
