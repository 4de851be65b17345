/** The realtime side of `vite dev` and `vite preview`: starting it, and telling what went wrong. */

import { existsSync } from 'node:fs';
import type { Server } from 'node:http';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import {
	buildErrorMessage,
	isRunnableDevEnvironment,
	type PreviewServer,
	type ViteDevServer
} from 'vite';
import { innerResponder } from './inner-request.ts';
import { PACKAGE } from './kinds.ts';
import { kitMajor } from './kit.ts';
import type { Resolve } from './manifest.ts';
import type { Place } from './problem.ts';
import { isRealtime, type Project, type Reading } from './project.ts';
import { createSocketServer, type ServerModule, type SocketServer } from './socket-server.ts';
import { SERVER } from './virtual-ids.ts';

export interface DevServer {
	readonly vite: ViteDevServer;
	readonly resolve: Resolve;
	/** Loads the server module and starts the app with it, or swaps the running one's handlers. */
	refresh(how: 'start' | 'replace'): Promise<void>;
	/** Shows an error in the terminal and over the page; the next success takes it away. */
	fail(error: unknown): void;
	/** Says that all is well again. */
	succeed(): void;
}

/** Serves the app's socket on the HTTP server of `vite dev`, as soon as that listens. */
export function createDevServer(vite: ViteDevServer, project: Project): DevServer {
	const load = moduleLoader(vite, project.root);
	const http = httpServerOf(vite);
	let sockets: Promise<SocketServer> | undefined;
	let hasFailed = false;

	async function refresh(how: 'start' | 'replace'): Promise<void> {
		if (!http) return;
		sockets ??= createSocketServer({
			server: http,
			path: project.path,
			isSecure: Boolean(vite.config.server.https),
			dev: true,
			respond: project.kit.isKit ? innerResponder(vite.middlewares) : undefined
		});
		const server = await sockets;
		try {
			const module = await load();
			await server[how](module);
			succeed();
		} catch (error) {
			fail(error);
		}
	}

	function fail(error: unknown): void {
		hasFailed = true;
		const err = error instanceof Error ? error : new Error(String(error));
		const { id, loc, frame } = err as { id?: string; loc?: Place; frame?: string };
		const shown = {
			message: err.message,
			stack: err.stack ?? '',
			...(id && { id }),
			...(loc && { loc }),
			...(frame && { frame })
		};
		const { logger } = vite.config;
		const text = buildErrorMessage({ name: err.name, ...shown }, [`[${PACKAGE}] ${err.message}`]);
		logger.error(text, { error: err, timestamp: true });
		const { hot } = vite.environments.client;
		// A page whose first message is an error reloads itself at the next update. This is the first.
		hot.send({ type: 'update', updates: [] });
		hot.send({ type: 'error', err: { ...shown, plugin: PACKAGE } });
	}

	function succeed(): void {
		if (!hasFailed) return;
		hasFailed = false;
		// Takes the overlay away and changes nothing on the page.
		vite.environments.client.hot.send({ type: 'update', updates: [] });
	}

	http?.once('close', () => void sockets?.then((server) => server.close()));
	return { vite, resolve: resolver(vite), refresh, fail, succeed };
}

/**
 * Starts the app once the server listens; requests wait for it, so that the first page already
 * finds its streams.
 */
export function startWithServer(dev: DevServer, first: () => Promise<Reading>): void {
	const http = httpServerOf(dev.vite);
	if (!http) {
		dev.vite.config.logger.warn(
			'[svelte-realtime] Vite runs in middleware mode without `server.hmr.server`, so there is no HTTP server to take WebSockets from. Live functions do not answer.'
		);
		return;
	}
	let starting: Promise<void> | undefined;
	const start = async (): Promise<void> => {
		const reading = await first();
		const [problem] = reading.problems;
		if (problem) dev.fail(problem);
		else if (isRealtime(reading)) await dev.refresh('start');
	};
	const begin = (): void => {
		starting ??= start().catch(dev.fail);
	};
	if (http.listening) begin();
	else http.once('listening', begin);
	dev.vite.middlewares.use((_request, _response, next) => {
		if (starting) void starting.then(() => next());
		else next();
	});
}

/**
 * Starts the built app on the HTTP server of `vite preview` when what is returned is called;
 * requests wait for it, so that the first page already finds its streams.
 */
export function previewWithServer(vite: PreviewServer, project: Project): () => void {
	let starting: Promise<void> | undefined;
	// Before SvelteKit's own, which would render; Vite listens without waiting for us.
	vite.middlewares.use((_request, _response, next) => {
		if (starting) void starting.then(() => next());
		else next();
	});
	return () => {
		starting = servePreview(vite, project).catch((error: unknown) => {
			const text = String((error as Error).stack ?? error);
			vite.config.logger.error(`[${PACKAGE}] ${text}`);
		});
	};
}

/** Serves the built app's socket on the HTTP server of `vite preview`. */
async function servePreview(vite: PreviewServer, project: Project): Promise<void> {
	const file = join(project.kit.outDir, 'output/server/realtime.js');
	if (!existsSync(file)) return;
	const sockets = await createSocketServer({
		server: vite.httpServer as Server,
		path: project.path,
		isSecure: Boolean(vite.config.preview.https),
		dev: false,
		respond: project.kit.isKit ? innerResponder(vite.middlewares) : undefined
	});
	vite.httpServer.once('close', () => void sockets.close());
	await sockets.start((await import(pathToFileURL(file).href)) as ServerModule);
}

/** Vite's own server; in middleware mode the one that the author named for module reloading. */
function httpServerOf(vite: ViteDevServer): Server | undefined {
	const { hmr } = vite.config.server;
	const named = typeof hmr === 'object' ? hmr.server : undefined;
	return (vite.httpServer ?? named ?? undefined) as Server | undefined;
}

function moduleLoader(vite: ViteDevServer, root: string): () => Promise<ServerModule> {
	const { ssr } = vite.environments;
	if ((kitMajor(root) ?? 2) >= 3 && isRunnableDevEnvironment(ssr)) {
		return () => ssr.runner.import<ServerModule>(SERVER);
	}
	return async () => (await vite.ssrLoadModule(SERVER, { fixStacktrace: true })) as ServerModule;
}

function resolver(vite: ViteDevServer): Resolve {
	return async (source, importer) => {
		const found = await vite.environments.ssr.pluginContainer.resolveId(source, importer);
		return found?.id.split('?', 1)[0];
	};
}
