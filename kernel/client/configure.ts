import type { Clock } from '../clock.ts';
import type { TransportHook } from '../values.ts';
import { clientError } from './messages.ts';

/** The part of a WebSocket that the client uses; the browser's and that of `ws` both have it. */
export interface WebSocketLike {
	onmessage: ((event: never) => void) | null;
	onclose: ((event: never) => void) | null;
	onerror: ((event: never) => void) | null;
	send(text: string): void;
	close(code?: number, reason?: string): void;
}

export type WebSocketConstructor = new (url: string) => WebSocketLike;

export interface ClientOptions {
	/** Where to connect, as `ws:` or `wss:`. @default the page's own origin, and `path` */
	url?: string;
	/** Path on the page's own origin; set by the app's generated code. @default '/ws' */
	path?: string;
	/** @default the runtime's own */
	WebSocket?: WebSocketConstructor;
	/** Milliseconds that a call may take, waiting for a connection included. @default 30,000 */
	timeout?: number;
	/** Calls that wait for a connection at the most; past it the oldest fails with QUEUE_FULL. @default 1000 */
	queue?: number;
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
	if (WebSocket === undefined) throw clientError('RT_CLIENT_WEBSOCKET');
	if (options.url !== undefined) return { WebSocket, url: options.url };
	const { location } = globalThis as { location?: { protocol: string; host: string } };
	if (!location?.host) throw clientError('RT_CLIENT_URL');
	const scheme = location.protocol === 'https:' ? 'wss:' : 'ws:';
	return { WebSocket, url: `${scheme}//${location.host}${options.path ?? '/ws'}` };
}
