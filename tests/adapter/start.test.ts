import { once } from 'node:events';
import { connect } from 'node:net';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { WebSocket } from 'ws';
import { live } from 'svelte-realtime';
import { start, type RunningServer, type StartOptions } from '../../adapter/runtime/index.ts';
import { deferred, FRONTS, type PageContext } from './fronts.ts';
import { RawConnection, raw, request } from './raw.ts';

type Respond = (request: Request, context: PageContext) => Response | Promise<Response>;

describe.each(FRONTS)('%s', (transport) => {
	const running: RunningServer[] = [];
	afterEach(async () => {
		await Promise.all(running.splice(0).map((server) => server.close()));
		vi.restoreAllMocks();
	});
	const boot = async (respond: Respond, options: Partial<StartOptions> = {}) => {
		vi.spyOn(console, 'log').mockImplementation(() => {});
		const server = await start({
			server: {
				init: async () => {},
				respond: async (asked, context) => respond(asked, context)
			},
			load: async () => ({ config: { transport }, modules: {} }),
			directory: '/nowhere',
			env: { HOST: '127.0.0.1', PORT: '0', SHUTDOWN_TIMEOUT: '1' },
			signals: false,
			...options
		});
		running.push(server);
		return server;
	};
	const open = async (server: RunningServer, path = '/ws'): Promise<WebSocket> => {
		const socket = new WebSocket(`ws://127.0.0.1:${server.port}${path}`);
		await once(socket, 'open');
		return socket;
	};

	test('boots SvelteKit, then the live modules, then listens', async () => {
		const order: string[] = [];
		const server = await boot(() => new Response('ok'), {
			server: {
				init: async ({ env }) => void order.push(`init ${env['PORT']}`),
				respond: async () => new Response('ok')
			},
			load: async () => {
				order.push('load');
				return { config: { transport }, modules: {} };
			}
		});

		expect(order).toEqual(['init 0', 'load']);
		expect(server.transport).toBe(transport);
		expect((await raw(server.port, request('/'))).text).toBe('ok');
		expect(console.log).toHaveBeenCalledWith(
			`Listening on http://127.0.0.1:${server.port} (${transport})`
		);
	});

	test('a page publishes through its platform', async () => {
		const results: unknown[] = [];
		const server = await boot(async (_, { platform }) => {
			const { publish, topic } = platform as App.Platform;
			results.push((await publish('chat', 'created', { id: 1 })).status);
			results.push((await topic('chat').increment()).status);
			return new Response('ok');
		});

		await raw(server.port, request('/'));

		expect(results).toEqual(['ok', 'ok']);
	});

	test('a live function is called over the socket', async () => {
		const server = await boot(() => new Response('ok'), {
			load: async () => ({
				config: { transport },
				modules: { math: { double: live(async (_ctx: unknown, n: number) => n * 2) } }
			})
		});
		const socket = await open(server);
		const answer = deferred<string>();
		socket.on('message', (data) => {
			if (String(data).includes('"reply"')) answer.resolve(String(data));
		});

		socket.send(JSON.stringify({ type: 'rpc', id: 1, path: 'math/double', args: [21] }));

		expect(JSON.parse(await answer.promise)).toMatchObject({ id: 1, data: 42 });
	});

	test('the socket stands below the base path', async () => {
		const server = await boot(() => new Response('ok'), { base: '/sub' });

		await open(server, '/sub/ws');
		expect((await raw(server.port, request('/sub/ws'))).text).toBe('ok');
	});

	test('an app without live modules opens no socket and has no platform', async () => {
		const server = await boot((_, { platform }) => new Response(String(platform)), {
			load: undefined
		});
		const socket = new WebSocket(`ws://127.0.0.1:${server.port}/ws`);
		const [error] = (await once(socket, 'error')) as [Error];

		expect(error.message).toMatch(/Unexpected server response: 200/);
		expect((await raw(server.port, request('/'))).text).toBe('undefined');
		expect(server.app).toBeUndefined();
	});

	test('a port that is taken is said so', async () => {
		const first = await boot(() => new Response('ok'));
		await first.close();
		// By its number: a port that the system chose is never shared.
		const env = { HOST: '127.0.0.1', PORT: String(first.port) };
		await boot(() => new Response('ok'), { env });

		await expect(boot(() => new Response('ok'), { env })).rejects.toThrow(
			`Cannot listen on 127.0.0.1:${first.port}`
		);
	});

	test('closing ends sockets with 1012, waits for running requests, then for listeners', async () => {
		const order: string[] = [];
		const begun = deferred();
		const finish = deferred();
		const server = await boot(async () => {
			begun.resolve();
			await finish.promise;
			order.push('finished');
			return new Response('x'.repeat(5_000_000));
		});
		process.once('sveltekit:shutdown' as never, async (reason: string) => {
			await new Promise((resolve) => setImmediate(resolve));
			order.push(`listener ${reason}`);
		});
		const socket = await open(server);
		const closed = once(socket, 'close');
		const answer = raw(server.port, request('/'));
		await begun.promise;

		const closing = server.close().then(() => order.push('closed'));
		const [code] = (await closed) as [number];
		const refused = connect(server.port, '127.0.0.1');
		const [error] = (await once(refused, 'error')) as [NodeJS.ErrnoException];
		finish.resolve();
		const [{ body }] = await Promise.all([answer, closing]);

		expect(body.length).toBe(5_000_000);
		expect(code).toBe(1012);
		expect(error.code).toBe('ECONNREFUSED');
		expect(order).toEqual(['finished', 'listener close', 'closed']);
	});

	test('an answer that its client is slow to read arrives whole', async () => {
		const server = await boot(() => new Response('x'.repeat(20_000_000)), {
			env: { HOST: '127.0.0.1', PORT: '0', SHUTDOWN_TIMEOUT: '10' }
		});
		const socket = connect(server.port, '127.0.0.1');
		socket.write(request('/'));
		const [first] = (await once(socket, 'data')) as [Buffer];
		socket.pause();
		let received = first.length;
		let isClosed = false;

		const idle = await boot(() => new Response());
		const closing = server.close().then(() => (isClosed = true));
		// That takes as long as it does where nothing is under way.
		await idle.close();
		expect(isClosed).toBe(false);
		socket.on('data', (chunk: Buffer) => (received += chunk.length));
		socket.resume();
		await Promise.all([closing, once(socket, 'close')]);

		expect(received).toBeGreaterThan(20_000_000);
	});

	test('a request that never ends does not hold the end up for ever', async () => {
		const begun = deferred();
		const server = await boot(() => {
			begun.resolve();
			return new Promise<Response>(() => {});
		});
		const connection = await RawConnection.open(server.port);
		connection.send(request('/'));
		await begun.promise;

		await server.close();
		await connection.closed();
	});

	test('for its delay it takes connections on, and says that it is about to end', async () => {
		const server = await boot(() => new Response('ok'), {
			env: { HOST: '127.0.0.1', PORT: '0', SHUTDOWN_DELAY_MS: '500' }
		});
		const socket = await open(server);
		let isClosed = false;
		const closed = once(socket, 'close').then(([code]) => ((isClosed = true), code));

		const closing = server.close();
		const ready = await raw(server.port, request('/readyz'));
		const page = await raw(server.port, request('/'));
		const late = await open(server);
		expect([ready.status, page.text, isClosed]).toEqual([503, 'ok', false]);
		await closing;

		expect(await closed).toBe(1012);
		expect(late.readyState).toBeGreaterThan(1);
	});

	test('over a spread that is set, sockets are closed one after the other', async () => {
		const server = await boot(() => new Response('ok'), {
			env: { HOST: '127.0.0.1', PORT: '0', SHUTDOWN_SPREAD_MS: '300', SHUTDOWN_TIMEOUT: '5' }
		});
		const codes: number[] = [];
		const times: number[] = [];
		const sockets = await Promise.all(Array.from({ length: 6 }, () => open(server)));
		for (const socket of sockets) {
			socket.on('close', (code) => {
				codes.push(code);
				times.push(performance.now());
			});
		}

		await server.close();
		await vi.waitUntil(() => codes.length === 6);

		expect(codes).toEqual(Array.from({ length: 6 }, () => 4000));
		expect(times.at(-1)! - times[0]!).toBeGreaterThan(150);
	});

	test('closing twice is closing once', async () => {
		const server = await boot(() => new Response('ok'));

		await Promise.all([server.close(), server.close()]);
		await server.close();
	});

	test('a wrong config does not start', async () => {
		const load = async () => ({ config: { transport, orgins: '*' } as never, modules: {} });

		await expect(boot(() => new Response('ok'), { load })).rejects.toThrow(/orgins/);
	});
});
