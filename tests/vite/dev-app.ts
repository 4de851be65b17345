import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer, type InlineConfig, type ViteDevServer } from 'vite';
import { WebSocket } from 'ws';
import type { RealtimeOptions } from '../../vite/index.ts';
import { liveApp, type LiveApp } from './live-app.ts';

/** What Vite tells the pages. */
export interface HotMessage {
	readonly type: string;
	readonly updates?: unknown[];
	readonly err?: { message: string; loc?: { line: number } };
}

export type Frame = Readonly<Record<string, unknown>>;

/** A Vite app under its dev server, whose watcher sees every change, and whose sockets are real. */
export interface DevApp {
	readonly app: LiveApp;
	readonly vite: ViteDevServer;
	serve(more?: InlineConfig, options?: RealtimeOptions): Promise<void>;
	host(): string;
	/** Opens a socket without waiting for it. */
	open(path?: string, origin?: string): WebSocket;
	connect(): Promise<WebSocket>;
	/** The result of a live function, or the code of its error. */
	call(socket: WebSocket, path: string, ...args: unknown[]): Promise<unknown>;
	/** What Vite tells the pages, as a page hears it. */
	listen(): Promise<HotMessage[]>;
	close(): Promise<void>;
}

export async function devApp(files: Record<string, string>): Promise<DevApp> {
	const app = await liveApp(files);
	const sockets: WebSocket[] = [];
	let vite: ViteDevServer | undefined;
	let lastId = 0;

	const dev: DevApp = {
		app,
		get vite() {
			return vite!;
		},
		async serve(more, options) {
			let isWatching: Promise<unknown> | undefined;
			const watching = {
				name: 'watching',
				configureServer(server: ViteDevServer) {
					isWatching = once(server.watcher, 'ready');
				}
			};
			const config = app.config({ server: { port: 0, host: '127.0.0.1' }, ...more }, options);
			vite = await createServer({ ...config, plugins: [...(config.plugins ?? []), watching] });
			await vite.listen();
			await isWatching;
			// The first request waits until the app has started.
			await fetch(`http://${dev.host()}/`);
		},
		host: () => `127.0.0.1:${(vite!.httpServer?.address() as AddressInfo).port}`,
		open(path = '/ws', origin = `http://${dev.host()}`) {
			const socket = new WebSocket(`ws://${dev.host()}${path}`, { origin });
			sockets.push(socket);
			return socket;
		},
		async connect() {
			const socket = dev.open();
			await once(socket, 'open');
			return socket;
		},
		call(socket, path, ...args) {
			const id = (lastId += 1);
			return new Promise((resolve) => {
				socket.on('message', function read(raw: Buffer) {
					const reply = framesOf(raw).find(({ type, id: of }) => type === 'reply' && of === id);
					if (!reply) return;
					socket.off('message', read);
					resolve(reply['data'] ?? (reply['error'] as { code: string } | undefined)?.code);
				});
				socket.send(JSON.stringify({ type: 'rpc', id, path, args }));
			});
		},
		async listen() {
			const token = vite!.config.webSocketToken;
			const socket = new WebSocket(`ws://${dev.host()}/?token=${token}`, 'vite-hmr');
			sockets.push(socket);
			const heard: HotMessage[] = [];
			socket.on('message', (raw: Buffer) => heard.push(JSON.parse(raw.toString()) as HotMessage));
			await once(socket, 'open');
			return heard;
		},
		async close() {
			for (const socket of sockets) socket.terminate();
			await vite?.close();
			await app.close();
		}
	};
	return dev;
}

/** The frames of one message. */
export function framesOf(raw: Buffer): Frame[] {
	return [JSON.parse(raw.toString()) as unknown].flat() as Frame[];
}
