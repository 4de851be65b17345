/** Runs the app's realtime side on an HTTP server of Vite's, in dev and in preview. */

import type { Server } from 'node:http';
import type { App, AppDefinition } from '../adapter/runtime/app.ts';
import type { KitServing } from '../adapter/runtime/kit-serving.ts';
import type { Respond } from '../adapter/runtime/visit.ts';
import type { Attachment } from '../adapter/transports/attachment.ts';
import { LIMITS } from '../kernel/limits.ts';
import type { Transport, TransportHost } from '../kernel/transport.ts';

/** What `virtual:svelte-realtime/server` exports, as far as it is used here. */
export interface ServerModule {
	createApp(
		definition: AppDefinition,
		options: { transport: Transport; dev?: boolean; kit?: KitServing | undefined }
	): Promise<App>;
	load(): Promise<AppDefinition>;
}

export interface SocketServerOptions {
	readonly server: Server;
	/** Base path and `/ws`. */
	readonly path: string;
	readonly isSecure: boolean;
	readonly dev: boolean;
	/** Has SvelteKit answer; absent where there is none. */
	readonly respond?: Respond | undefined;
}

export interface SocketServer {
	readonly isRunning: boolean;
	/**
	 * Starts the app. In dev one that runs is changed where that is enough; else it is closed first,
	 * its connections with 1012.
	 */
	start(module: ServerModule): Promise<void>;
	/** Gives the running app its handlers anew; connections stay. Starts it when none runs. */
	replace(module: ServerModule): Promise<void>;
	close(): Promise<void>;
}

/** Attaches to the server at once; upgrades get 503 as long as no app runs. */
export async function createSocketServer(options: SocketServerOptions): Promise<SocketServer> {
	// Loaded here, since a build needs no sockets and should not have to load `ws`.
	const { nodeTransport } = await import('../adapter/transports/node.ts');
	const scheme = options.isSecure ? 'https' : 'http';
	let app: App | undefined;
	let detach = attach(nodeTransport(), refusingHost());
	let tail: Promise<unknown> = Promise.resolve();

	function attach(transport: ReturnType<typeof nodeTransport>, host: TransportHost): () => void {
		const attachment: Attachment = {
			path: options.path,
			host,
			resolve: (headers, address) => ({
				ip: address,
				origin: headers['host'] === undefined ? undefined : `${scheme}://${headers['host']}`
			})
		};
		return transport.attach(options.server, attachment);
	}

	async function start(module: ServerModule): Promise<void> {
		// First, so that a config that cannot be loaded leaves the running app alone.
		const definition = await module.load();
		if (options.dev && (await app?.change(definition))) return;
		await stop();
		const transport = nodeTransport();
		const { dev, path, respond } = options;
		const kit = respond && { path, respond };
		app = await module.createApp(definition, { transport, dev, kit });
		detach();
		detach = attach(transport, app.kernel);
	}

	async function replace(module: ServerModule): Promise<void> {
		if (!app) return start(module);
		app.replace(await module.load());
	}

	async function stop(): Promise<void> {
		if (!app) return;
		const running = app;
		app = undefined;
		detach();
		detach = attach(nodeTransport(), refusingHost());
		await running.close();
	}

	/** One after the other: two saves in a row must not start two apps. */
	function queued(work: () => Promise<void>): Promise<void> {
		const done = tail.then(work);
		// The error is the caller's; the next in the queue runs whatever became of this one.
		tail = done.catch(() => {});
		return done;
	}

	return {
		get isRunning() {
			return app !== undefined;
		},
		start: (module) => queued(() => start(module)),
		replace: (module) => queued(() => replace(module)),
		close: () =>
			queued(async () => {
				await stop();
				detach();
			})
	};
}

function refusingHost(): TransportHost {
	const refusal = {
		ok: false,
		status: 503,
		code: 'SERVICE_UNAVAILABLE',
		reason: 'The app has not started; see the log of the dev server.'
	} as const;
	return {
		limits: LIMITS,
		upgrade: () => refusal,
		preflight: () => refusal,
		allows: () => true,
		open: () => {
			throw new Error('A refused upgrade was opened.');
		},
		message: () => {},
		drain: () => {},
		close: () => {}
	};
}
