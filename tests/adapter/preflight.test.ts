/** A page that asks over HTTP before it connects, with a real kernel and client on real sockets. */

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { deny, definePlugin, type UpgradeContext } from 'svelte-realtime/kernel';
import { createClient } from 'svelte-realtime/client';
import type { IdentityOptions } from 'svelte-realtime/plugins/identity';
import { single } from 'svelte-realtime/presets';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { WebSocket } from 'ws';
import { createApp } from '../../adapter/runtime/app.ts';
import { readEnvironment } from '../../adapter/runtime/env.ts';
import { listenNode, listenUws } from '../../adapter/runtime/listen.ts';
import { createSite } from '../../adapter/runtime/site.ts';
import { nodeTransport } from '../../adapter/transports/node.ts';
import { selectTransport } from '../../adapter/transports/select.ts';
import { uwsTransport } from '../../adapter/transports/uws.ts';
import { createSocketServer } from '../../vite/socket-server.ts';
import { FRONTS, type FrontName } from './fronts.ts';

/** An app that knows who has the session of now, and gives out a new one for a refresh cookie. */
function appOf(options: IdentityOptions = {}) {
	const gates: UpgradeContext[] = [];
	const gate = definePlugin({
		name: 'gate',
		setup: (kernel) =>
			void kernel.hook('upgrade', (ctx) => {
				gates.push(ctx);
				if (ctx.cookies['session'] !== 'fresh') return deny('UNAUTHENTICATED', 'Too old.');
				ctx.data.user = { id: 'ada' };
			})
	});
	const identity: IdentityOptions = {
		authenticate({ cookies }) {
			if (cookies.get('refresh') !== 'good') return;
			cookies.set('session', 'stale');
			cookies.set('session', 'fresh', { maxAge: 60 });
			cookies.delete('refresh');
		},
		...options
	};
	const config = { preset: single({ identity }), plugins: [gate] };
	return { gates, definition: { config, modules: {} } };
}

async function serve(name: FrontName, options: IdentityOptions = {}) {
	const { gates, definition } = appOf(options);
	const selected = await selectTransport(name);
	const transport = name === 'uws' ? uwsTransport() : nodeTransport();
	const app = await createApp(definition, { transport });
	const environment = readEnvironment({});
	const site = createSite({
		environment,
		server: { respond: async () => new Response('page') }
	});
	const attachment = {
		path: '/app/ws',
		host: app.kernel,
		resolve: environment.resolve
	};
	const listening = { site, attachment, host: '127.0.0.1', port: 0 };
	const listener =
		selected.name === 'uws'
			? await listenUws(selected.uws, transport as never, listening)
			: await listenNode(transport as never, listening);
	onTestFinished(async () => {
		await app.close();
		listener.stop();
		await listener.release();
	});
	const base = `http://127.0.0.1:${listener.port}`;
	const ask = (cookie: string): Promise<Response> =>
		fetch(`${base}/app/__ws/auth`, { method: 'POST', headers: { cookie } });
	return { app, gates, base, ask };
}

