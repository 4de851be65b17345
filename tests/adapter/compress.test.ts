import { createBrotliDecompress, createGunzip, brotliDecompressSync, gunzipSync } from 'node:zlib';
import { afterEach, describe, expect, test } from 'vitest';
import { encode, type Coding } from '../../adapter/runtime/compress.ts';
import { until } from '../servers/until.ts';
import { deferred, FRONTS, startFront, type Front, type FrontOptions } from './fronts.ts';
import { RawConnection, raw, request } from './raw.ts';

const PAGE = `<p>${'a secret beside what was asked for, '.repeat(100)}</p>`;
const HTML = { 'content-type': 'text/html' };
const DECODERS = { br: brotliDecompressSync, gzip: gunzipSync };
const STREAMED = { br: createBrotliDecompress, gzip: createGunzip };

describe.each(FRONTS)('%s', (name) => {
	const fronts: Front[] = [];
	afterEach(async () => {
		await Promise.all(fronts.splice(0).map((front) => front.close()));
	});
	const serve = async (
		respond: FrontOptions['respond'],
		env: Record<string, string> = { COMPRESS: 'true' }
	): Promise<Front> => {
		const front = await startFront(name, { env, ...(respond && { respond }) });
		fronts.push(front);
		return front;
	};
	const page = (headers: Record<string, string> = {}, body = PAGE): Response =>
		new Response(body, { headers: { ...HTML, ...headers } });
	const get = (front: Front, headers: Record<string, string> = {}, method = 'GET') =>
		raw(front.port, request('/', { 'Accept-Encoding': 'gzip, br', ...headers }, method));

	test.each([
		['br', 'gzip, br'],
		['gzip', 'gzip'],
		['gzip', 'br;q=0.1, gzip;q=0.5'],
		['br', '*']
	] as const)('a page is sent in %s to who accepts "%s"', async (coding, accepts) => {
		const front = await serve(() => page({ etag: '"a"', vary: 'Cookie' }));

		const answer = await get(front, { 'Accept-Encoding': accepts });

		expect(String(DECODERS[coding](answer.body))).toBe(PAGE);
		expect(answer.body.length).toBeLessThan(PAGE.length / 10);
		expect(answer.header('content-encoding')).toBe(coding);
		expect(answer.header('content-length')).toBe(String(answer.body.length));
		expect(answer.header('vary')).toBe('Cookie, Accept-Encoding');
		expect(answer.header('etag')).toBe('W/"a"');
	});

	test.each(['', 'identity', 'br;q=0, gzip;q=0', 'deflate'])(
		'who accepts "%s" gets the page as it is, and caches know that others may not',
		async (accepts) => {
			const front = await serve(() => page({ etag: '"a"' }));

			const answer = await get(front, { 'Accept-Encoding': accepts });

			expect([answer.text, answer.header('content-encoding')]).toEqual([PAGE, undefined]);
			expect([answer.header('vary'), answer.header('etag')]).toEqual(['Accept-Encoding', '"a"']);
		}
	);

	test('nothing is compressed where it is not asked for', async () => {
		const front = await serve(() => page(), {});

		const answer = await get(front);

		expect([answer.text, answer.header('vary')]).toEqual([PAGE, undefined]);
	});

	test('what belongs to one visitor is not: its size would tell of the secrets in it', async () => {
		const front = await serve((asked) =>
			page(asked.headers.has('x-new') ? { 'set-cookie': 'session=1' } : {})
		);

		for (const header of ['Cookie', 'Authorization', 'X-New']) {
			const answer = await get(front, { [header]: 'a=1' });
			expect([answer.text, answer.header('content-encoding')], header).toEqual([PAGE, undefined]);
		}
		expect((await get(front)).header('content-encoding')).toBe('br');
	});

	test.each([
		['what is small', page({}, 'x'.repeat(1023))],
		['what says that it is', page({ 'content-length': '1023' }, 'x'.repeat(1023))],
		['what is compressed', page({ 'content-encoding': 'zstd' })],
		['what is not to be changed', page({ 'cache-control': 'public, no-transform' })],
		['a part', page({ 'content-range': 'bytes 0-1/2' })],
		['a picture', new Response(PAGE, { headers: { 'content-type': 'image/webp' } })],
		['what has no type', new Response(Buffer.from(PAGE))],
		['an event stream', new Response(PAGE, { headers: { 'content-type': 'text/event-stream' } })]
	])('%s is left alone', async (_, response) => {
		const front = await serve(() => response);

		const answer = await get(front);

		expect(answer.header('content-encoding')).toBe(
			response.headers.get('content-encoding') ?? undefined
		);
		expect(answer.header('vary')).toBeUndefined();
		expect(answer.body.length).toBe(answer.text.length);
		expect(['x', '<']).toContain(answer.text[0]);
	});

	test('a request for a part, 204, 304 and HEAD are left alone', async () => {
		const front = await serve((asked) => {
			const status = Number(asked.headers.get('x-status') ?? 200);
			return status === 200
				? page({ 'content-length': asked.headers.get('x-length') ?? String(PAGE.length) })
				: new Response(null, { status, headers: { ...HTML, etag: '"a"' } });
		});

		expect((await get(front, { Range: 'bytes=0-9' })).text).toBe(PAGE);
		for (const status of ['204', '304']) {
			const answer = await get(front, { 'X-Status': status });
			expect([answer.header('content-encoding'), answer.header('etag')]).toEqual([
				undefined,
				'"a"'
			]);
		}
		const small = await get(front, { 'X-Length': '1023' }, 'HEAD');
		expect([small.header('content-length'), small.header('vary')]).toEqual(['1023', undefined]);
		const head = await get(front, {}, 'HEAD');
		// That of the page is another one, and not known.
		expect([head.header('content-length'), head.header('vary')]).toEqual([
			undefined,
			'Accept-Encoding'
		]);
	});

	test.each(['br', 'gzip'] as const)(
		'%s: the shell of a page can be read before its promise settles',
		async (coding) => {
			let stream!: ReadableStreamDefaultController<Uint8Array>;
			const text = new TextEncoder();
			const front = await serve(
				() =>
					new Response(
						new ReadableStream({
							start(controller) {
								stream = controller;
								controller.enqueue(text.encode('the shell'));
							}
						}),
						{ headers: HTML }
					)
			);
			const connection = await RawConnection.open(front.port);
			connection.send(request('/', { 'Accept-Encoding': coding }));
			const head = await connection.head();
			const decoder = STREAMED[coding]();
			let decoded = '';
			decoder.on('data', (bytes: Buffer) => (decoded += String(bytes)));

			decoder.write(await connection.chunk());
			await until(() => decoded === 'the shell');
			stream.enqueue(text.encode(', and its promise'));
			decoder.write(await connection.chunk());
			await until(() => decoded === 'the shell, and its promise');
			stream.close();
			for (let chunk = await connection.chunk(); chunk.length > 0; chunk = await connection.chunk())
				decoder.write(chunk);
			decoder.end();
			await until(() => decoder.readableEnded);
			connection.socket.destroy();

			expect(head.header('content-encoding')).toBe(coding);
			expect(head.header('transfer-encoding')).toBe('chunked');
		}
	);

	test('a large stream is made at the pace of its reader, and arrives whole', async () => {
		let made = 0;
		const chunk = Buffer.alloc(64 * 1024);
		const noise = (): Uint8Array<ArrayBuffer> => {
			for (let at = 0; at < chunk.length; at++) chunk[at] = (at * 7919 + made * at * at) & 255;
			return Uint8Array.from(chunk);
		};
		const front = await serve(
			() =>
				new Response(
					new ReadableStream(
						{
							pull(controller) {
								if (made === 400) return controller.close();
								made += 1;
								controller.enqueue(noise());
							}
						},
						{ highWaterMark: 0 }
					),
					{ headers: { 'content-type': 'application/json' } }
				)
		);
		const connection = await RawConnection.open(front.port);
		connection.socket.pause();
		connection.send(request('/', { 'Accept-Encoding': 'gzip' }));
		await until(() => made > 0);
		connection.socket.resume();
		const answer = await connection.response();
		connection.socket.destroy();

		expect(gunzipSync(answer.body).length).toBe(400 * chunk.length);
	}, 20_000);

	test('a client that leaves cancels the stream', async () => {
		const cancelled = deferred();
		const front = await serve(
			() =>
				new Response(
					new ReadableStream({
						start: (controller) => controller.enqueue(new TextEncoder().encode(PAGE)),
						cancel: () => cancelled.resolve()
					}),
					{ headers: HTML }
				)
		);
		const connection = await RawConnection.open(front.port);
		connection.send(request('/', { 'Accept-Encoding': 'br' }));
		await connection.head();

		connection.socket.destroy();

		await cancelled.promise;
		await front.site.idle();
		expect(front.errors).toEqual([]);
	});

	test('a stream that fails is cut, so that it cannot pass for whole', async () => {
		const front = await serve(
			() =>
				new Response(
					new ReadableStream({
						async pull(controller) {
							controller.enqueue(new TextEncoder().encode(PAGE));
							await new Promise((resolve) => setImmediate(resolve));
							controller.error(new Error('broken'));
						}
					}),
					{ headers: HTML }
				)
		);
		const connection = await RawConnection.open(front.port);
		connection.send(request('/', { 'Accept-Encoding': 'br' }));

		await connection.closed();

		expect(connection.received).not.toContain('\r\n0\r\n');
		expect(front.errors).toHaveLength(1);
	});
});

