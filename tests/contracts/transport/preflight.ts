import { request as httpRequest } from 'node:http';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import type { UpgradeAnswer } from '../../../kernel/transport.ts';
import { fail, type Start } from './bench.ts';
import { accept, refuse } from './recording-host.ts';

const PATH = '/__ws/auth';
const OTHER = 'https://other.example';

interface Asked {
	readonly status: number;
	readonly headers: Readonly<Record<string, string | string[] | undefined>>;
	readonly body: string;
}

/** Asks with whatever headers, which `fetch` would not let pass. */
function ask(
	port: number,
	options: { method?: string; path?: string; headers?: Record<string, string>; body?: string } = {}
): Promise<Asked> {
	const { method = 'POST', path = PATH, headers = {}, body = '' } = options;
	const length = method === 'POST' ? { 'content-length': String(Buffer.byteLength(body)) } : {};
	return new Promise((resolve, reject) => {
		const sent = httpRequest(
			{ port, host: '127.0.0.1', method, path, headers: { ...length, ...headers } },
			(response) => {
				let text = '';
				response.on('data', (chunk) => (text += String(chunk)));
				response.on('end', () =>
					resolve({ status: response.statusCode!, headers: response.headers, body: text })
				);
			}
		);
		sent.on('error', reject);
		sent.end(body);
	});
}

const withCookies = (...setCookies: string[]): UpgradeAnswer => ({
	...(accept() as Extract<UpgradeAnswer, { ok: true }>),
	setCookies
});

