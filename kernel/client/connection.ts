import { createSubscriber } from 'svelte/reactivity';
import { systemClock } from '../clock.ts';
import { CLOSE_NORMAL, CLOSE_PROTOCOL, CLOSE_REAUTHENTICATE, willReconnect } from '../codes.ts';
import { subprotocols } from '../token.ts';
import type { Answer, Refused } from './ask.ts';
import { backoff, randomOf } from './backoff.ts';
import { endpoint, type ClientOptions, type Token, type WebSocketLike } from './configure.ts';
import { createHeartbeat } from './heartbeat.ts';
import { isHidden, listenToPage, type PageEvent } from './lifecycle.ts';
import { createListeners, report } from './listeners.ts';

/**
 * `idle`: nobody has needed a connection yet; `offline`: the device has no network, and nothing is
 * tried until it has one; `blocked`: what answers over HTTP opens no socket, so something between
 * this page and the server does not let upgrades through; it is tried on, as when `reconnecting`;
 * `closed`: for good, until `reconnect()`.
 */
export type ConnectionStatus =
	'idle' | 'connecting' | 'open' | 'reconnecting' | 'blocked' | 'offline' | 'closed';

/** How a connection ended. */
export interface Closed {
	/** Of the close frame, from 4500 to 4999 for good; 1006 where none came. */
	readonly code: number;
	/** In the server's words, or ''. */
	readonly reason: string;
	/**
	 * Why the server did not let the client in, or `UPGRADE_BLOCKED` where something before it does
	 * not; asked after two attempts in a row that failed.
	 */
	readonly refused?: Refused | undefined;
}

/** The one connection of a client. A Svelte store of its status; the getters react in runes. */
export interface ClientConnection {
	readonly status: ConnectionStatus;
	readonly connected: boolean;
	/** Attempts to connect since the connection was lost; 0 while it is there. */
	readonly attempt: number;
	/** How the last connection, or attempt, ended; `undefined` while one is there. */
	readonly closed: Closed | undefined;
	subscribe(run: (status: ConnectionStatus) => void): () => void;
	/** Closes for good: what is running fails with CONNECTION_CLOSED, and so does what comes later. */
	close(): void;
	/** Connects anew now, whatever the state; after a sign-in, say, or after `close()`. */
	reconnect(): void;
}

/** The connection as the client kernel drives it. */
export interface Link {
	readonly connection: ClientConnection;
	/** The status, without making an effect depend on it. */
	status(): ConnectionStatus;
	/** Begins to connect where nothing has yet. @throws what `endpoint` throws */
	connect(): void;
	/** The server has said welcome: from here on the connection counts as open. */
	welcomed(): void;
	write(payload: string | Uint8Array<ArrayBuffer>): void;
	/** Gives this socket up and connects again after the usual wait. */
	drop(): void;
}

interface LinkHandlers {
	receive(text: string): void;
	lost(code: number, willRetry: boolean): void;
}

/** What a socket that ended without a close frame reports. */
const ABNORMAL = 1006;
const NOTHING: Answer = {};
const nothing = (): undefined => {};
const PING = '{"type":"ping"}';