test.each(['br', 'gzip'] as const)(
	'%s: what is read can be decoded at once, chunk by chunk',
	async (coding) => {
		const sizes = [1, 100, 16 * 1024, 1, 300 * 1024, 5];
		const chunks = sizes.map((size) =>
			Buffer.from(Array.from({ length: size }, (_, at) => (at * at * 7919) % 251))
		);
		const reads = chunks.values();
		const encoded = encode(coding as Coding, {
			read: async () => {
				const { done, value } = reads.next();
				return { done: done === true, value };
			}
		});
		const decoder = STREAMED[coding]();
		let decoded = 0;
		decoder.on('data', (bytes: Buffer) => (decoded += bytes.length));

		let given = 0;
		for (const { length } of chunks) {
			given += length;
			const { value } = await encoded.read();
			decoder.write(value);
			await until(() => decoded === given);
		}

		const last = await encoded.read();
		expect([last.done, (await encoded.read()).done]).toEqual([false, true]);
		encoded.close();
		decoder.destroy();
	}
);

test('an encoder that is closed while it works comes to its end', async () => {
	const encoded = encode(
		'br',
		{ read: () => new Promise(() => {}) },
		Buffer.alloc(4 * 1024 * 1024)
	);

	const read = encoded.read();
	encoded.close();

	expect((await read).done).toBe(true);
});
