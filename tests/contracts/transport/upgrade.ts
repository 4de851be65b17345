import { describe, expect, onTestFinished, test, vi } from 'vitest';
import type { UpgradeRequest } from '../../../kernel/contexts.ts';
import { fail, type Start } from './bench.ts';
import { HANDSHAKE } from './clients.ts';
import { accept, refuse } from './recording-host.ts';

export function upgradeContract(start: Start): void {
	describe('upgrade', () => {
		test('the host sees url, headers, address and origin of the request', async () => {
			const { host, client, port } = await start();

			await client('/ws?room=%C3%A4&b', { headers: { 'X-Name': 'Value', Cookie: 'a=1' } }).opened;

			const request = await host.requests.next();
			expect(request).toMatchObject({
				url: '/ws?room=%C3%A4&b',
				ip: '127.0.0.1',
				origin: `http://127.0.0.1:${port}`
			});
			expect(request.headers).toMatchObject({ 'x-name': 'Value', cookie: 'a=1' });
		});

		test('a request without a query has a url without one', async () => {
			const { host, client } = await start();

			await client('/ws').opened;

			expect((await host.requests.next()).url).toBe('/ws');
		});

		test('repeated headers are joined as Node joins them', async () => {
			const { host, raw } = await start();

			const lines = ['X-List: a', 'X-List: b', 'Cookie: a=1', 'Cookie: b=2', 'User-Agent: one'];
			raw(['GET /ws HTTP/1.1', ...HANDSHAKE, ...lines, 'User-Agent: two']);

			expect((await host.requests.next()).headers).toMatchObject({
				'x-list': 'a, b',
				cookie: 'a=1; b=2',
				'user-agent': 'one'
			});
		});

		test('the request can be read long after it was answered', async () => {
			const { host, client } = await start();
			let resume!: () => void;
			const paused = new Promise<void>((resolve) => (resume = resolve));
			let seen: UpgradeRequest | undefined;
			host.answer = async (request) => {
				await paused;
				seen = { ...request, headers: { ...request.headers } };
				return accept();
			};

			const made = client('/ws?late', { headers: { 'x-late': 'yes' } });
			await host.requests.next();
			resume();
			await made.opened;

			expect(seen?.url).toBe('/ws?late');
			expect(seen?.headers['x-late']).toBe('yes');
		});

		test.each(['a synchronous', 'an asynchronous'])('%s answer accepts', async (kind) => {
			const { host, client } = await start();
			const answer = { ok: true, data: { user: { id: 7 } }, responseHeaders: { 'X-Sync': kind } };
			host.answer = () => (kind === 'a synchronous' ? answer : Promise.resolve(answer)) as never;

			const made = client();
			await made.opened;

			expect((await host.opened.next()).data).toBe(answer.data);
			expect(made.headers['x-sync']).toBe(kind);
		});

		test.each(['a synchronous', 'an asynchronous'])('%s answer refuses', async (kind) => {
			const { host, raw, settled } = await start();
			const answer = refuse(429, 'RATE_LIMITED', 'Slow down.');
			host.answer = () => (kind === 'a synchronous' ? answer : Promise.resolve(answer));

			const text = await raw(['GET /ws HTTP/1.1', ...HANDSHAKE]).until('Slow down."}');

			expect(text).toMatch(/^HTTP\/1\.1 429 Too Many Requests\r\n/);
			expect(text).toMatch(/content-type: application\/json\r\n/i);
			expect(text.split('\r\n\r\n')[1]).toBe('{"code":"RATE_LIMITED","reason":"Slow down."}');
			host.answer = () => accept();
			await settled();
			expect(host.opened.all).toHaveLength(1);
		});

		test('a refusal says when to come back, in seconds to HTTP and in ms to the client', async () => {
			const { host, raw } = await start();
			host.answer = () => ({ ...refuse(429, 'RATE_LIMITED', 'Slow down.'), retryAfter: 1500 });

			const text = await raw(['GET /ws HTTP/1.1', ...HANDSHAKE]).until('}');

			expect(text).toMatch(/\r\nretry-after: 2\r\n/i);
			expect(JSON.parse(text.split('\r\n\r\n')[1]!)).toEqual({
				code: 'RATE_LIMITED',
				reason: 'Slow down.',
				retryAfter: 1500
			});
		});

		test.each(['a synchronous', 'an asynchronous'])(
			'a page that asks is told %s refusal without an upgrade',
			async (kind) => {
				const { host, port } = await start();
				const answer = { ...refuse(429, 'RATE_LIMITED', 'Slow down.'), retryAfter: 1500 };
				host.answer = () => (kind === 'a synchronous' ? answer : Promise.resolve(answer));

				const headers = { 'x-realtime-ask': 'one, two', cookie: 'a=1', 'x-real-ip': '1.2.3.4' };
				const response = await fetch(`http://127.0.0.1:${port}/ws?a=b`, { headers });

				expect(response.status).toBe(429);
				expect(response.headers.get('retry-after')).toBe('2');
				expect(response.headers.get('cache-control')).toBe('no-store');
				expect(await response.json()).toEqual({
					code: 'RATE_LIMITED',
					reason: 'Slow down.',
					retryAfter: 1500
				});
				const request = await host.requests.next();
				expect(request).toMatchObject({ url: '/ws?a=b', ip: '1.2.3.4' });
				expect(request.headers).toMatchObject({
					cookie: 'a=1',
					'sec-websocket-protocol': 'one, two'
				});
				expect(host.opened.all).toEqual([]);
			}
		);

		test('a page that asks and would be let in is told so, and nothing is opened', async () => {
			const { host, port, settled } = await start();
			host.answer = () => accept({ 'x-of-the-101': 'yes' });

			const headers = { 'x-realtime-ask': '1' };
			const response = await fetch(`http://127.0.0.1:${port}/ws`, { headers });

			expect(response.status).toBe(200);
			expect(await response.json()).toEqual({});
			expect(response.headers.get('x-of-the-101')).toBeNull();
			await settled();
			expect(host.opened.all).toHaveLength(1);
		});

		test('asking about another path, or in another way, is answered by the site', async () => {
			const { host, port } = await start();
			const headers = { 'x-realtime-ask': '1' };

			const other = await (await fetch(`http://127.0.0.1:${port}/about`, { headers })).text();
			const post = await fetch(`http://127.0.0.1:${port}/ws`, { method: 'POST', headers });

			expect(other).toBe('page /about');
			expect(await post.text()).toBe('page /ws');
			expect(host.requests.all).toEqual([]);
		});

		test('a request whose host cannot be resolved is refused with 400', async () => {
			const { attachment, raw } = await start();
			attachment.resolve = () => {
				throw new Error('no such host');
			};

			const text = await raw(['GET /ws HTTP/1.1', ...HANDSHAKE]).until('}');

			expect(text).toMatch(/^HTTP\/1\.1 400 /);
			expect(text).not.toContain('no such host');
		});

		test.each<[string, () => never]>([
			['throws', () => fail()],
			['rejects', () => Promise.reject(new Error('planted')) as never],
			['sets a header with a line break', () => accept({ 'x-a': 'b\r\nx-c: d' }) as never]
		])('a host that %s costs one client a 500, and no more', async (_, answer) => {
			const logged = vi.spyOn(console, 'error').mockImplementation(() => {});
			onTestFinished(() => logged.mockRestore());
			const { host, raw, connected } = await start();
			host.answer = answer;

			const text = await raw(['GET /ws HTTP/1.1', ...HANDSHAKE]).until('}');

			expect(text).toMatch(/^HTTP\/1\.1 500 /);
			expect(text).toContain('INTERNAL_ERROR');
			expect(text).not.toContain('planted');
			expect(logged).toHaveBeenCalledOnce();
			host.answer = () => accept();
			await connected();
		});

		test('the first subprotocol that the client offers is chosen', async () => {
			const { client } = await start();

			const made = client('/ws', { protocols: ['one', 'two'] });
			await made.opened;

			expect(made.ws.protocol).toBe('one');
		});

		test('no extension is agreed to', async () => {
			const { client } = await start();

			const made = client('/ws', { perMessageDeflate: true });
			await made.opened;

			expect(made.ws.extensions).toBe('');
		});

		test.each(['destroy', 'resetAndDestroy'] as const)(
			'a client that leaves (%s) while the answer is pending is not opened',
			async (leave) => {
				const { host, raw, settled } = await start();
				let resume!: () => void;
				const paused = new Promise<void>((resolve) => (resume = resolve));
				host.answer = async () => {
					await paused;
					return accept();
				};

				const made = raw(['GET /ws HTTP/1.1', ...HANDSHAKE]);
				await host.requests.next();
				made.socket[leave]();
				await made.closed;
				const { answer } = host;
				host.answer = () => accept();
				await settled();
				resume();
				await answer({} as UpgradeRequest);
				await settled();

				expect(host.opened.all).toHaveLength(2);
				expect(host.closed.all.every(({ connection }) => connection.id !== 'c2')).toBe(true);
			}
		);

		test.each(['a synchronous', 'an asynchronous'])(
			'frames that do not wait for %s answer do no harm',
			async (kind) => {
				const { host, raw, settled } = await start();
				host.answer = () =>
					kind === 'a synchronous'
						? accept()
						: new Promise((resolve) => setImmediate(resolve, accept()));

				const made = raw(['GET /ws HTTP/1.1', ...HANDSHAKE]);
				made.socket.write(Buffer.from([0x81, 0x81, 0, 0, 0, 0, 0x61]));
				await host.requests.next();
				made.socket.end();
				await made.closed;
				await settled();

				const others = host.opened.all.length - 1;
				expect(host.closed.all).toHaveLength(others);
			}
		);

		test('a plain request for the path is answered by the site', async () => {
			const { host, port, raw } = await start();

			const page = await (await fetch(`http://127.0.0.1:${port}/ws`)).text();
			const keyed = await raw([
				'GET /ws HTTP/1.1',
				...HANDSHAKE.filter((line) => !/^(Upgrade|Connection)/.test(line)),
				'Connection: close'
			]).until('page /ws');

			expect(page).toBe('page /ws');
			expect(keyed).toMatch(/^HTTP\/1\.1 200 /);
			expect(host.requests.all).toEqual([]);
		});

		test('an upgrade to something else is answered by the site', async () => {
			const { host, raw } = await start();

			const lines = ['Host: x', 'Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c'];
			const text = await raw(['GET /about HTTP/1.1', ...lines]).until('page /about');

			expect(text).toMatch(/^HTTP\/1\.1 200 /);
			expect(host.requests.all).toEqual([]);
		});
	});
}