export function createLink(options: ClientOptions, handlers: LinkHandlers): Link {
	const listeners = createListeners();
	const heartbeat = createHeartbeat(options, () => socket!.send(PING), drop);
	let track: (() => void) | undefined;
	let status: ConnectionStatus = 'idle';
	/** Stands for one attempt and the connection that comes of it; what belongs to another is past. */
	let current: object | undefined;
	let socket: WebSocketLike | undefined;
	let closed: Closed | undefined;
	/** Why this attempt will have failed, should it end before the server has said a word. */
	let blocked: Refused | undefined;
	let attempt = 0;
	let openedAt = 0;
	let isAway = false;
	let cancelTimer: () => void = nothing;

	const clock = () => options.clock ?? systemClock;
	const page = () => options.events ?? (globalThis as never);

	function become(next: ConnectionStatus): void {
		status = next;
		if (next === 'closed') listenToPage('removeEventListener', page(), onPage);
		listeners.notify();
	}

	/** Nobody is there to catch: a wrong address ends the connection instead. */
	async function dial(): Promise<void> {
		const mine = (current = {});
		let code: number = CLOSE_REAUTHENTICATE;
		// As long as a handshake may take, the token and the server's welcome included.
		cancelTimer = clock().after(15_000, drop);
		listenToPage('addEventListener', page(), onPage);
		try {
			const protocols = subprotocols(
				options.auth && (await (options.auth as () => Promise<Token>)())
			);
			code = CLOSE_PROTOCOL;
			const { WebSocket, url } = endpoint(options);
			// A browser keeps to itself why an upgrade was refused. That a file of this build is not there
			// any more must not be the end.
			const { refused, doubt } =
				(attempt > 1 &&
					!options.WebSocket &&
					(await import('./ask.ts').then((it) => it.ask(url, protocols, closed), nothing))) ||
				NOTHING;
			if (mine !== current) return;
			if (refused) return lost(ABNORMAL, '', true, refused);
			blocked = doubt;
			const dialled = new WebSocket(url, protocols);
			socket = dialled;
			dialled.onmessage = ({ data }: { data: unknown }) => {
				if (mine !== current) return;
				heartbeat.heard();
				if (typeof data === 'string') handlers.receive(data);
			};
			dialled.onclose = (event: Closed) => {
				if (mine === current) lost(event.code, event.reason);
			};
			// A close follows every error, and `ws` throws one that nobody listens to.
			dialled.onerror = nothing;
		} catch (error) {
			if (mine !== current) return;
			// How it has ended is told by who has found it out; everything else is a failure.
			const ended = (error as { lost?: Parameters<typeof lost> } | undefined)?.lost;
			if (ended) return lost(...ended);
			report(error);
			lost(code, String(error));
		}
	}

	function release(): void {
		cancelTimer();
		heartbeat.stop();
		const released = socket;
		socket = current = blocked = undefined;
		released?.close(CLOSE_NORMAL);
	}

	function lost(
		code: number,
		reason: string = '',
		willRetry = willReconnect(code),
		refused?: Refused
	): void {
		// One that has held for a while: what comes now has nothing to do with what was before it.
		if (status === 'open' && clock().now() - openedAt >= 5000) attempt = 0;
		const isBlocked = code === ABNORMAL && blocked;
		closed = { code, reason, refused: refused ?? (isBlocked || undefined) };
		release();
		if (willRetry && !isAway) {
			const wait = backoff((attempt += 1), randomOf(options), code);
			cancelTimer = clock().after(wait + (refused?.retryAfter ?? 0), dial);
		}
		become(willRetry ? (isAway ? 'offline' : isBlocked ? 'blocked' : 'reconnecting') : 'closed');
		handlers.lost(code, willRetry);
	}

	function drop(): void {
		if (current) lost(ABNORMAL);
	}

	/** Stops until the page is back, or asks at once how things stand, as timers may have stopped. */
	function onPage(event: PageEvent): void {
		if (event.type === 'pagehide' || event.type === 'offline') {
			isAway = true;
			// A network that is gone for a moment may leave the connection as it is; a page that has an
			// open connection cannot be kept for the way back.
			if (event.type === 'offline' && status === 'open') heartbeat.start(true);
			else lost(CLOSE_NORMAL);
		} else if (!isHidden(event)) {
			isAway = false;
			if (status === 'open') heartbeat.start(true);
			else if (!current) redial();
		}
	}

	function redial(): void {
		const before = status;
		release();
		attempt = 0;
		isAway = false;
		become(before === 'idle' ? 'connecting' : 'reconnecting');
		if (before === 'open') handlers.lost(CLOSE_NORMAL, true);
		void dial();
	}

	/** Makes the effect that reads now run again on a change. */
	const tracked = (): void => (track ??= createSubscriber((update) => listeners.add(update)))();

	return {
		connection: {
			get status() {
				tracked();
				return status;
			},
			get connected() {
				return this.status === 'open';
			},
			get attempt() {
				return this.connected ? 0 : attempt;
			},
			get closed() {
				tracked();
				return closed;
			},
			subscribe(run) {
				const leave = listeners.add(() => run(status));
				run(status);
				return leave;
			},
			close() {
				if (status !== 'closed') lost(CLOSE_NORMAL, '', false);
			},
			reconnect() {
				endpoint(options);
				redial();
			}
		},
		status: () => status,
		connect() {
			if (status !== 'idle') return;
			endpoint(options);
			status = 'connecting';
			// Later in this tick: a first reader may be a derived, during which nothing may change.
			queueMicrotask(() => {
				if (status !== 'connecting' || current) return;
				listeners.notify();
				void dial();
			});
		},
		welcomed() {
			cancelTimer();
			openedAt = clock().now();
			closed = blocked = undefined;
			heartbeat.start();
			become('open');
		},
		write: (payload) => socket?.send(payload),
		drop
	};
}
