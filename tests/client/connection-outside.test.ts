/** The client where there is no page, over real sockets. */

import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { live } from 'svelte-realtime';
import {
	__rpc,
	__stream,
	configure,
	connection,
	createClient,
	type ClientOptions
} from 'svelte-realtime/client';
import { createKernel, definePlugin, deny, type Kernel } from 'svelte-realtime/kernel';
import { single } from 'svelte-realtime/presets';
import { WebSocket } from 'ws';
import { afterEach, describe, expect, onTestFinished, test } from 'vitest';
import type { Attachment } from '../../adapter/transports/attachment.ts';
import { nodeTransport } from '../../adapter/transports/node.ts';
import { selectTransport } from '../../adapter/transports/select.ts';
import { uwsTransport } from '../../adapter/transports/uws.ts';
import type { Transport } from '../../kernel/transport.ts';

const selected = await selectTransport('uws');

/** Everything that a page has and a runtime of another kind may lack. */
const GLOBALS = (
	'window self document location navigator sessionStorage localStorage indexedDB WebSocket ' +
	'addEventListener removeEventListener reportError crypto Event EventTarget CustomEvent'
).split(' ');

/** Takes them all away, for one test. */
function withoutPage(): void {
	const before = GLOBALS.map((name) => Object.getOwnPropertyDescriptor(globalThis, name));
	for (const name of GLOBALS) Reflect.deleteProperty(globalThis, name);
	onTestFinished(() => {
		GLOBALS.forEach((name, i) => {
			if (before[i]) Object.defineProperty(globalThis, name, before[i]);
		});
	});
}

const modules = {
	chat: {
		double: live((_ctx, n: number) => n * 2),
		whoami: live((ctx) => ctx.user ?? 'nobody'),
		post: live((ctx, text: string) => void ctx.publish('chat', 'created', { id: text })),
		messages: live.stream('chat', () => [{ id: 'first' }])
	}
};

const gate = definePlugin({
	name: 'gate',
	setup: ({ hook }) =>
		void hook('upgrade', (ctx) => {
			if (ctx.token === 'wrong') return deny('UNAUTHENTICATED');
			if (ctx.token !== undefined) ctx.data.user = ctx.token;
		})
});

async function kernelOn(transport: Transport): Promise<Kernel> {
	const kernel = createKernel({
		plugins: [...single(), gate],
		transport,
		origins: ['https://app.example']
	});
	await kernel.start();
	kernel.use('rpc').mount(modules);
	onTestFinished(() => kernel.shutdown());
	return kernel;
}

const attachment = (host: Kernel): Attachment => ({
	path: '/ws',
	host,
	resolve: (_headers, ip) => ({ ip, origin: 'http://own.example' })
});

async function serveNode(): Promise<string> {
	const server: Server = createServer();
	const transport = nodeTransport();
	transport.attach(server, attachment(await kernelOn(transport)));
	await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
	onTestFinished(() => void server.close());
	return `ws://127.0.0.1:${(server.address() as AddressInfo).port}/ws`;
}

async function serveUws(): Promise<string> {
	if (selected.name !== 'uws') throw new Error('The tests need the native addon.');
	const { uws } = selected;
	const app = uws.App();
	const transport = uwsTransport();
	transport.attach(app, attachment(await kernelOn(transport)));
	return new Promise((resolve) =>
		app.listen('127.0.0.1', 0, (socket) => {
			onTestFinished(() => uws.us_listen_socket_close(socket));
			resolve(`ws://127.0.0.1:${uws.us_socket_local_port(socket)}/ws`);
		})
	);
}

/** Resolves with the value of a store as soon as `isRight` holds of it. */
function until<T>(
	store: { subscribe(run: (value: T) => void): () => void },
	isRight: (value: T) => boolean
): Promise<T> {
	return new Promise((resolve) => {
		const leave = store.subscribe((value) => {
			if (!isRight(value)) return;
			queueMicrotask(() => leave());
			resolve(value);
		});
	});
}

describe.each([
	['node', serveNode],
	['uws', serveUws]
] as const)('on %s', (_, serve) => {
	const open: { close(): void }[] = [];
	afterEach(() => open.splice(0).forEach((client) => client.close()));

	const connect = (url: string, options: ClientOptions = {}) => {
		const client = createClient({ url, WebSocket, ...options });
		open.push(client);
		return client;
	};

	test('a client without a page calls, follows, loses its connection and comes back', async () => {
		const url = await serve();
		withoutPage();
		const client = connect(url);
		const messages = client.stream('chat/messages');
		onTestFinished(messages.subscribe(() => {}));
		const has = (id: string) => (list: unknown) =>
			Array.isArray(list) && list.some((item: { id: string }) => item.id === id);

		expect(await client.call('chat/double')(21)).toBe(42);
		await until(messages, has('first'));
		await client.call('chat/post')('second');
		await until(messages, has('second'));
		client.connection.reconnect();
		await client.call('chat/post')('third');
		await until(messages, has('third'));
	});

	test('the untyped stubs of the page work without one, once they are told where', async () => {
		const url = await serve();
		withoutPage();
		onTestFinished(() => connection.close());
		configure({ url, WebSocket });
		connection.reconnect();

		expect(await __rpc('chat/double')(4)).toBe(8);
		expect(await __stream('chat/messages')).toEqual([{ id: 'first' }]);
	});

	test('a token reaches the gates, whatever is in it', async () => {
		const url = await serve();
		for (const token of ['a.b-c_d', 'ä (1), "2"; %/\\', 'x'.repeat(2000)]) {
			const client = connect(url, { auth: () => Promise.resolve(token) });
			expect(await client.call('chat/whoami')()).toBe(token);
		}
		expect(await connect(url, { auth: () => null }).call('chat/whoami')()).toBe('nobody');
	});

	test('a token that is refused is asked for again', async () => {
		const url = await serve();
		const tokens = ['wrong', 'right'];
		const client = connect(url, { auth: () => tokens.shift()!, random: () => 0.01 });

		expect(await client.call('chat/whoami')()).toBe('right');
	});

	test('a page of another origin connects where it is listed, and nowhere else', async () => {
		const url = await serve();
		const from = (origin: string): NonNullable<ClientOptions['WebSocket']> =>
			class extends WebSocket {
				constructor(address: string) {
					super(address, { origin });
				}
			};

		const listed = connect(url, { WebSocket: from('https://app.example') });
		expect(await listed.call('chat/double')(1)).toBe(2);
		const other = connect(url, { WebSocket: from('https://evil.example') });
		other.connection.reconnect();
		const status = await until(other.connection, (now) => now === 'reconnecting');
		await until(other.connection, () => other.connection.closed !== undefined);
		expect([status, other.connection.closed]).toEqual(['reconnecting', { code: 1006, reason: '' }]);
	});

	test('a healthy connection answers the heartbeat', async () => {
		const url = await serve();
		let pongs = 0;
		const client = connect(url, { heartbeat: 100 });
		const listening = new Promise<void>((resolve) => {
			class Counting extends WebSocket {
				constructor(address: string) {
					super(address);
					this.on('message', (data) => {
						if (String(data) !== '{"type":"pong"}') return;
						pongs += 1;
						if (pongs === 3) resolve();
					});
				}
			}
			Object.assign(client, connect(url, { heartbeat: 100, WebSocket: Counting }));
		});
		client.connection.reconnect();
		await listening;

		expect(client.connection.status).toBe('open');
	});
});