export function preflightContract(start: Start): void {
	describe('preflight', () => {
		test.each(['a synchronous', 'an asynchronous'])(
			'%s answer goes out over HTTP, with every cookie, and nothing is opened',
			async (kind) => {
				const { host, port } = await start();
				const answer = withCookies('a=1; Path=/; HttpOnly', 'b=2');
				host.answer = () => (kind === 'a synchronous' ? answer : Promise.resolve(answer));

				const headers = { cookie: 'session=x', 'x-real-ip': '1.2.3.4' };
				const told = await ask(port, { path: `${PATH}?a=b`, headers });

				expect([told.status, told.body]).toEqual([204, '']);
				expect(told.headers['set-cookie']).toEqual(['a=1; Path=/; HttpOnly', 'b=2']);
				expect(told.headers['cache-control']).toBe('no-store');
				expect(await host.preflights.next()).toMatchObject({
					url: '/ws?a=b',
					ip: '1.2.3.4',
					origin: `http://127.0.0.1:${port}`,
					headers: { cookie: 'session=x' }
				});
				expect([host.requests.all, host.opened.all]).toEqual([[], []]);
			}
		);

		test('a refusal has its status and code, and says when to come back', async () => {
			const { host, port } = await start();
			host.answer = () => ({ ...refuse(429, 'RATE_LIMITED', 'Slow down.'), retryAfter: 1500 });

			const { status, headers, body } = await ask(port);

			expect(status).toBe(429);
			expect(headers['retry-after']).toBe('2');
			expect(JSON.parse(body)).toEqual({
				code: 'RATE_LIMITED',
				reason: 'Slow down.',
				retryAfter: 1500
			});
		});

		test.each(['GET', 'PUT', 'DELETE', 'HEAD'])('%s is no way to ask', async (method) => {
			const { host, port } = await start();

			const { status, headers } = await ask(port, { method });

			expect([status, headers['allow']]).toEqual([405, 'POST, OPTIONS']);
			expect(host.preflights.all).toEqual([]);
		});

		test('a page of another origin that may connect can ask, and read what it is told', async () => {
			const { host, port } = await start();
			host.answer = () => withCookies('a=1');
			const headers = { origin: OTHER };

			const before = await ask(port, {
				method: 'OPTIONS',
				headers: { ...headers, 'access-control-request-method': 'POST' }
			});
			const told = await ask(port, { headers });
			host.answer = () => refuse(401, 'UNAUTHENTICATED', 'Sign in first.');
			const refused = await ask(port, { headers });

			const cors = {
				'access-control-allow-origin': OTHER,
				'access-control-allow-credentials': 'true',
				vary: 'origin'
			};
			expect(before).toMatchObject({
				status: 204,
				headers: { ...cors, 'access-control-allow-methods': 'POST' }
			});
			expect(told).toMatchObject({ status: 204, headers: { ...cors, 'set-cookie': ['a=1'] } });
			expect(refused).toMatchObject({ status: 401, headers: cors });
			expect(host.preflights.all).toHaveLength(2);
		});

		test.each<[string, Record<string, string>]>([
			['of an origin that may not connect', { origin: 'https://evil.example' }],
			['of a page without an origin', { origin: 'null' }],
			['of an origin that is none', { origin: 'evil' }],
			['that hides its origin', { 'sec-fetch-site': 'cross-site' }],
			['of a neighbour that hides its origin', { 'sec-fetch-site': 'same-site' }]
		])('a page %s is refused before anybody is asked', async (_, headers) => {
			const { host, port } = await start();

			const told = await ask(port, { headers });
			const before = await ask(port, { method: 'OPTIONS', headers });

			for (const answer of [told, before]) {
				expect(answer.status).toBe(403);
				expect(JSON.parse(answer.body)).toMatchObject({ code: 'FORBIDDEN' });
				expect(answer.headers['access-control-allow-origin']).toBeUndefined();
			}
			expect(host.preflights.all).toEqual([]);
		});

		test('a page of the own origin is let in, as is a program that is no browser', async () => {
			const { host, port } = await start();
			const origin = `http://127.0.0.1:${port}`;

			const page = await ask(port, { headers: { origin, 'sec-fetch-site': 'same-origin' } });
			const program = await ask(port);

			expect([page.status, program.status]).toEqual([204, 204]);
			expect(host.preflights.all).toHaveLength(2);
		});

		test.each<[number, string, Record<string, string>, string]>([
			[415, 'a form', { 'content-type': 'application/x-www-form-urlencoded' }, 'a=1'],
			[415, 'text', { 'content-type': 'text/plain' }, '{}'],
			[415, 'what has no type', {}, '{}'],
			[413, 'much', { 'content-type': 'application/json' }, 'x'.repeat(1025)]
		])('%i is the answer to %s', async (status, _, headers, body) => {
			const { host, port, settled } = await start();

			expect((await ask(port, { headers, body })).status).toBe(status);

			expect(host.preflights.all).toEqual([]);
			await settled();
		});

		test('a little JSON does no harm', async () => {
			const { host, port } = await start();
			const headers = { 'content-type': 'application/json; charset=utf-8' };

			const { status } = await ask(port, { headers, body: '{}' });

			expect(status).toBe(204);
			expect(host.preflights.all).toHaveLength(1);
		});

		test('a body without a length is refused, and the server goes on', async () => {
			const { host, raw, settled } = await start();
			const lines = ['Host: x', 'Content-Type: application/json', 'Transfer-Encoding: chunked'];

			const client = raw([`POST ${PATH} HTTP/1.1`, ...lines]);
			const text = await client.until('\r\n\r\n');

			expect(text).toMatch(/^HTTP\/1\.1 411 /);
			expect(host.preflights.all).toEqual([]);
			await settled();
		});

		test.each<[string, () => never]>([
			['throws', () => fail()],
			['rejects', () => Promise.reject(new Error('planted')) as never],
			['sets a cookie with a line break', () => withCookies('a=b\r\nx-c: d') as never]
		])('a host that %s costs one page a 500, and no more', async (_, answer) => {
			const logged = vi.spyOn(console, 'error').mockImplementation(() => {});
			onTestFinished(() => logged.mockRestore());
			const { host, port } = await start();
			host.answer = answer;

			const { status, body } = await ask(port);

			expect(status).toBe(500);
			expect(body).toContain('INTERNAL_ERROR');
			expect(body).not.toContain('planted');
			expect(logged).toHaveBeenCalledOnce();
		});

		test('a host that cannot be resolved is refused with 400', async () => {
			const { attachment, port } = await start();
			attachment.resolve = () => {
				throw new Error('no such host');
			};

			expect((await ask(port)).status).toBe(400);
			expect((await ask(port, { headers: { origin: OTHER } })).status).toBe(400);
		});

		test('a page that leaves before it is told does no harm', async () => {
			const { host, raw, settled } = await start();
			let resume!: () => void;
			const paused = new Promise<void>((resolve) => (resume = resolve));
			host.answer = async () => {
				await paused;
				return accept();
			};

			const made = raw([`POST ${PATH} HTTP/1.1`, 'Host: x', 'Content-Length: 0']);
			await host.preflights.next();
			made.socket.resetAndDestroy();
			await made.closed;
			host.answer = () => accept();
			await settled();
			resume();

			await settled();
		});

		test('other paths are answered by the site', async () => {
			const { host, port } = await start();

			const other = await ask(port, { path: '/__ws/auth/other' });

			expect(other.body).toBe('page /__ws/auth/other');
			expect(host.preflights.all).toEqual([]);
		});

		test('a page that asks learns that an upgrade would set cookies, which a proxy may not let pass', async () => {
			const { host, port } = await start();
			const headers = { 'x-realtime-ask': '1' };
			host.answer = () => accept({ 'Set-Cookie': 'a=1' });

			const told = await ask(port, { method: 'GET', path: '/ws', headers });

			expect(JSON.parse(told.body)).toEqual({ setsCookies: true });
			expect(told.headers['set-cookie']).toBeUndefined();
		});
	});
}