describe.each(FRONTS)('on %s', (name) => {
	test('cookies that it refreshes go out with the answer, and the gates see them already', async () => {
		const { gates, ask } = await serve(name);

		const response = await ask('session=old; refresh=good');

		expect(response.status).toBe(204);
		expect(response.headers.getSetCookie()).toEqual([
			'session=fresh; Max-Age=60; Path=/; HttpOnly; Secure; SameSite=Lax',
			'refresh=; Max-Age=0; Path=/; HttpOnly; Secure; SameSite=Lax'
		]);
		expect(gates).toHaveLength(1);
		expect(gates[0]!.purpose).toBe('preflight');
		expect(gates[0]!.cookies).toEqual({ session: 'fresh' });
	});

	test('who is not let in is told so, with the code of the gate', async () => {
		const { ask } = await serve(name);

		const response = await ask('session=old');

		expect(response.status).toBe(401);
		expect(await response.json()).toEqual({ code: 'UNAUTHENTICATED', reason: 'Too old.' });
		expect(response.headers.getSetCookie()).toEqual([]);
	});

	test('a refresh that fails is a fault of the server, not of the page', async () => {
		const logged = vi.spyOn(console, 'error').mockImplementation(() => {});
		onTestFinished(() => logged.mockRestore());
		const { ask } = await serve(name, {
			authenticate: () => {
				throw new Error('planted');
			}
		});

		const response = await ask('session=fresh');

		expect(response.status).toBe(500);
		expect(await response.text()).not.toContain('planted');
		expect(logged).toHaveBeenCalledOnce();
	});

	test('asking is admitted like connecting: who fails too often waits', async () => {
		const { ask, gates } = await serve(name);
		const asked = await Promise.all(Array.from({ length: 10 }, () => ask('session=wrong')));

		const next = await ask('session=wrong');

		expect(asked.map(({ status }) => status)).toEqual(Array(10).fill(401));
		expect(next.status).toBe(429);
		expect(next.headers.get('retry-after')).not.toBeNull();
		expect(gates).toHaveLength(10);
	});

	test('asking opens nothing, so that it is no connection that ended early', async () => {
		const { ask } = await serve(name);

		for (let i = 0; i < 101; i += 1) expect((await ask('session=fresh')).status).toBe(204);
	});

	test('a client connects with the cookies that the answer has set', async () => {
		const { app, gates, base } = await serve(name);
		// What a browser does with them.
		const jar = new Map([['refresh', 'good']]);
		const cookie = (): string => [...jar].map((pair) => pair.join('=')).join('; ');
		const { fetch } = globalThis;
		vi.stubGlobal('fetch', async (url: string, init: RequestInit) => {
			const response = await fetch(url, { ...init, headers: { cookie: cookie() } });
			for (const line of response.headers.getSetCookie()) {
				const [, key, value] = /^(\w+)=(\w*)/.exec(line)!;
				if (value) jar.set(key!, value);
				else jar.delete(key!);
			}
			return response;
		});
		onTestFinished(() => void vi.unstubAllGlobals());
		class Browser extends WebSocket {
			constructor(url: string, protocols?: string[]) {
				super(url, protocols ?? [], { headers: { cookie: cookie() } });
			}
		}
		const client = createClient({
			url: `${base.replace('http', 'ws')}/app/ws`,
			WebSocket: Browser as never,
			auth: true
		});
		onTestFinished(() => client.close());

		client.connection.reconnect();
		await new Promise<void>((resolve) =>
			client.connection.subscribe((status) => void (status === 'open' && resolve()))
		);

		expect(gates.map(({ purpose }) => purpose)).toEqual(['preflight', 'socket']);
		expect([...app.kernel.connections].map(({ data }) => data.user)).toEqual([{ id: 'ada' }]);
	});

	test('a client that is refused is told why, and tries no upgrade', async () => {
		const { gates, base } = await serve(name);
		const client = createClient({
			url: `${base.replace('http', 'ws')}/app/ws`,
			WebSocket: WebSocket as never,
			auth: true
		});
		onTestFinished(() => client.close());

		client.connection.reconnect();
		await new Promise<void>((resolve) =>
			client.connection.subscribe((status) => void (status === 'closed' && resolve()))
		);

		const refused = { code: 'UNAUTHENTICATED', reason: 'Too old.' };
		expect(client.connection.closed).toEqual({ code: 4501, reason: 'Too old.', refused });
		expect(gates.map(({ purpose }) => purpose)).toEqual(['preflight']);
	});
});

test.each([true, false])(
	'on the server of Vite, with dev: %s, it is answered as long as an app runs',
	async (dev) => {
		const { definition } = appOf();
		const server = createServer((_, response) => void response.end('page'));
		await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
		const sockets = await createSocketServer({ server, path: '/app/ws', isSecure: false, dev });
		onTestFinished(async () => {
			await sockets.close();
			server.close();
			server.closeAllConnections();
		});
		const { port } = server.address() as AddressInfo;
		const ask = (): Promise<Response> =>
			fetch(`http://127.0.0.1:${port}/app/__ws/auth`, {
				method: 'POST',
				headers: { cookie: 'refresh=good', origin: `http://127.0.0.1:${port}` }
			});

		const before = await ask();
		await sockets.start({ createApp, load: async () => definition });
		const running = await ask();

		expect(before.status).toBe(503);
		expect(running.status).toBe(204);
		expect(running.headers.getSetCookie()[0]).toContain('session=fresh');
	}
);
