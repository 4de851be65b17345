import { once } from 'node:events';
import { afterEach, describe, expect, test } from 'vitest';
import { until } from '../servers/until.ts';
import { deferred, FRONTS, startFront, type Front, type FrontOptions } from './fronts.ts';
import { RawConnection, raw, request } from './raw.ts';

describe.each(FRONTS)('%s', (name) => {
	const fronts: Front[] = [];
	afterEach(async () => {
		await Promise.all(fronts.splice(0).map((front) => front.close()));
	});
	const serve = async (
		respond: FrontOptions['respond'],
		options: FrontOptions = {}
	): Promise<Front> => {
		const front = await startFront(name, { ...options, ...(respond && { respond }) });
		fronts.push(front);
		return front;
	};

	// --- requests ---

	test('a page sees method, URL, headers, address and platform', async () => {
		const platform = { publish: () => {} };
		let seen: unknown;
		const front = await serve(
			(asked, context) => {
				seen = [
					asked.method,
					asked.url,
					asked.headers.get('x-a'),
					asked.headers.get('cookie'),
					context.getClientAddress(),
					context.platform
				];
				return new Response('ok');
			},
			{ platform }
		);

		await raw(
			front.port,
			'PUT /a%20b?c=%2F HTTP/1.1\r\nHost: shop.example:8080\r\nX-A: 1\r\nX-A: 2\r\n' +
				'Cookie: a=1\r\nCookie: b=2\r\nContent-Length: 0\r\n\r\n'
		);

		expect(seen).toEqual([
			'PUT',
			'http://shop.example:8080/a%20b?c=%2F',
			'1, 2',
			'a=1; b=2',
			'127.0.0.1',
			platform
		]);
	});

	test('forwarded headers count where they are configured', async () => {
		const front = await serve(
			(asked, context) => new Response(`${asked.url} ${context.getClientAddress()}`),
			{
				env: {
					PROTOCOL_HEADER: 'X-Forwarded-Proto',
					HOST_HEADER: 'X-Forwarded-Host',
					ADDRESS_HEADER: 'X-Forwarded-For'
				}
			}
		);

		const response = await raw(
			front.port,
			request('/x', {
				'X-Forwarded-Proto': 'https',
				'X-Forwarded-Host': 'shop.example',
				'X-Forwarded-For': '6.6.6.6, 203.0.113.9'
			})
		);

		expect(response.text).toBe('https://shop.example/x 203.0.113.9');
	});

	test('a malformed host is 400 and no crash', async () => {
		const front = await serve(() => new Response('ok'));

		for (const host of ['a b', 'a/b', 'user@host', 'a?b', ':::', 'host:99999', '%']) {
			const response = await raw(front.port, request('/', { Host: host }));
			expect(response.status, host).toBe(400);
		}
		expect((await raw(front.port, request('/'))).text).toBe('ok');
	});

	test('a path or a host beyond ASCII is 400', async () => {
		const front = await serve(() => new Response('ok'));

		expect((await raw(front.port, request('/ü'))).status).toBe(400);
		expect((await raw(front.port, request('/a?b=ü'))).status).toBe(400);
		expect((await raw(front.port, request('/', { Host: 'aüb' }))).status).toBe(400);
		expect((await raw(front.port, request('/%C3%BC?b=%C3%BC'))).status).toBe(200);
	});

	test('a body of no bytes is none', async () => {
		const front = await serve((asked) => new Response(String(asked.body)));

		const response = await raw(front.port, request('/', { 'Content-Length': '0' }, 'POST'));

		expect(response.text).toBe('null');
	});

	test('TRACE is 405 and says what is allowed', async () => {
		const front = await serve(() => new Response('ok'));

		const response = await raw(front.port, request('/', {}, 'TRACE'));

		expect(response.status).toBe(405);
		expect(response.header('allow')).toContain('GET');
	});

	test('a form post arrives whole, and the connection takes the next', async () => {
		const front = await serve(async (asked) => {
			const form = await asked.formData();
			return new Response(`${form.get('name')} ${(form.get('file') as File).size}`);
		});
		const form = new FormData();
		form.set('name', 'Zoë');
		form.set('file', new File([Buffer.alloc(200_000, 1)], 'a.bin'));

		const first = await fetch(`${front.url}/`, { method: 'POST', body: form });
		expect(await first.text()).toBe('Zoë 200000');
		const second = await fetch(`${front.url}/`, { method: 'POST', body: form });
		expect(await second.text()).toBe('Zoë 200000');
	});

	test('a chunked body arrives', async () => {
		const front = await serve(async (asked) => new Response(await asked.text()));

		const response = await raw(
			front.port,
			'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n'
		);

		expect(response.text).toBe('abcde');
	});

	test('a body is read at the pace of its reader', async () => {
		const total = 64 * 1024 * 1024;
		const begun = deferred();
		const go = deferred();
		const front = await serve(
			async (asked) => {
				begun.resolve();
				await go.promise;
				let size = 0;
				for await (const chunk of asked.body as unknown as AsyncIterable<Uint8Array>) {
					size += chunk.byteLength;
				}
				return new Response(String(size));
			},
			{ env: { BODY_SIZE_LIMIT: '1G' } }
		);
		const connection = await RawConnection.open(front.port);
		connection.send(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${total}\r\n\r\n`);
		const block = Buffer.alloc(1024 * 1024);
		await begun.promise;
		for (let sent = 0; sent < total; sent += block.length) connection.send(block);
		// What the kernel's buffers and the queue hold has gone; the rest must wait for the reader.
		for (let i = 0; i < 20; i++) await raw(front.port, request('/healthz'));
		const waiting = connection.socket.writableLength;
		go.resolve();
		const response = await connection.response();
		connection.socket.destroy();

		expect(waiting).toBeGreaterThan(total / 2);
		expect(response.text).toBe(String(total));
	}, 20_000);

	test('a body that nobody reads does not hold up the connection', async () => {
		const front = await serve((asked) => new Response(asked.method));
		const connection = await RawConnection.open(front.port);
		const body = Buffer.alloc(400_000, 'x');

		for (let i = 0; i < 3; i++) {
			connection.send(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${body.length}\r\n\r\n`);
			connection.send(body);
			expect((await connection.response()).text).toBe('POST');
		}
		connection.send(request('/'));
		expect((await connection.response()).text).toBe('GET');
		connection.socket.destroy();
	});

	test('an announced body over the limit is 413, before any of it is read', async () => {
		let calls = 0;
		const front = await serve(() => (calls++, new Response('ok')), {
			env: { BODY_SIZE_LIMIT: '1K' }
		});

		const response = await raw(
			front.port,
			`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1025\r\n\r\n`
		);

		expect(response.status).toBe(413);
		expect(calls).toBe(0);
	});

	test('a large refused body is still answered: the client gets its 413', async () => {
		const front = await serve(() => new Response('ok'), { env: { BODY_SIZE_LIMIT: '1K' } });

		const response = await fetch(front.url, { method: 'POST', body: Buffer.alloc(4_000_000) });

		expect(response.status).toBe(413);
	});

	test('a streamed body over the limit is 413, whatever the page makes of it', async () => {
		const front = await serve(
			async (asked) => {
				try {
					return new Response(await asked.text());
				} catch {
					return new Response('swallowed', { status: 500 });
				}
			},
			{ env: { BODY_SIZE_LIMIT: '1K' } }
		);
		const connection = await RawConnection.open(front.port);
		connection.send('POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n');
		for (let i = 0; i < 3; i++) connection.send(`200\r\n${'x'.repeat(512)}\r\n`);

		const head = await connection.head();

		expect(head.status).toBe(413);
		connection.socket.destroy();
	});

	test('a body of exactly the limit is taken', async () => {
		const front = await serve(async (asked) => new Response(String((await asked.text()).length)), {
			env: { BODY_SIZE_LIMIT: '1K' }
		});

		const response = await fetch(front.url, { method: 'POST', body: 'x'.repeat(1024) });

		expect(await response.text()).toBe('1024');
	});

	// --- responses ---

	test('a whole page is one answer with its length', async () => {
		const front = await serve(
			() => new Response('<h1>hé</h1>', { headers: { 'content-type': 'text/html' } })
		);

		const response = await raw(front.port, request('/'));

		expect(response.header('content-length')).toBe('12');
		expect(response.text).toBe('<h1>hé</h1>');
		expect(response.headers.filter(([key]) => key === 'date')).toHaveLength(1);
	});

	test('an answer without a body says so: nobody waits for the connection to end', async () => {
		const front = await serve(
			() => new Response(null, { status: 303, headers: { location: '/' } })
		);

		const response = await raw(front.port, request('/', {}, 'POST'));

		expect([response.status, response.header('content-length')]).toEqual([303, '0']);
	});

	test('a stream of strings is sent, as by Node itself', async () => {
		const front = await serve(
			() =>
				new Response(
					new ReadableStream({
						start(controller) {
							controller.enqueue('one, ');
							controller.enqueue('two');
							controller.close();
						}
					})
				)
		);

		expect((await raw(front.port, request('/'))).text).toBe('one, two');
	});

	test("the status line has a reason, the usual one or the page's own", async () => {
		const front = await serve((asked) =>
			asked.url.endsWith('/own')
				? new Response('', { status: 418, statusText: 'Short and stout' })
				: new Response('', { status: 404 })
		);

		expect((await raw(front.port, request('/'))).statusLine).toBe('HTTP/1.1 404 Not Found');
		expect((await raw(front.port, request('/own'))).statusLine).toBe(
			'HTTP/1.1 418 Short and stout'
		);
	});

	test('each cookie is a header of its own', async () => {
		const front = await serve(() => {
			const response = new Response('ok');
			response.headers.append('set-cookie', 'a=1; Expires=Wed, 21 Oct 2026 07:28:00 GMT');
			response.headers.append('set-cookie', 'b=2');
			return response;
		});

		const { headers } = await raw(front.port, request('/'));

		expect(headers.filter(([key]) => key === 'set-cookie').map(([, value]) => value)).toEqual([
			'a=1; Expires=Wed, 21 Oct 2026 07:28:00 GMT',
			'b=2'
		]);
	});

	test('header values beyond ASCII arrive as the bytes that they are', async () => {
		const front = await serve(() => new Response('ok', { headers: { 'x-name': 'é' } }));

		expect((await raw(front.port, request('/'))).header('x-name')).toBe('é');
	});

	test('204 and 304 have no body and leave the connection usable', async () => {
		const front = await serve(
			(asked) => new Response(null, { status: Number(new URL(asked.url).pathname.slice(1)) })
		);
		const connection = await RawConnection.open(front.port);

		for (const status of [204, 304, 204]) {
			connection.send(request(`/${status}`));
			expect((await connection.response()).status).toBe(status);
		}
		connection.socket.destroy();
	});

	test('HEAD of a page has its head, and its stream is told that nobody listens', async () => {
		const cancelled = deferred();
		const front = await serve(
			() =>
				new Response(new ReadableStream({ cancel: () => cancelled.resolve() }), {
					headers: { 'content-length': '7' }
				})
		);

		const response = await raw(front.port, request('/', {}, 'HEAD'));
		await cancelled.promise;

		expect([response.status, response.header('content-length')]).toEqual([200, '7']);
	});

	test('a stream sends its first byte at once, and each further chunk as it comes', async () => {
		let stream!: ReadableStreamDefaultController<Uint8Array>;
		const front = await serve(
			() => new Response(new ReadableStream({ start: (controller) => void (stream = controller) }))
		);
		const connection = await RawConnection.open(front.port);
		const text = new TextEncoder();

		connection.send(request('/'));
		while (!stream) await new Promise((resolve) => setImmediate(resolve));
		stream.enqueue(text.encode('one'));
		await connection.until((received) => received.includes('one'));
		stream.enqueue(text.encode('two'));
		await connection.until((received) => received.includes('two'));
		stream.close();

		expect((await connection.response()).text).toBe('onetwo');
		connection.socket.destroy();
	});

	test.each([
		['a page that comes bit by bit is not to be held back by a proxy', 'text/html', 'no'],
		['a download that does is left to it', 'application/octet-stream', undefined]
	])('%s', async (_, type, expected) => {
		let stream!: ReadableStreamDefaultController<Uint8Array>;
		const body = new ReadableStream({ start: (controller) => void (stream = controller) });
		const front = await serve(() => new Response(body, { headers: { 'content-type': type } }));
		const connection = await RawConnection.open(front.port);
		connection.send(request('/'));
		stream.enqueue(new TextEncoder().encode('one'));
		await connection.until((received) => received.includes('one'));
		stream.close();

		expect((await connection.response()).header('x-accel-buffering')).toBe(expected);
		connection.socket.destroy();
	});

	test('events are not to be held back by a proxy', async () => {
		const front = await serve(
			() => new Response('data: 1\n\n', { headers: { 'content-type': 'text/event-stream' } })
		);

		expect((await raw(front.port, request('/'))).header('x-accel-buffering')).toBe('no');
	});

	test('a stream is pulled at the pace of the client', async () => {
		let pulled = 0;
		const chunk = new Uint8Array(256 * 1024).fill(120);
		const count = 200;
		const front = await serve(
			() =>
				new Response(
					new ReadableStream({
						pull(controller) {
							if (pulled++ < count) controller.enqueue(chunk);
							else controller.close();
						}
					})
				)
		);
		const connection = await RawConnection.open(front.port);
		connection.socket.pause();
		connection.send(request('/'));
		for (let i = 0; i < 20; i++) await raw(front.port, request('/healthz'));
		const early = pulled;
		connection.socket.resume();
		const response = await connection.response();
		connection.socket.destroy();

		expect(early).toBeLessThan(count / 2);
		expect(response.body.length).toBe(count * chunk.length);
	}, 20_000);

	test('a burst that met a full socket is delivered though the stream then falls silent', async () => {
		const burst = new Uint8Array(8 * 1024 * 1024).fill(120);
		const front = await serve(
			() => new Response(new ReadableStream({ start: (controller) => controller.enqueue(burst) }))
		);
		const connection = await RawConnection.open(front.port);
		connection.send(request('/'));
		await connection.head();

		expect((await connection.chunk()).length).toBe(burst.length);
		connection.socket.destroy();
	});

	test('an announced length is kept for a stream', async () => {
		const chunk = new Uint8Array(1024 * 1024).fill(120);
		let pulled = 0;
		const front = await serve(
			() =>
				new Response(
					new ReadableStream({
						pull(controller) {
							if (pulled++ < 4) controller.enqueue(chunk);
							else controller.close();
						}
					}),
					{ headers: { 'content-length': String(4 * chunk.length) } }
				)
		);

		const response = await raw(front.port, request('/'));

		expect(response.header('content-length')).toBe(String(4 * chunk.length));
		expect(response.header('transfer-encoding')).toBeUndefined();
		expect(response.body.length).toBe(4 * chunk.length);
	});

	test('a stream that fails or runs short is cut, so that it cannot pass for whole', async () => {
		const failing = (announced?: string) =>
			new Response(
				new ReadableStream({
					async pull(controller) {
						controller.enqueue(new Uint8Array(10));
						await new Promise((resolve) => setImmediate(resolve));
						await new Promise((resolve) => setImmediate(resolve));
						if (announced) controller.close();
						else controller.error(new Error('broken'));
					}
				}),
				announced ? { headers: { 'content-length': announced } } : {}
			);
		const front = await serve((asked) =>
			failing(asked.url.endsWith('/short') ? '1000' : undefined)
		);

		for (const path of ['/', '/short']) {
			const connection = await RawConnection.open(front.port);
			connection.send(request(path));
			await connection.closed();
			expect(connection.received).not.toContain('\r\n0\r\n');
		}
		expect(front.errors).toHaveLength(2);
	});

	test('what comes past an announced length is not sent, and is reported', async () => {
		const front = await serve(
			() =>
				new Response(
					new ReadableStream({
						start(controller) {
							controller.enqueue(new TextEncoder().encode('whole'));
							controller.enqueue(new TextEncoder().encode('HTTP/1.1 200 OK'));
							controller.close();
						}
					}),
					{ headers: { 'content-length': '5' } }
				)
		);

		const response = await raw(front.port, request('/'));

		expect(response.text).toBe('whole');
		await until(() => front.errors.length === 1);
		expect(String(front.errors[0])).toContain('Content-Length of 5');
	});

	// --- failures ---

	test('a page that throws is 500 without its message, and the server lives', async () => {
		const front = await serve((asked) => {
			if (asked.url.endsWith('/throw')) throw new Error('secret');
			return new Response('ok');
		});

		const response = await raw(front.port, request('/throw'));

		expect(response.status).toBe(500);
		expect(response.text).not.toContain('secret');
		expect(String(front.errors[0])).toContain('secret');
		expect((await raw(front.port, request('/'))).text).toBe('ok');
	});

	test('what fails before there is an answer cuts the connection, and the server lives', async () => {
		const front = await serve(() => new Response('ok'), {
			backends() {
				throw new Error('secret');
			}
		});

		for (let round = 0; round < 3; round++) {
			const connection = await RawConnection.open(front.port);
			connection.send(request('/readyz'));
			await connection.closed();
			expect(connection.received).toBe('');
		}
		expect(front.errors).toHaveLength(3);
		expect((await raw(front.port, request('/'))).text).toBe('ok');
	});

	test('a response whose body was read already is 500', async () => {
		const front = await serve(async () => {
			const response = new Response('x');
			await response.text();
			return response;
		});

		expect((await raw(front.port, request('/'))).status).toBe(500);
	});

	test('a client that leaves aborts the signal, the request body and the response stream', async () => {
		const aborted = deferred();
		const bodyFailed = deferred();
		const cancelled = deferred();
		const started = deferred();
		const front = await serve(async (asked) => {
			if (asked.method === 'POST') {
				asked.signal.addEventListener('abort', () => aborted.resolve());
				started.resolve();
				await asked.text().catch(() => bodyFailed.resolve());
				return new Response('late');
			}
			return new Response(
				new ReadableStream({
					start: (controller) => controller.enqueue(new Uint8Array(5)),
					cancel: () => cancelled.resolve()
				})
			);
		});

		const upload = await RawConnection.open(front.port);
		upload.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nabc');
		await started.promise;
		upload.socket.destroy();
		await aborted.promise;
		await bodyFailed.promise;

		const reader = await RawConnection.open(front.port);
		reader.send(request('/'));
		await reader.head();
		reader.socket.destroy();
		await cancelled.promise;

		await front.site.idle();
	});

	test('a client that leaves while a page without a body is made aborts its signal', async () => {
		const started = deferred();
		const aborted = deferred();
		const front = await serve(async (asked) => {
			asked.signal.addEventListener('abort', () => aborted.resolve());
			started.resolve();
			await aborted.promise;
			return new Response('nobody hears this');
		});
		const connection = await RawConnection.open(front.port);
		connection.send(request('/'));
		await started.promise;
		connection.socket.destroy();

		await aborted.promise;
		await front.site.idle();
		expect(front.errors).toEqual([]);
	});

	test('whatever a page makes of its request hears that the client has left, early or late', async () => {
		const upstream = await serve(() => new Promise(() => {}));
		const started = deferred();
		const left = deferred();
		const done = deferred();
		const heard: Record<string, Promise<unknown>> = {};
		let late: unknown[] = [];
		const front = await serve(
			async (asked) => {
				const reason = (signal: AbortSignal): Promise<unknown> =>
					new Promise((resolve) => {
						signal.addEventListener('abort', () => resolve((signal.reason as Error).name));
					});
				heard['new Request'] = reason(new Request(asked).signal);
				heard['fetch'] = fetch(asked).catch((error: Error) => error.name);
				heard['clone'] = reason(asked.clone().signal);
				heard['new Request of a clone'] = reason(new Request(asked.clone()).signal);
				heard['signal'] = reason(asked.signal);
				heard['any'] = reason(AbortSignal.any([asked.signal, AbortSignal.timeout(60_000)]));
				asked.signal.addEventListener('abort', () => left.resolve());
				started.resolve();
				await left.promise;
				const copy = new Request(asked);
				const refused = await fetch(asked).catch((error: Error) => error.name);
				late = [asked.clone().signal.aborted, copy.signal.aborted, refused];
				done.resolve();
				return new Response('nobody hears this');
			},
			{ env: { ORIGIN: upstream.url } }
		);
		const connection = await RawConnection.open(front.port);
		connection.send(request('/'));
		await started.promise;
		connection.socket.destroy();

		await done.promise;
		for (const [how, name] of Object.entries(heard)) expect(await name, how).toBe('AbortError');
		expect(late).toEqual([true, true, 'AbortError']);
		expect(front.errors).toEqual([]);
	});

	test('a signal that is first looked at when the client has left is aborted', async () => {
		const started = deferred();
		const seen = deferred<boolean>();
		const front = await serve(async (asked) => {
			const copy = new Request(asked);
			const left = new Promise((resolve) => copy.signal.addEventListener('abort', resolve));
			started.resolve();
			await left;
			seen.resolve(asked.signal.aborted);
			return new Response('nobody hears this');
		});
		const connection = await RawConnection.open(front.port);
		connection.send(request('/'));
		await started.promise;
		connection.socket.destroy();

		expect(await seen.promise).toBe(true);
	});

	test('noise in place of HTTP ends a connection, not the server', async () => {
		const front = await serve(() => new Response('ok'));

		for (const noise of [
			'\x16\x03\x01\x02\x00\x01\x00',
			'GET\r\n\r\n',
			'GET / HTTP/9.9\r\n\r\n',
			'\r\n'.repeat(50)
		]) {
			const connection = await RawConnection.open(front.port);
			connection.send(noise);
			connection.socket.end();
			await once(connection.socket, 'close');
		}
		expect((await raw(front.port, request('/'))).text).toBe('ok');
	});

	// --- probes ---

	test('/healthz says that the process lives, /readyz whether it takes work', async () => {
		const front = await serve(undefined);

		expect((await raw(front.port, request('/readyz'))).status).toBe(200);
		front.site.drain();

		expect((await raw(front.port, request('/healthz'))).status).toBe(200);
		expect((await raw(front.port, request('/readyz'))).status).toBe(503);
	});

	test('/readyz tells how the backends stand, and stays ready without one of them', async () => {
		const since = Date.UTC(2026, 0, 1);
		const redis = { name: 'redis:log', state: 'degraded', since, reason: 'at 10.0.0.1' } as const;
		const front = await serve(undefined, {
			backends: () => [
				{ ...redis, breaker: 'open' },
				{ name: 'mail', state: 'ok', since }
			]
		});

		const { status, text } = await raw(front.port, request('/readyz'));

		expect(status).toBe(200);
		expect(JSON.parse(text)).toEqual({
			status: 'ready',
			health: 'degraded',
			backends: [
				{
					name: 'redis:log',
					state: 'degraded',
					since: '2026-01-01T00:00:00.000Z',
					breaker: 'open'
				},
				{ name: 'mail', state: 'ok', since: '2026-01-01T00:00:00.000Z' }
			]
		});
		front.site.drain();
		const draining = await raw(front.port, request('/readyz'));
		expect([draining.status, JSON.parse(draining.text).status]).toEqual([503, 'draining']);
	});
});

test('on node the head of a stream is sent though nothing of it is there', async () => {
	let stream!: ReadableStreamDefaultController<Uint8Array>;
	const front = await startFront('node', {
		respond: () =>
			new Response(new ReadableStream({ start: (controller) => void (stream = controller) }))
	});
	const connection = await RawConnection.open(front.port);
	connection.send(request('/'));

	const head = await connection.head();
	stream.enqueue(new TextEncoder().encode('at last'));
	const chunk = await connection.chunk();
	connection.socket.destroy();
	await front.close();

	expect([head.status, head.header('transfer-encoding')]).toEqual([200, 'chunked']);
	expect(String(chunk)).toBe('at last');
});
