import { createSubscriber } from 'svelte/reactivity';
import { systemClock } from '../clock.ts';
import { CLOSE, willReconnect } from '../codes.ts';
import { backoff, secureRandom } from './backoff.ts';
import { endpoint, type ClientOptions, type WebSocketLike } from './configure.ts';
import { createListeners, guarded } from './listeners.ts';

/** `idle`: nobody has needed a connection yet; `closed`: for good, until `reconnect()`. */
export type ConnectionStatus = 'idle' | 'connecting' | 'open' | 'reconnecting' | 'closed';

/** The one connection of a client. A Svelte store of its status; the getters react in runes. */
export interface ClientConnection {
	readonly status: ConnectionStatus;
	readonly connected: boolean;
	/** Attempts to connect since the connection was lost; 0 while it is there. */
	readonly attempt: number;
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
	write(text: string): void;
	/** Gives this socket up and connects again after the usual wait. */
	drop(): void;
}

interface LinkHandlers {
	receive(text: string): void;
	lost(code: number, willRetry: boolean): void;
}

/** Milliseconds from dialling to the server's welcome. */
const HANDSHAKE = 15_000;
/** Milliseconds after which a connection has held, and the waits begin from the shortest again. */
const HELD = 5000;
/** What a socket that ended without a close frame reports. */
const ABNORMAL = 1006;

export function createLink(options: ClientOptions, handlers: LinkHandlers): Link {
	const listeners = createListeners();
	let track: (() => void) | undefined;
	let status: ConnectionStatus = 'idle';
	let socket: WebSocketLike | undefined;
	let attempt = 0;
	let openedAt = 0;
	let cancelTimer = (): void => {};

	const clock = () => options.clock ?? systemClock;

	function become(next: ConnectionStatus): void {
		status = next;
		listeners.notify();
	}

	function dial(): void {
		const { WebSocket, url } = endpoint(options);
		const dialled = new WebSocket(url);
		socket = dialled;
		dialled.onmessage = ({ data }: { data: unknown }) => {
			if (dialled === socket && typeof data === 'string') handlers.receive(data);
		};
		dialled.onclose = ({ code }: { code: number }) => {
			if (dialled === socket) lost(code);
		};
		// A close follows every error, and `ws` throws one that nobody listens to.
		dialled.onerror = () => {};
		cancelTimer = clock().after(HANDSHAKE, drop);
	}

	/** Dials where nobody is there to catch: a wrong address ends the connection instead. */
	function dialLater(): void {
		let failed = true;
		guarded(() => {
			dial();
			failed = false;
		});
		if (failed) lost(CLOSE.PROTOCOL);
	}

	function release(): void {
		cancelTimer();
		const released = socket;
		socket = undefined;
		released?.close(CLOSE.NORMAL);
	}

	function lost(code: number): void {
		if (status === 'open' && clock().now() - openedAt >= HELD) attempt = 0;
		release();
		const willRetry = willReconnect(code);
		if (willRetry) {
			attempt += 1;
			const random = options.random ?? secureRandom;
			cancelTimer = clock().after(backoff(attempt, random()), dialLater);
		}
		become(willRetry ? 'reconnecting' : 'closed');
		handlers.lost(code, willRetry);
	}

	function drop(): void {
		if (socket) lost(ABNORMAL);
	}

	const read = <T>(get: () => T): T => {
		track ??= createSubscriber((update) => listeners.add(update));
		track();
		return get();
	};

	return {
		connection: {
			get status() {
				return read(() => status);
			},
			get connected() {
				return read(() => status === 'open');
			},
			get attempt() {
				return read(() => (status === 'open' ? 0 : attempt));
			},
			subscribe(run) {
				const leave = listeners.add(() => run(status));
				run(status);
				return leave;
			},
			close() {
				if (status === 'closed') return;
				release();
				become('closed');
				handlers.lost(CLOSE.NORMAL, false);
			},
			reconnect() {
				endpoint(options);
				release();
				attempt = 0;
				const before = status;
				become(before === 'idle' ? 'connecting' : 'reconnecting');
				if (before === 'open') handlers.lost(CLOSE.NORMAL, true);
				dialLater();
			}
		},
		status: () => status,
		connect() {
			if (status !== 'idle') return;
			endpoint(options);
			status = 'connecting';
			// Later in this tick: a first reader may be a derived, during which nothing may change.
			queueMicrotask(() => {
				if (status !== 'connecting' || socket) return;
				listeners.notify();
				dialLater();
			});
		},
		welcomed() {
			cancelTimer();
			openedAt = clock().now();
			become('open');
		},
		write: (text) => socket?.send(text),
		drop
	};
}
