/** Binds a front, and the socket beside it, to a port. */

import { Server as TcpServer, type AddressInfo } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import type { us_listen_socket } from 'uWebSockets.js';
import type { Attachment } from '../transports/attachment.ts';
import type { NodeTransport } from '../transports/node.ts';
import type { UwsModule } from '../transports/select.ts';
import type { UwsTransport } from '../transports/uws.ts';
import { nodeFront } from './http-node.ts';
import { uwsFront } from './http-uws.ts';
import type { Site } from './site.ts';

/** Milliseconds that answers already written get to leave, once everything has ended. */
const FLUSH_TIME = 1000;

export interface Listening {
	readonly site: Site;
	/** The socket; absent where the app has none. */
	readonly attachment: Attachment | undefined;
	readonly host: string;
	readonly port: number;
	/** Whether other workers have the port as well. @default false */
	readonly isShared?: boolean;
}

export interface Listener {
	/** The port that was bound. */
	readonly port: number;
	/** Accepts no further connections, from when it resolves on. */
	stop(): Promise<void>;
	/** Lets what was written go out, for a moment, and ends what connections are left. */
	release(): Promise<void>;
}

export async function listenUws(
	uws: UwsModule,
	transport: UwsTransport,
	{ site, attachment, host, port, isShared = false }: Listening
): Promise<Listener> {
	const app = uws.App();
	if (attachment) transport.attach(app, attachment);
	uwsFront(app, site);
	const socket = await new Promise<us_listen_socket | false>((resolve) => {
		// Without this option a port may be bound twice, and two servers share its connections.
		const options = isShared ? 0 : EXCLUSIVE_PORT;
		(app as unknown as WithOptions).listen(host, port, options, resolve);
	});
	if (!socket) throw cannotListen(host, port);
	let isStopped = false;
	return {
		port: uws.us_socket_local_port(socket),
		async stop() {
			if (isStopped) return;
			isStopped = true;
			if (isShared) await atRest(() => uws.us_listen_socket_close(socket));
			else uws.us_listen_socket_close(socket);
		},
		async release() {
			// What a socket did not take at once goes out in later turns; nothing says when.
			await setTimeout(FLUSH_TIME / 10);
			// Where it is missing, idle connections end by themselves within ten seconds.
			(app as { close?(): void }).close?.();
		}
	};
}

/** Turns of the event loop that are looked at. */
const TURNS = 200;
/** Milliseconds of a turn in which nothing has happened but that new connections were accepted. */
const REST = 0.05;

/**
 * Does something right after a turn of the event loop with nothing else in it. Whatever has connected
 * to a listener and waits there when that is closed is reset, though others listen on the same port.
 */
function atRest(work: () => void): Promise<void> {
	let begun = performance.now();
	let turns = 0;
	return new Promise((resolve) => {
		const look = (): void => {
			const ended = performance.now();
			if (ended - begun < REST || (turns += 1) === TURNS) return resolve(work());
			begun = performance.now();
			setImmediate(look);
		};
		setImmediate(look);
	});
}

/** `LIBUS_LISTEN_EXCLUSIVE_PORT`, which not every release exports under one name. */
const EXCLUSIVE_PORT = 1;

/** A form of `listen` that the types of uWebSockets.js leave out. */
interface WithOptions {
	listen(
		host: string,
		port: number,
		options: number,
		done: (socket: us_listen_socket | false) => void
	): void;
}

export async function listenNode(
	transport: NodeTransport,
	{ site, attachment, host, port }: Listening
): Promise<Listener> {
	const server = nodeFront(site);
	const detach = attachment && transport.attach(server, attachment);
	await new Promise<void>((resolve, reject) => {
		server.once('error', (cause) => {
			detach?.();
			reject(cannotListen(host, port, cause));
		});
		server.listen(port, host, resolve);
	});
	const closed = new Promise((resolve) => server.once('close', resolve));
	return {
		port: (server.address() as AddressInfo).port,
		async stop() {
			detach?.();
			// Not that of the HTTP server, which ends connections over which a request may just come: they
			// are told with their next answer.
			TcpServer.prototype.close.call(server);
		},
		async release() {
			server.close();
			const end = new AbortController();
			await Promise.race([closed, setTimeout(FLUSH_TIME, undefined, end)]);
			end.abort();
			server.closeAllConnections();
		}
	};
}

function cannotListen(host: string, port: number, cause?: unknown): Error {
	return new Error(
		`Cannot listen on ${host}:${port}. Another process has the port, or the address is not this machine's: set PORT or HOST.`,
		{ cause }
	);
}
