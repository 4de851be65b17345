/** One app over real sockets, once on each transport, and clients that talk to it. */

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { afterAll, afterEach, beforeAll, describe, expect } from 'vitest';
import { WebSocket } from 'ws';
import { createApp, type App, type AppDefinition } from 'svelte-realtime/adapter/runtime';
import { createClient, type Client, type ClientOptions } from 'svelte-realtime/client';
import { definePlugin } from 'svelte-realtime';
import type { Kernel, Transport } from 'svelte-realtime/kernel';
import type { Attachment } from '../../adapter/transports/attachment.ts';
import { nodeTransport } from '../../adapter/transports/node.ts';
import { selectTransport } from '../../adapter/transports/select.ts';
import { uwsTransport } from '../../adapter/transports/uws.ts';
import { followStream, type TestStream } from '../../testing/stream.ts';

const selected = await selectTransport('uws');
if (selected.name !== 'uws') throw new Error('unreachable');
const { uws } = selected;

export type Frame = Readonly<Record<string, unknown>> & { readonly type: string };

/** A client that writes its own frames. */
export interface RawPage {
	/** Every frame that has come, but for the welcome. */
	readonly frames: readonly Frame[];
	/** How the connection ended. */
	readonly closed: Promise<number>;
	send(...frames: readonly unknown[]): void;
	sendText(text: string | Uint8Array): void;
	/** Sends a frame, and waits for its answer. */
	ask(frame: object): Promise<Frame>;
	/** The first frame, come or to come, that it holds for. */
	until(claim: (frame: Frame) => boolean): Promise<Frame>;
}

export interface World {
	readonly app: App;
	/** What was reported; what is left of it fails the test. */
	readonly errors: { readonly plugin: string; readonly error: unknown }[];
	page(user?: string): Promise<RawPage>;
	client(user?: string, options?: ClientOptions): Client;
	/** Follows a stream of a client until the test is over. */
	follow<Value = unknown>(store: object): TestStream<Value>;
	/** Ends every connection as a network does, and waits until the server has noticed. */
	cut(): Promise<void>;
}

/** Who connects is in the query. */
const identity = definePlugin({
	name: 'identity-of-the-test',
	setup: ({ hook }) =>
		void hook('upgrade', ({ request, data }) => {
			const id = new URL(request.url, 'http://x').searchParams.get('user');
			data.user = id ? { id, name: id, role: id === 'root' ? 'admin' : 'user' } : null;
		})
});

type Listening = { readonly port: number; close(): void };

/** Runs `cases` on both transports. @param define Makes the app, each time a new one. */
export function overBoth(define: () => AppDefinition, cases: (world: World) => void): void {
	describe.each(['uws', 'node'] as const)('over %s', (name) => {
		const errors: World['errors'] = [];
		const cleanups: (() => void)[] = [];
		let app: App;
		let listening: Listening;

		const world: World = {
			get app() {
				return app;
			},
			errors,
			async page(user = '') {
				const page = await openPage(listening.port, user);
				cleanups.push(page.end);
				return page;
			},
			client(user = '', options = {}) {
				const url = `ws://127.0.0.1:${listening.port}/ws?user=${user}`;
				const client = createClient({ url, WebSocket: WebSocket as never, ...options });
				cleanups.push(() => client.close());
				return client;
			},
			follow(store) {
				const stream = followStream(store, 'The stream');
				cleanups.push(() => void stream.unsubscribe());
				return stream as never;
			},
			async cut() {
				const gone = [...app.kernel.connections].map(
					({ signal }) =>
						new Promise<void>((done) => signal.addEventListener('abort', () => done()))
				);
				for (const connection of app.kernel.connections) connection.close(4000, 'Cut.');
				await Promise.all(gone);
			}
		};

		beforeAll(async () => {
			const { config = {}, ...definition } = define();
			const { transport, listen } = SERVE[name]();
			const plugins = [identity, ...(config.plugins ?? [])];
			app = await createApp(
				{ ...definition, config: { ...config, plugins } },
				{ transport, isFound: false, report: (plugin, error) => errors.push({ plugin, error }) }
			);
			listening = await listen(app.kernel);
		});
		afterEach(() => {
			for (const cleanup of cleanups.splice(0).reverse()) cleanup();
			expect(errors.splice(0).map(({ error }) => String(error))).toEqual([]);
		});
		afterAll(async () => {
			await app.close();
			listening.close();
		});
		cases(world);
	});
}

type Serve = () => { readonly transport: Transport; listen(host: Kernel): Promise<Listening> };

const attachmentOf = (host: Kernel): Attachment => ({
	path: '/ws',
	host,
	resolve: (_headers, ip) => ({ ip, origin: 'http://127.0.0.1' })
});

const SERVE: Readonly<Record<'uws' | 'node', Serve>> = {
	node() {
		const transport = nodeTransport();
		return {
			transport,
			async listen(host) {
				const server = createServer();
				const detach = transport.attach(server, attachmentOf(host));
				server.listen(0, '127.0.0.1');
				await once(server, 'listening');
				const close = (): void => {
					detach();
					server.close();
					server.closeAllConnections();
				};
				return { port: (server.address() as AddressInfo).port, close };
			}
		};
	},
	uws() {
		const transport = uwsTransport();
		return {
			transport,
			listen: (host) =>
				new Promise((resolve, reject) => {
					const server = uws.App();
					transport.attach(server, attachmentOf(host));
					server.listen('127.0.0.1', 0, (socket) => {
						if (!socket) return reject(new Error('cannot listen'));
						const close = (): void => uws.us_listen_socket_close(socket);
						resolve({ port: uws.us_socket_local_port(socket), close });
					});
				})
		};
	}
};

async function openPage(port: number, user: string): Promise<RawPage & { end(): void }> {
	const socket = new WebSocket(`ws://127.0.0.1:${port}/ws?user=${user}`);
	const frames: Frame[] = [];
	const waiting = new Set<() => void>();
	let lastId = 1_000_000;
	const closed = new Promise<number>((resolve) => socket.once('close', resolve));
	const look = (): void => {
		for (const check of [...waiting]) check();
	};
	socket.on('error', () => {});
	socket.on('message', (text) => {
		const message = JSON.parse(String(text)) as Frame | Frame[];
		for (const frame of [message].flat()) if (frame.type !== 'welcome') frames.push(frame);
		look();
	});
	const page = {
		frames,
		closed,
		end: () => socket.terminate(),
		sendText: (text: string | Uint8Array) => socket.send(text),
		send: (...sent: readonly unknown[]) =>
			socket.send(JSON.stringify(sent.length === 1 ? sent[0] : sent)),
		ask(frame: object) {
			const id = (lastId += 1);
			page.send({ id, ...frame });
			const asked = (frame as { id?: unknown }).id ?? id;
			return page.until((answer) => answer['id'] === asked);
		},
		until: (claim: (frame: Frame) => boolean) =>
			new Promise<Frame>((resolve, reject) => {
				const check = (): void => {
					const found = frames.find(claim);
					if (!found && socket.readyState < socket.CLOSING) return;
					waiting.delete(check);
					if (found) resolve(found);
					else reject(new Error('The connection has ended.'));
				};
				waiting.add(check);
				check();
			})
	};
	socket.once('close', look);
	await once(socket, 'open');
	return page;
}

/** The value that a frame brings. */
export const codeOf = (frame: Frame): unknown => (frame['error'] as { code?: unknown })?.code;
