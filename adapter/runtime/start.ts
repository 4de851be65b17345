/** The entry of a built app: boots SvelteKit, the kernel and the server, in this order. */

import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { systemClock } from '../../kernel/clock.ts';
import { selectTransport } from '../transports/select.ts';
import { nodeTransport } from '../transports/node.ts';
import { uwsTransport } from '../transports/uws.ts';
import { platformWith } from '../hooks.ts';
import { joinSupervisor } from '../workers/member.ts';
import { createApp, type App as RunningApp, type AppDefinition } from './app.ts';
import { readEnvironment, type Environment } from './env.ts';
import { listenNode, listenUws, type Listener } from './listen.ts';
import type { KitServing } from './kit-serving.ts';
import { leave } from './leave.ts';
import { LAST_STEPS, onSignals, shutDown, type ShutdownReason } from './shutdown.ts';
import { createSite, type KitServer } from './site.ts';
import { staticFiles, type LargeFiles, type Prerendered } from './static.ts';

export interface StartOptions {
	/** SvelteKit's server, not yet initialised, or what loads it: a supervisor has no need of it. */
	readonly server: KitServer | (() => Promise<KitServer>);
	/** Loads config and live modules; absent where the app has none, and then no socket is opened. */
	readonly load?: (() => Promise<AppDefinition>) | undefined;
	/** Folder that holds `client/` and `prerendered/`. */
	readonly directory: string;
	/** `kit.paths.base`. @default '' */
	readonly base?: string;
	/** `kit.appDir`. @default '_app' */
	readonly appDir?: string;
	/** Decoded path and what was prerendered there. @default [] */
	readonly prerendered?: Iterable<readonly [path: string, page: Prerendered]>;
	/** ETags of files that are too large to be hashed when they are asked for. */
	readonly etags?: LargeFiles;
	/** Stands before the name of every variable. @default '' */
	readonly envPrefix?: string;
	/** Own origin where ORIGIN is not set. */
	readonly origin?: string | undefined;
	/** @default process.env */
	readonly env?: Readonly<Record<string, string | undefined>>;
	/** Whether SIGTERM and SIGINT end the process. @default true */
	readonly signals?: boolean;
}

export interface RunningServer {
	readonly transport: 'uws' | 'node';
	readonly host: string;
	readonly port: number;
	readonly app: RunningApp | undefined;
	/** Stops listening, ends sockets and requests; the process goes on. */
	close(): Promise<void>;
}

/**
 * Starts the server of a built app.
 *
 * The app's own modules are loaded last: before `Server.init`, `$env/dynamic/private` is empty.
 *
 * @throws {RealtimeError} For a wrong variable or config. @throws {Error} When the port is taken.
 */
export async function start(options: StartOptions): Promise<RunningServer> {
	const { directory, base = '', appDir = '_app', env = process.env } = options;
	const environment = readEnvironment(env, {
		prefix: options.envPrefix ?? '',
		origin: options.origin
	});
	const worker = joinSupervisor(env);
	if (environment.workers !== undefined && worker === undefined) {
		return superviseWorkers(environment, options.signals ?? true);
	}
	const server = typeof options.server === 'function' ? await options.server() : options.server;
	await server.init({
		env: env as Record<string, string>,
		read: (file) =>
			Readable.toWeb(createReadStream(join(directory, 'client', base, file))) as ReadableStream
	});
	const definition = await options.load?.();
	// Elsewhere than on Linux nothing spreads connections over several native listeners.
	const isShareable = worker === undefined || process.platform === 'linux';
	const selected = await selectTransport(isShareable ? definition?.config?.transport : 'node');
	const transport = selected.name === 'uws' ? uwsTransport() : nodeTransport();
	let platform: App.Platform | undefined;
	const kit: KitServing = {
		path: `${base}/ws`,
		origin: environment.fixedOrigin,
		respond: (request, slot, ip) =>
			server.respond(request, {
				platform: platformWith(platform, slot) as App.Platform,
				getClientAddress: () => ip
			})
	};
	const app = definition && (await createApp(definition, { transport, kit, shared: worker?.link }));
	platform = app?.platform;

	const site = createSite({
		server,
		environment,
		platform,
		own: () => app?.kernel.find('metrics.page'),
		backends: () => app?.kernel.find('health')?.states() ?? [],
		files: staticFiles({
			client: join(directory, 'client'),
			prerendered: join(directory, 'prerendered', base),
			pages: new Map(options.prerendered),
			etags: options.etags,
			immutable: `${base}/${appDir}/immutable/`
		})
	});
	const attachment = app && {
		path: kit.path,
		host: app.kernel,
		resolve: resolver(environment)
	};
	const { host, port } = environment;
	const listening = { site, attachment, host, port, isShared: worker !== undefined };
	const listener: Listener = await (
		transport.name === 'uws'
			? listenUws(
					(selected as { uws: typeof import('uWebSockets.js') }).uws,
					transport as never,
					listening
				)
			: listenNode(transport as never, listening)
	).catch(async (error: unknown) => {
		await app?.close();
		throw error;
	});

	let closing: Promise<void> | undefined;
	const leaving = {
		kernel: app?.kernel,
		clock: app?.kernel.clock ?? systemClock,
		spread: environment.shutdownSpread
	};
	/** @param siblings The instances that end as well; `undefined`: it is replaced by another. */
	const close = (reason: ShutdownReason = 'close', siblings?: readonly string[]): Promise<void> => {
		forget?.();
		return (closing ??= shutDown(
			{
				site,
				timeout: environment.shutdownTimeout,
				delay: reason === 'SIGHUP' ? 0 : environment.shutdownDelay,
				stopListening: listener.stop,
				leave: (deadline) => leave(leaving, siblings, deadline),
				closeApp: app && (() => app.close()),
				release: listener.release
			},
			reason
		));
	};
	const forget = options.signals === false ? undefined : onSignals((reason) => close(reason, []));

	if (worker) {
		worker.serve({
			instance: app?.kernel.instanceId,
			transport: transport.name as 'uws' | 'node',
			connections: () => app?.kernel.connections.size ?? 0,
			leave: (reason, siblings) => close(reason, reason === 'SIGHUP' ? undefined : siblings)
		});
	} else announce(environment.host, listener.port, transport.name);
	return {
		transport: transport.name as 'uws' | 'node',
		host: environment.host,
		port: listener.port,
		app,
		close: () => close('close', [])
	};
}

async function superviseWorkers(
	{ workers: size = 1, host, port, portName, shutdownTimeout, shutdownDelay }: Environment,
	signals: boolean
): Promise<RunningServer> {
	const { supervise } = await import('../workers/supervise.ts');
	const patience = shutdownTimeout + shutdownDelay + LAST_STEPS * 2;
	const supervisor = await supervise({ size, host, port, portName, patience, signals });
	const count = size === 1 ? '1 worker' : `${size} workers`;
	announce(host, supervisor.port, `${supervisor.transport}, ${count}`);
	const { transport } = supervisor;
	return {
		transport,
		host,
		port: supervisor.port,
		app: undefined,
		close: () => supervisor.close()
	};
}

function announce(host: string, port: number, how: string): void {
	console.log(`Listening on http://${urlHost(host)}:${port} (${how})`);
}

/** A socket whose own origin cannot be told is refused, as a page is. */
function resolver(environment: Environment): Environment['resolve'] {
	return (headers, socketAddress) => {
		const resolved = environment.resolve(headers, socketAddress);
		if (resolved.origin === undefined) throw new Error('The request names no valid host.');
		return resolved;
	};
}

function urlHost(host: string): string {
	return host.includes(':') ? `[${host}]` : host;
}
