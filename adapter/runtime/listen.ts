/** Binds a front, and the socket beside it, to a port. */

import { Server as TcpServer } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import type { Server as SecureServer } from 'node:https';
import type { TemplatedApp, us_listen_socket } from 'uWebSockets.js';
import { RealtimeError } from '../../kernel/errors.ts';
import type { Attachment } from '../transports/attachment.ts';
import type { NodeTransport } from '../transports/node.ts';
import type { UwsModule } from '../transports/select.ts';
import type { UwsTransport } from '../transports/uws.ts';
import { readCertificate, watchCertificate, type CertificateFiles } from './certificate.ts';
import { keepReserve, type Door } from './descriptors.ts';
import { nodeFront } from './http-node.ts';
import { uwsFront } from './http-uws.ts';
import { onIdle } from './idle.ts';
import { nodeServer, type NodeTimeouts } from './node-server.ts';
import { cannotListen, freePort } from './port.ts';
import { adoptPath, claimPath } from './socket-path.ts';
import type { Site } from './site.ts';

/** Milliseconds that answers already written get to leave, once everything has ended. */
const FLUSH_TIME = 1000;

export interface Listening {
	readonly site: Site;
	/** The socket; absent where the app has none. */
	readonly attachment: Attachment | undefined;
	readonly host: string;
	readonly port: number;
	/** A Unix socket, in place of both. */
	readonly path?: string | undefined;
	/** A socket that is open, in place of all three; on Node only. */
	readonly fd?: number | undefined;
	/** For HTTPS; a certificate that comes to stand in its files is taken over. */
	readonly certificate?: CertificateFiles | undefined;
	/** On Node only. */
	readonly timeouts?: NodeTimeouts;
	/** What happens when nobody has needed the server for a time; on Node only. */
	readonly idle?: { readonly time: number; readonly end: () => void } | undefined;
	/** Whether other workers listen there as well. @default false */
	readonly isShared?: boolean;
	/** Is told what its operator has to know. @default console.error */
	readonly report?: (error: unknown) => void;
}

export interface Listener {
	/** The port that was bound; 0 where it is no port. */
	readonly port: number;
	/** Accepts no further connections, from when it resolves on. */
	stop(): Promise<void>;
	/** Lets what was written go out, for a moment, and ends what connections are left. */
	release(): Promise<void>;
}

/** A native server on its way from listening to its last connection. */
interface Open {
	readonly app: TemplatedApp;
	/** Undefined while no connection is accepted. */
	socket: us_listen_socket | undefined;
	readonly retire: (() => void) | undefined;
}

/**
 * Listens with uWebSockets.js.
 *
 * A native server keeps the certificate that it was made with: a new one gets a server of its own
 * on the same port, and the connections of the old one live on there.
 */
