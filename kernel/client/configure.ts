import type { Clock } from '../clock.ts';
import type { TransportHook } from '../values.ts';
import type { PageEvents } from './lifecycle.ts';
import { clientError } from './messages.ts';

/** The part of a WebSocket that the client uses; the browser's and that of `ws` both have it. */
export interface WebSocketLike {
	onmessage: ((event: never) => void) | null;
	onclose: ((event: never) => void) | null;
	onerror: ((event: never) => void) | null;
	send(payload: string | Uint8Array<ArrayBuffer>): void;
	close(code?: number, reason?: string): void;
}

export type WebSocketConstructor = new (url: string, protocols?: string[]) => WebSocketLike;

/** Who connects, as the server's `upgrade` gates read it in `ctx.token`; `null` for nobody. */
export type Token = string | null | undefined;

/** A call that was made without a connection. */
export interface QueuedCall {
	readonly path: string;
	readonly args: readonly unknown[];
	/** Milliseconds since the Unix epoch. */
	readonly queuedAt: number;
}

/** What becomes of calls that are made without a connection. */
export interface OfflineOptions {
	/** Calls that wait at the most; past it the oldest fails with QUEUE_FULL. @default 1000 */
	queue?: number;
	/** Milliseconds; a call that has waited longer fails with STALE. @default no limit */
	maxAge?: number;
	/** One after the other, or all at once. @default 'sequential' */
	replay?: 'sequential' | 'concurrent';
	/** Asked before each is sent; after `false` it fails with STALE. */
	beforeReplay?: (call: QueuedCall) => boolean | Promise<boolean>;
	/**
	 * Keeps them in IndexedDB under this name, for the next page load; one page at a time has the name.
	 *
	 * @default they end with the page
	 */
	persist?: string;
}

export interface ClientOptions {
	/** Where to connect, as `ws:` or `wss:`. @default the page's own origin, and `path` */
	url?: string;
	/** Path on the page's own origin; set by the app's generated code. @default '/ws' */
	path?: string;
	/** @default the runtime's own */
	WebSocket?: WebSocketConstructor;
	/**
	 * A function is asked for a token before every attempt to connect, and whenever the server wants to
	 * know anew. One that fails counts as a failed attempt. The token travels in a header, so the few
	 * kilobytes that a server takes for those bound it.
	 *
	 * `true` asks the server over HTTP before every attempt, so that it can set cookies; a path asks there
	 * instead of at `/__ws/auth`. A refusal with a 4xx is final, but for one that waiting can help.
	 */
	auth?: true | string | (() => Token | Promise<Token>);
	/**
	 * Milliseconds within which a connection that is dead without being closed is noticed: a fifth
	 * of it before the end the server is asked for a sign of life. 0 for never. @default 25,000
	 */
	heartbeat?: number;
	/**
	 * What tells of `online`, `offline`, `pagehide`, `pageshow` and `visibilitychange`.
	 *
	 * @default the page, where there is one
	 */
	events?: PageEvents;
	/** Milliseconds that a call may take, waiting for a connection included. @default 30,000 */
	timeout?: number;
	/** Calls that wait for a connection at the most; past it the oldest fails with QUEUE_FULL. @default 1000 */
	queue?: number;
	/** Lets calls that are made without a connection wait for one, beyond their timeout. */
	offline?: OfflineOptions;
	/** The app's own types, as SvelteKit's `transport` hook declares them. */
	transport?: TransportHook;
	/** @default the machine's clock */
	clock?: Clock;
	/** A number from 0 up to 1, for the spread of reconnects. */
	random?: () => number;
}

/**
 * Reads the constructor and the address of the next connection.
 *
 * @throws RT_CLIENT_WEBSOCKET, RT_CLIENT_URL
 */
export function endpoint(options: ClientOptions): { WebSocket: WebSocketConstructor; url: string } {
	const WebSocket =
		options.WebSocket ?? (globalThis.WebSocket as unknown as WebSocketConstructor | undefined);
	if (!WebSocket) throw clientError('RT_CLIENT_WEBSOCKET');
	if (options.url) return { WebSocket, url: options.url };
	const { location } = globalThis as { location?: { host: string; origin: string } };
	if (!location?.host) throw clientError('RT_CLIENT_URL');
	return { WebSocket, url: location.origin.replace('http', 'ws') + (options.path ?? '/ws') };
}
