import { once } from 'node:events';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { connect } from 'node:net';
import { brotliCompressSync, gzipSync, gunzipSync, brotliDecompressSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { FRONTS, startFront, type Front } from './fronts.ts';
import { RawConnection, raw, request } from './raw.ts';
import { until } from '../servers/until.ts';

const script = `console.log("${'x'.repeat(4000)}");`;
/** Bytes of a file that takes no room on the disk. */
const HUGE = 1024 ** 3;
const large = Buffer.alloc(3 * 1024 * 1024, 'abcdefghij');

/** Bytes that this process has read, from files and sockets. */
function bytesRead(): number {
	return Number(/rchar: (\d+)/.exec(readFileSync('/proc/self/io', 'utf8'))![1]);
}

/** Whether this process has a file of this name open. */
function isOpen(name: string): boolean {
	return readdirSync('/proc/self/fd').some((descriptor) => {
		try {
			return readlinkSync(`/proc/self/fd/${descriptor}`).endsWith(`/${name}`);
		} catch {
			// That of the folder itself, which has been closed again.
			return false;
		}
	});
}

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
				'huge.bin': HUGE,
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

	test('a compressed file that is asked for by its own name is what it is', async () => {
		const path = '/_app/immutable/entry.js';
		for (let round = 0; round < 2; round++) {
			const negotiated = await get(path, { 'Accept-Encoding': 'br' });
			const itself = await get(`${path}.br`, { 'Accept-Encoding': 'br' });

			expect(negotiated.header('content-encoding')).toBe('br');
			expect(negotiated.header('content-type')).toBe('text/javascript; charset=utf-8');
			expect(itself.header('content-encoding')).toBeUndefined();
			expect(itself.header('content-type')).toBe('application/octet-stream');
			expect(itself.body.equals(negotiated.body)).toBe(true);
		}
	});

	test('every answer has one Date and one length, and says the same each time', async () => {
		const etag = (await get('/digits.txt')).header('etag')!;
		for (const [headers, status] of [
			[{}, 200],
			[{ 'If-None-Match': etag }, 304],
			[{ Range: 'bytes=1-2' }, 206],
			[{ Range: 'bytes=10-' }, 416]
		] as const) {
			const [first, second] = [
				await get('/digits.txt', headers),
				await get('/digits.txt', headers)
			];
			const names = second.headers.map(([key]) => key);

			expect(first.status).toBe(status);
			expect(names.filter((key) => key === 'date')).toHaveLength(1);
			expect(new Set(names).size).toBe(names.length);
			expect(second.headers.filter(([key]) => key !== 'date')).toEqual(
				first.headers.filter(([key]) => key !== 'date')
			);
			expect(second.body.equals(first.body)).toBe(true);
		}
	});

	test('what the client has goes before the part that it asks for', async () => {
		const etag = (await get('/digits.txt')).header('etag')!;

		expect((await get('/digits.txt', { 'If-None-Match': etag, Range: 'bytes=0-1' })).status).toBe(
			304
		);
		expect((await get('/digits.txt', { 'If-None-Match': '*' }, 'HEAD')).status).toBe(304);
		expect((await get('/digits.txt', { Range: 'bytes=0-1' }, 'HEAD')).status).toBe(200);
	});

	// --- what stands around a file's request ---

	test('a body that comes with the question for a file is not taken for a request', async () => {
		const connection = await RawConnection.open(front.port);
		const smuggled = request('/my%20file%20%231.txt');
		connection.send(request('/digits.txt', { 'Content-Length': `${smuggled.length}` }) + smuggled);
		expect((await connection.response()).text).toBe('0123456789');

		connection.send(request('/about'));
		expect((await connection.response()).text).toBe('<h1>About</h1>');
		connection.socket.destroy();
	});

	test.each([
		['two hosts', 'Host: other.example\r\n'],
		['two lengths', 'Content-Length: 0\r\nContent-Length: 5\r\n'],
		['an empty length before another', 'Content-Length:\r\nContent-Length: 5\r\n'],
		['an empty coding before another', 'Transfer-Encoding:\r\nTransfer-Encoding: chunked\r\n'],
		['a length and a coding', 'Content-Length: 5\r\nTransfer-Encoding: chunked\r\n']
	])('a question for a file with %s is refused, and is the last one', async (_what, lines) => {
		const connection = await RawConnection.open(front.port);
		connection.send(`GET /digits.txt HTTP/1.1\r\nHost: example.com\r\n${lines}\r\n`);
		await connection.closed();

		expect(connection.received).not.toContain('0123456789');
		expect(connection.received).toMatch(/^$|^HTTP\/1\.1 400 /);
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
			'/%252e%252e/package.json',
			'/..%5c..%5cpackage.json',
			'/./digits.txt',
			'/digits.txt/',
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
		const date = new Date(Date.now() + 60_000).toUTCString();

		expect(same.status).toBe(206);
		// Neither a weak validator nor a date, as none is given out, says that bytes are the same.
		for (const condition of ['"x"', `W/${etag}`, date]) {
			const other = await get('/digits.txt', { Range: 'bytes=0-1', 'If-Range': condition });
			expect([other.status, other.text], condition).toEqual([200, '0123456789']);
		}
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

	test('a file of 1 GB is read at the pace of its client', async () => {
		const connection = connect(front.port, '127.0.0.1');
		await once(connection, 'connect');
		connection.write(request('/huge.bin'));
		let taken = 0;
		for (const wanted of [0, 32 * 1024 * 1024]) {
			const before = bytesRead();
			while (taken < wanted) {
				taken += (connection.read() as Buffer | null)?.length ?? 0;
				if (taken < wanted) await once(connection, 'readable');
			}
			// Nothing more is read from the disk: the client has stopped, and so has the server.
			let quiet = 0;
			for (let last = bytesRead(); quiet < 20; last = bytesRead()) {
				await get('/digits.txt');
				const read = bytesRead() - last;
				quiet = read < 16 * 1024 ? quiet + 1 : 0;
				expect(bytesRead() - before).toBeLessThan(2 * wanted + 24 * 1024 * 1024);
			}
		}
		expect(isOpen('huge.bin')).toBe(true);
		connection.destroy();

		await until(() => !isOpen('huge.bin'));
		await front.site.idle();
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
