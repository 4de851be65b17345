import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import {
	copyFileSync,
	mkdtempSync,
	readFileSync,
	renameSync,
	rmSync,
	symlinkSync,
	writeFileSync
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, type TLSSocket } from 'node:tls';
import { afterAll, afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { WebSocket } from 'ws';
import { live } from 'svelte-realtime';
import { createClient, type WebSocketConstructor } from 'svelte-realtime/client';
import { watchCertificate } from '../../adapter/runtime/certificate.ts';
import { start, type RunningServer } from '../../adapter/runtime/index.ts';
import { until } from '../servers/until.ts';
import { FRONTS } from './fronts.ts';
import { RawConnection, request } from './raw.ts';

const made = mkdtempSync(join(tmpdir(), 'realtime-tls-'));
afterAll(() => rmSync(made, { recursive: true, force: true }));

/** A certificate for that name. */
function certify(name: string): { cert: string; key: string } {
	const files = { cert: join(made, `${name}-cert.pem`), key: join(made, `${name}-key.pem`) };
	const what = ['-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
	const where = ['-keyout', files.key, '-out', files.cert];
	const whose = ['-days', '2', '-subj', `/CN=${name}`];
	execFileSync('openssl', ['req', ...what, ...where, ...whose], { stdio: 'pipe' });
	return files;
}

const FIXTURE = {
	cert: new URL('../fixtures/tls/cert.pem', import.meta.url).pathname,
	key: new URL('../fixtures/tls/key.pem', import.meta.url).pathname
};
const SECOND = certify('second');
const THIRD = certify('third');

/** A client that takes every certificate. */
class Trusting extends WebSocket {
	constructor(url: string, protocols?: string[]) {
		super(url, protocols, { rejectUnauthorized: false });
	}
}

describe.each(FRONTS)('%s', (transport) => {
	const running: RunningServer[] = [];
	let files: { cert: string; key: string };
	beforeEach(() => {
		const folder = mkdtempSync(join(made, 'site-'));
		files = { cert: join(folder, 'cert.pem'), key: join(folder, 'key.pem') };
		put(FIXTURE);
		vi.spyOn(console, 'log').mockImplementation(() => {});
	});
	afterEach(async () => {
		await Promise.all(running.splice(0).map((server) => server.close()));
		vi.restoreAllMocks();
	});

	/** Puts a certificate in the place of the one that is there, its key after it. */
	const put = (from: { cert: string; key: string }): void => {
		copyFileSync(from.cert, files.cert);
		copyFileSync(from.key, files.key);
	};
	const boot = async (env: Record<string, string> = {}) => {
		const rows = [1];
		const server = await start({
			server: {
				init: async () => {},
				respond: async (asked) => new Response(asked.url)
			},
			load: async () => ({
				config: { transport },
				modules: {
					test: {
						double: live(async (_ctx, n: number) => n * 2),
						rows: live.stream('rows', () => rows.map((id) => ({ id })))
					}
				}
			}),
			directory: '/nowhere',
			env: {
				...{ HOST: '127.0.0.1', PORT: '0', SHUTDOWN_TIMEOUT: '1' },
				...{ SSL_CERT: files.cert, SSL_KEY: files.key },
				...env
			},
			signals: false
		});
		running.push(server);
		return server;
	};
	const dial = async ({ port }: { port: number }): Promise<TLSSocket> => {
		const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false });
		await once(socket, 'secureConnect');
		return socket;
	};
	/** Whose certificate a new connection gets. */
	const nameAt = async (server: RunningServer): Promise<string> => {
		const socket = await dial(server);
		const { subject } = socket.getPeerCertificate();
		socket.destroy();
		return subject.CN as string;
	};
	const client = ({ port }: RunningServer) =>
		createClient({
			url: `wss://127.0.0.1:${port}/ws`,
			WebSocket: Trusting as never as WebSocketConstructor
		});

	test('pages are served over https, and know it; sockets are wss', async () => {
		const server = await boot();
		const page = new RawConnection(await dial(server));
		page.send(request('/page'));
		const own = client(server);

		expect((await page.response()).text).toBe('https://example.com/page');
		expect(await own.call('test/double')(21)).toBe(42);
		expect(console.log).toHaveBeenCalledWith(
			`Listening on https://127.0.0.1:${server.port} (${transport})`
		);
		own.close();
		page.socket.destroy();
	});

	test('a port that is taken is said so', async () => {
		const { port, close } = await boot();
		await close();
		// By its number: a port that the system chose is never shared.
		await boot({ PORT: String(port) });

		await expect(boot({ PORT: String(port) })).rejects.toThrow(
			`Cannot listen on 127.0.0.1:${port}`
		);
	});

	test('plain HTTP on the port is answered by nothing, and harms nobody', async () => {
		const server = await boot();
		const plain = await RawConnection.open(server.port);
		plain.send(request('/'));
		await plain.closed();

		expect(plain.received).not.toContain('200');
		expect(await nameAt(server)).toBe('localhost');
	});

	test('new connections get a new certificate, and open ones live on, with each other', async () => {
		const server = await boot();
		const page = new RawConnection(await dial(server));
		page.send(request('/before'));
		await page.response();
		const old = client(server);
		const seen: string[] = [];
		old
			.stream('test/rows')()
			.subscribe((value) => void seen.push(`old ${JSON.stringify(value)}`));
		await until(() => seen.some((line) => line.includes('1')));

		put(SECOND);
		// All of them: for a moment both listen.
		await until(async () => {
			const names = await Promise.all(Array.from({ length: 12 }, () => nameAt(server)));
			return names.every((name) => name === 'second');
		});
		const young = client(server);
		young
			.stream('test/rows')()
			.subscribe((value) => void seen.push(`new ${JSON.stringify(value)}`));
		await until(() => seen.some((line) => line.startsWith('new') && line.includes('1')));
		await server.app!.platform.publish('rows', 'created', { id: 2 });
		await until(() => seen.filter((line) => line.includes('2')).length === 2);
		page.send(request('/after'));

		expect((await page.response()).text).toBe('https://example.com/after');
		expect(await old.call('test/double')(4)).toBe(8);
		expect(await young.call('test/double')(5)).toBe(10);
		expect(old.connection.status).toBe('open');

		put(THIRD);
		await until(async () => (await nameAt(server)) === 'third');
		expect(await old.call('test/double')(6)).toBe(12);
		old.close();
		young.close();
		page.socket.destroy();
	});

	test('so it is on a Unix socket', async () => {
		const path = join(made, `${transport}.sock`);
		await boot({ SOCKET_PATH: path });
		const nameThere = async (): Promise<string> => {
			const socket = connect({ path, rejectUnauthorized: false });
			await once(socket, 'secureConnect');
			const { subject } = socket.getPeerCertificate();
			socket.destroy();
			return subject.CN as string;
		};
		expect(await nameThere()).toBe('localhost');

		put(SECOND);
		await until(async () => (await nameThere()) === 'second');
	});

	test('one that cannot be used is told once, and the old one stays until it can', async () => {
		const reports = vi.spyOn(console, 'error').mockImplementation(() => {});
		const server = await boot();

		copyFileSync(SECOND.cert, files.cert);
		await until(() => reports.mock.calls.length > 0);
		expect(reports.mock.calls).toEqual([[expect.objectContaining({ code: 'RT_TLS_INVALID' })]]);
		expect(await nameAt(server)).toBe('localhost');

		copyFileSync(SECOND.key, files.key);
		await until(async () => (await nameAt(server)) === 'second');
		expect(reports).toHaveBeenCalledTimes(1);
	});

	test('a link on the way to the files that comes to lead elsewhere is followed', async () => {
		const folder = mkdtempSync(join(made, 'links-'));
		const point = (name: string): void => {
			symlinkSync(join(made, `${name}-cert.pem`), join(folder, 'cert'));
			symlinkSync(join(made, `${name}-key.pem`), join(folder, 'key'));
		};
		point('second');
		const server = await boot({ SSL_CERT: join(folder, 'cert'), SSL_KEY: join(folder, 'key') });
		expect(await nameAt(server)).toBe('second');

		for (const part of ['cert', 'key']) {
			symlinkSync(join(made, `third-${part}.pem`), join(folder, `${part}-next`));
			renameSync(join(folder, `${part}-next`), join(folder, part));
		}

		await until(async () => (await nameAt(server)) === 'third');
	});

	test.each([
		['that is not there', () => rmSync(files.cert), /no such file/],
		['that is no certificate', () => writeFileSync(files.cert, 'x'), /PEM|start line/i],
		['that the key does not fit', () => copyFileSync(SECOND.key, files.key), /mismatch/]
	])('with a certificate %s it does not start', async (_, spoil, why) => {
		spoil();

		const failed = boot();
		await expect(failed).rejects.toMatchObject({ code: 'RT_TLS_INVALID' });
		await expect(failed).rejects.toThrow(why);
	});
});

test('a certificate whose key is written a moment later is read once both are there', () => {
	const folder = mkdtempSync(join(made, 'pair-'));
	const files = { cert: join(folder, 'cert.pem'), key: join(folder, 'key.pem') };
	for (const part of ['cert', 'key'] as const) copyFileSync(FIXTURE[part], files[part]);
	const used: string[] = [];
	const reports: unknown[] = [];
	vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
	const stop = watchCertificate(
		files,
		({ cert }) => void used.push(cert.toString()),
		(error) => reports.push(error)
	);
	const look = (): unknown => vi.advanceTimersByTime(250);

	look();
	copyFileSync(SECOND.cert, files.cert);
	look();
	copyFileSync(SECOND.key, files.key);
	for (let looks = 0; looks < 4; looks += 1) look();
	stop();
	vi.useRealTimers();

	expect(reports).toEqual([]);
	expect(used).toEqual([readFileSync(SECOND.cert, 'utf8')]);
});