export async function listenUws(
	uws: UwsModule,
	transport: UwsTransport,
	listening: Listening
): Promise<Listener> {
	const { site, attachment, host, path, certificate: files, isShared = false } = listening;
	const { report = console.error } = listening;
	if (path !== undefined) await claimPath(path);
	let { port } = listening;
	// It could be listened on exclusively, but then not again as long as a connection to it is open.
	if (path === undefined && !isShared) port = await freePort(host, port);

	function listenWith(app: TemplatedApp, done: (socket: us_listen_socket | false) => void): void {
		if (path !== undefined) app.listen_unix(done, path);
		else app.listen(host, port, done);
	}

	async function open(): Promise<Open> {
		const app = files ? secureApp(uws, files) : uws.App();
		const retire = attachment && transport.attach(app, attachment);
		uwsFront(app, site);
		const socket = await new Promise<us_listen_socket | false>((resolve) => {
			listenWith(app, resolve);
		});
		if (socket) return { app, socket, retire };
		retire?.();
		throw path === undefined ? cannotListen(host, port) : new Error(`Cannot listen on ${path}.`);
	}

	let current = await open();
	if (path === undefined) port = uws.us_socket_local_port(current.socket!);
	let leavePath = path === undefined ? undefined : adoptPath(path);
	const apps = new Set([current.app]);
	let isStopped = false;
	const stopWatching = files && watchCertificate(files, renew);
	const letGo = keepReserve(
		{
			get isOpen() {
				return current.socket !== undefined;
			},
			shut: () => close(current),
			open() {
				const { app } = current;
				leavePath?.();
				// It calls back before it returns.
				listenWith(app, (socket) => {
					if (socket) current.socket = socket;
				});
				if (path !== undefined && current.socket) leavePath = adoptPath(path);
			}
		},
		report
	);

	/** What is closed already must not be closed again. */
	function close(one: Open): void {
		const { socket } = one;
		one.socket = undefined;
		if (socket) uws.us_listen_socket_close(socket);
	}

	async function renew(): Promise<void> {
		const last = current;
		const next = await open();
		if (isStopped) return close(next);
		current = next;
		if (path !== undefined) leavePath = adoptPath(path);
		apps.add(current.app);
		await atRest(() => close(last));
		last.retire?.();
	}

	return {
		port: path === undefined ? port : 0,
		async stop() {
			if (isStopped) return;
			isStopped = true;
			stopWatching?.();
			leavePath?.();
			letGo();
			if (isShared) await atRest(() => close(current));
			else close(current);
		},
		async release() {
			// What a socket did not take at once goes out in later turns; nothing says when.
			await setTimeout(FLUSH_TIME / 10);
			// Where it is missing, idle connections end by themselves within ten seconds.
			for (const app of apps) (app as { close?(): void }).close?.();
		}
	};
}

/** @throws {RealtimeError} RT_TLS_INVALID */
function secureApp(uws: UwsModule, files: CertificateFiles): TemplatedApp {
	// It says why, which the native server does not.
	readCertificate(files);
	try {
		return uws.SSLApp({ cert_file_name: files.cert, key_file_name: files.key });
	} catch (cause) {
		const why = 'uWebSockets.js does not take them';
		throw new RealtimeError('RT_TLS_INVALID', [files.cert, files.key, why], { cause });
	}
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

export async function listenNode(
	transport: NodeTransport,
	listening: Listening
): Promise<Listener> {
	const { site, attachment, host, port, path, fd, certificate: files, idle } = listening;
	if (path !== undefined && !listening.isShared) await claimPath(path);
	const server = nodeServer(nodeFront(site), files && readCertificate(files), listening.timeouts);
	const detach = attachment && transport.attach(server, attachment);
	await new Promise<void>((resolve, reject) => {
		server.once('error', (cause) => {
			detach?.();
			const where = path ?? (fd === undefined ? undefined : `file descriptor ${fd}`);
			const failure = where && new Error(`Cannot listen on ${where}.`, { cause });
			reject(failure || cannotListen(host, port, cause));
		});
		if (fd !== undefined) server.listen({ fd }, resolve);
		else if (path !== undefined) server.listen({ path }, resolve);
		else server.listen(port, host, resolve);
	});
	const stopWatching =
		files &&
		watchCertificate(files, (renewed) =>
			(server as unknown as SecureServer).setSecureContext({ ...renewed })
		);
	const forget = idle && onIdle(server, idle.time, idle.end);
	const letGo = keepReserve(doorOf(server), listening.report ?? console.error);
	const closed = new Promise((resolve) => server.once('close', resolve));
	const address = server.address();
	return {
		port: address !== null && typeof address === 'object' ? address.port : 0,
		async stop() {
			detach?.();
			stopWatching?.();
			forget?.();
			letGo();
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

/**
 * Node goes on to accept connections where it may not have them, and ends them at once: their clients
 * need not wait for a server that may soon have room.
 */
function doorOf(server: TcpServer): Door {
	let isOpen = true;
	return {
		get isOpen() {
			return isOpen;
		},
		shut() {
			isOpen = false;
			// Of 0 some releases think that it stands for any number.
			server.maxConnections = 1;
		},
		open() {
			isOpen = true;
			server.maxConnections = Infinity;
		}
	};
}
