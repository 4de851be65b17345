import { brotliCompressSync, gzipSync, gunzipSync, brotliDecompressSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { FRONTS, startFront, type Front } from './fronts.ts';
import { RawConnection, raw, request } from './raw.ts';

const script = `console.log("${'x'.repeat(4000)}");`;
const large = Buffer.alloc(3 * 1024 * 1024, 'abcdefghij');

describe.each(FRONTS)('%s', (name) => {
	let front: Front;
	beforeAll(async () => {
		front = await startFront(name, {
			client: {
				'_app/immutable/entry.js': script,
				'_app/immutable/entry.js.br': brotliCompressSync(script),
				'_app/immutable/entry.js.gz': gzipSync(script),
				'_app/immutable/entry.js.zst': 'as zstd',
				'digits.txt': '0123456789',
				'my file #1.txt': 'spaces',
				'large.bin': large,
				'.env': 'SECRET=1',
				'.well-known/security.txt': 'Contact: nobody',
				'empty.txt': ''
			},
			prerendered: {
				'about.html': '<h1>About</h1>',
				'blog/index.html': '<h1>Blog</h1>',
				feed: '<rss/>'
			},
			pages: {
				'/about': { file: 'about.html' },
				'/blog/': { file: 'blog/index.html' },
				'/feed': { file: 'feed', type: 'application/rss+xml' },
				'/old': { status: 301, location: '/about' }
			},
			respond: (asked) => new Response(`page ${new URL(asked.url).pathname}`, { status: 404 })
		});
	});
	afterAll(() => front.close());
	const get = (path: string, headers: Record<string, string> = {}, method = 'GET') =>
		raw(front.port, request(path, headers, method));

	test('a file comes with type, charset, length and a validator', async () => {
		const response = await get('/digits.txt');

		expect(response.statusLine).toBe('HTTP/1.1 200 OK');
		expect(response.text).toBe('0123456789');
		expect(response.header('content-type')).toBe('text/plain; charset=utf-8');
		expect(response.header('content-length')).toBe('10');
		expect(response.header('cache-control')).toBe('no-cache');
		expect(response.header('etag')).toMatch(/^"[\w-]+"$/);
		expect(response.headers.filter(([key]) => key === 'date')).toHaveLength(1);
	});

	test('hashed files are cached for ever', async () => {
		const response = await get('/_app/immutable/entry.js');

		expect(response.header('cache-control')).toBe('public, max-age=31536000, immutable');
		expect(response.header('vary')).toBe('Accept-Encoding');
		expect(response.text).toBe(script);
	});

	test.each([
		['br, gzip', 'br'],
		['gzip, br', 'br'],
		['gzip, zstd, br', 'br'],
		['gzip, zstd', 'zstd'],
		['gzip', 'gzip'],
		['br;q=0.4, gzip;q=0.8', 'gzip'],
		['br;q=0, gzip', 'gzip'],
		['br;q=0', undefined],
		['*', 'br'],
		['identity', undefined],
		['identity;q=1, br;q=0.5', undefined]
	])('Accept-Encoding "%s" gets %s', async (accepted, coding) => {
		const response = await get('/_app/immutable/entry.js', { 'Accept-Encoding': accepted });

		expect(response.header('content-encoding')).toBe(coding);
		const decoded =
			coding === 'zstd'
				? Buffer.from(response.text === 'as zstd' ? script : '')
				: coding === 'br'
					? brotliDecompressSync(response.body)
					: coding === 'gzip'
						? gunzipSync(response.body)
						: response.body;
		expect(decoded.toString()).toBe(script);
	});

	test('each representation has an ETag of its own', async () => {
		const path = '/_app/immutable/entry.js';
		const tags = await Promise.all(
			['identity', 'gzip', 'zstd', 'br'].map(async (coding) =>
				(await get(path, { 'Accept-Encoding': coding })).header('etag')
			)
		);

		expect(new Set(tags).size).toBe(4);
	});

	test('a validator in a list, a weak one and * all say that the client has it', async () => {
		const etag = (await get('/digits.txt')).header('etag')!;

		for (const header of [etag, `"other", ${etag}`, `W/${etag}`, '*']) {
			const response = await get('/digits.txt', { 'If-None-Match': header });
			expect(response.status).toBe(304);
			expect(response.header('etag')).toBe(etag);
			expect(response.header('cache-control')).toBe('no-cache');
		}
		expect((await get('/digits.txt', { 'If-None-Match': '"other"' })).status).toBe(200);
	});

	test('HEAD says the length, sends nothing, and leaves the connection usable', async () => {
		const connection = await RawConnection.open(front.port);

		for (const path of ['/digits.txt', '/large.bin', '/about', '/old', '/healthz', '/nowhere']) {
			connection.send(request(path, {}, 'HEAD'));
			const response = await connection.response(true);
			if (path === '/digits.txt') expect(response.header('content-length')).toBe('10');
			if (path === '/large.bin') {
				expect(response.header('content-length')).toBe(String(large.length));
			}
		}
		connection.send(request('/digits.txt'));
		expect((await connection.response()).text).toBe('0123456789');
		connection.socket.destroy();
	});

	test('paths are decoded', async () => {
		expect((await get('/my%20file%20%231.txt')).text).toBe('spaces');
		expect((await get('/digits.txt?v=1')).text).toBe('0123456789');
	});

	test('no path leaves the folder', async () => {
		for (const path of [
			'/../package.json',
			'/%2e%2e/%2e%2e/etc/passwd',
			'/..%2f..%2fetc%2fpasswd',
			'/_app/../../client/digits.txt',
			'//etc/passwd',
			'/digits.txt%00',
			'/%zz'
		]) {
			const response = await get(path);
			expect(response.status, path).toBe(404);
			expect(response.text, path).toMatch(/^page /);
		}
	});

	test('dotfiles are not served, .well-known is', async () => {
		expect((await get('/.env')).status).toBe(404);
		expect((await get('/.well-known/security.txt')).status).toBe(200);
	});

	test.each([
		['bytes=0-3', '0123', 'bytes 0-3/10'],
		['bytes=7-', '789', 'bytes 7-9/10'],
		['bytes=-2', '89', 'bytes 8-9/10'],
		['bytes=-100', '0123456789', 'bytes 0-9/10'],
		['bytes=8-100', '89', 'bytes 8-9/10']
	])('a range "%s" is %s', async (range, text, contentRange) => {
		const response = await get('/digits.txt', { Range: range });

		expect(response.status).toBe(206);
		expect(response.text).toBe(text);
		expect(response.header('content-range')).toBe(contentRange);
	});

	test('a range past the end is 416, a malformed or manifold one is ignored', async () => {
		const beyond = await get('/digits.txt', { Range: 'bytes=10-' });
		expect(beyond.status).toBe(416);
		expect(beyond.header('content-range')).toBe('bytes */10');
		for (const range of ['bytes=a-b', 'lines=0-1', 'lines=5-1', 'bytes=0-1,3-4', 'bytes=-']) {
			expect((await get('/digits.txt', { Range: range })).status, range).toBe(200);
		}
	});

	test('If-Range with another validator gets the whole file', async () => {
		const etag = (await get('/digits.txt')).header('etag')!;

		const same = await get('/digits.txt', { Range: 'bytes=0-1', 'If-Range': etag });
		const other = await get('/digits.txt', { Range: 'bytes=0-1', 'If-Range': '"x"' });

		expect(same.status).toBe(206);
		expect(other.status).toBe(200);
	});

	test('a large file arrives whole, in parts too, and the connection goes on', async () => {
		const connection = await RawConnection.open(front.port);
		connection.send(request('/large.bin'));
		const whole = await connection.response();
		connection.send(request('/large.bin', { Range: 'bytes=1000000-2999999' }));
		const part = await connection.response();
		connection.socket.destroy();

		expect(whole.body.equals(large)).toBe(true);
		expect(part.body.equals(large.subarray(1_000_000, 3_000_000))).toBe(true);
	});

	test('a client that reads slowly gets a large file whole', async () => {
		const connection = await RawConnection.open(front.port);
		connection.socket.pause();
		connection.send(request('/large.bin'));
		// Other requests are answered meanwhile: the server has filled the socket and waits.
		for (let i = 0; i < 50; i++) await get('/digits.txt');
		connection.socket.resume();

		expect((await connection.response()).body.equals(large)).toBe(true);
		connection.socket.destroy();
	});

	test('an empty file is an empty answer', async () => {
		const response = await get('/empty.txt');

		expect(response.status).toBe(200);
		expect(response.header('content-length')).toBe('0');
	});

	test('prerendered pages have one address each', async () => {
		expect((await get('/about')).text).toBe('<h1>About</h1>');
		expect((await get('/about')).header('content-type')).toBe('text/html; charset=utf-8');
		expect((await get('/blog/')).text).toBe('<h1>Blog</h1>');
		const slash = await get('/about/?a=1');
		expect([slash.status, slash.header('location')]).toEqual([308, '/about?a=1']);
		const bare = await get('/blog?a=%20');
		expect([bare.status, bare.header('location')]).toEqual([308, '/blog/?a=%20']);
	});

	test('prerendered endpoints keep their type and redirects their status', async () => {
		expect((await get('/feed')).header('content-type')).toBe('application/rss+xml');
		const old = await get('/old');
		expect([old.status, old.header('location')]).toEqual([301, '/about']);
	});

	test("other methods on a file are the page server's to answer", async () => {
		const response = await get('/digits.txt', { 'Content-Length': '0' }, 'DELETE');

		expect(response.text).toBe('page /digits.txt');
	});
});
