/** The entry of a built app: boots it, and listens. */

import { selectTransport, type SelectedTransport } from '../transports/select.ts';
import { nodeTransport, type NodeTransport } from '../transports/node.ts';
import { uwsTransport, type UwsTransport } from '../transports/uws.ts';
import { joinSupervisor } from '../workers/member.ts';
import type { App as RunningApp } from './app.ts';
import { boot, type BootOptions } from './boot.ts';
import { readEnvironment, type Environment } from './env.ts';
import { listenNode, listenUws, type Listener, type Listening } from './listen.ts';
import { LAST_STEPS, onSignals, shutDown, type ShutdownReason } from './shutdown.ts';

export interface StartOptions extends BootOptions {
	/** Whether SIGTERM and SIGINT end the process. @default true */
	readonly signals?: boolean;
}

export interface RunningServer {
	readonly transport: 'uws' | 'node';
	readonly host: string;
	/** 0 where the server listens on a Unix socket, or on one of systemd's. */
	readonly port: number;
	/** The Unix socket that the server listens on, in place of host and port. */
	readonly path: string | undefined;
	readonly app: RunningApp | undefined;
	/** Stops listening, ends sockets and requests; the process goes on. */
	close(): Promise<void>;
}

/**
 * Starts the server of a built app.
 *
 * @throws {RealtimeError} For a wrong variable or config. @throws {Error} When the port is taken.
 */
export async function start(options: StartOptions): Promise<RunningServer> {
	const { env = process.env, signals = true } = options;
	const environment = readEnvironment(env, {
		prefix: options.envPrefix ?? '',
		origin: options.origin
	});
	const worker = joinSupervisor(env);
	if (environment.workers !== undefined && worker === undefined) {
		return superviseWorkers(environment, signals);
	}
	// Elsewhere than on Linux nothing spreads connections over several native listeners.
	const isShareable = worker === undefined || process.platform === 'linux';
	const obstacle = obstacleOf(environment, worker !== undefined);
	const isQuiet = worker !== undefined && !worker.isFirst;
	let selected!: SelectedTransport;
	let transport!: NodeTransport | UwsTransport;
	const booted = await boot(options, {
		environment,
		shared: worker?.link,
		async transport(wanted) {
			selected = await selectTransport(isShareable ? wanted : 'node', { obstacle, isQuiet });
			return (transport = selected.name === 'uws' ? uwsTransport() : nodeTransport());
		}
	});

	const { host, path, idleTimeout } = environment;
	const { site, attachment, app } = booted;
	const listening: Listening = {
		...environment,
		...{ site, attachment, isShared: worker !== undefined },
		idle: idleTimeout && environment.fd ? { time: idleTimeout, end: () => end('IDLE') } : undefined
	};
	const listener: Listener = await (
		selected.name === 'uws'
			? listenUws(selected.uws, transport as UwsTransport, listening)
			: listenNode(transport as NodeTransport, listening)
	).catch(async (error: unknown) => {
		await app?.close();
		throw error;
	});

	let closing: Promise<void> | undefined;
	/** @param siblings The instances that end as well; `undefined`: it is replaced by another. */
	const close = (reason: ShutdownReason = 'close', siblings?: readonly string[]): Promise<void> => {
		handlers?.forget();
		return (closing ??= shutDown(
			{
				...booted.end(siblings),
				timeout: environment.shutdownTimeout,
				delay: reason === 'SIGHUP' || reason === 'IDLE' ? 0 : environment.shutdownDelay,
				stopListening: listener.stop,
				release: listener.release
			},
			reason
		));
	};
	const handlers = signals ? onSignals((reason) => close(reason, [])) : undefined;
	const end = (reason: ShutdownReason): void => {
		if (handlers) handlers.end(reason);
		else void close(reason, []);
	};

	if (worker) {
		worker.serve({
			instance: app?.kernel.instanceId,
			transport: selected.name,
			connections: () => app?.kernel.connections.size ?? 0,
			leave: (reason, siblings) => close(reason, reason === 'SIGHUP' ? undefined : siblings)
		});
	} else announce(environment, listener.port, selected.name);
	return {
		transport: selected.name,
		...{ host, path, app },
		port: listener.port,
		close: () => close('close', [])
	};
}

/** What is asked of the server that uWebSockets.js has no way to do. */
function obstacleOf(
	{ fd, path, timeouts, prefix }: Environment,
	isWorker: boolean
): string | undefined {
	if (fd !== undefined) return 'it cannot take over the socket of LISTEN_FDS';
	if (isWorker && path !== undefined) {
		return `several processes of it cannot share the socket of ${prefix}SOCKET_PATH`;
	}
	const fixed = 'its time-outs are fixed, and the environment sets';
	if (timeouts.keepAlive !== undefined) return `${fixed} ${prefix}KEEP_ALIVE_TIMEOUT`;
	if (timeouts.headers !== undefined) return `${fixed} ${prefix}HEADERS_TIMEOUT`;
	return undefined;
}

async function superviseWorkers(
	environment: Environment,
	signals: boolean
): Promise<RunningServer> {
	const { supervise } = await import('../workers/supervise.ts');
	const { workers: size = 1, host, port, path, prefix } = environment;
	const patience = environment.shutdownTimeout + environment.shutdownDelay + LAST_STEPS * 2;
	const portName = `${prefix}PORT`;
	const supervisor = await supervise({ size, host, port, path, portName, patience, signals });
	const { transport } = supervisor;
	const count = size === 1 ? '1 worker' : `${size} workers`;
	announce(environment, supervisor.port, `${transport}, ${count}`);
	return {
		...{ transport, host, path },
		port: supervisor.port,
		app: undefined,
		close: () => supervisor.close()
	};
}

function announce({ host, path, fd, certificate }: Environment, port: number, how: string): void {
	const scheme = certificate ? 'https' : 'http';
	const where = fd === undefined ? path : `file descriptor ${fd}`;
	console.log(`Listening on ${where ?? `${scheme}://${urlHost(host)}:${port}`} (${how})`);
}

function urlHost(host: string): string {
	return host.includes(':') ? `[${host}]` : host;
}
