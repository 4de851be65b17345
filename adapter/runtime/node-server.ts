/** Node's HTTP server, with its limits spelled out. */

import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { Certificate } from './certificate.ts';
import { BODY_TIME } from './front.ts';

/** Milliseconds; `undefined` leaves what NODE_LIMITS says. */
export interface NodeTimeouts {
	/** How long a connection may wait for its next request. */
	readonly keepAlive?: number | undefined;
	/** How long the headers of a request may take to come; 0 for no limit. */
	readonly headers?: number | undefined;
}

/** Most are Node's own defaults; spelled out, no release of Node changes them under a site. */
export const NODE_LIMITS = {
	/** Bytes of the request line and all headers. */
	maxHeaderSize: 16 * 1024,
	/** Milliseconds until the headers are complete. */
	headersTimeout: 60_000,
	/** Milliseconds until the request is, with its body. */
	requestTimeout: BODY_TIME,
	/** Milliseconds that a connection waits for its next request. */
	keepAliveTimeout: 5_000,
	/** Milliseconds that the greeting of TLS may take. */
	handshakeTimeout: 10_000
} as const;

/** Milliseconds from one look at time-outs to the next. */
const LOOK = 5_000;

/**
 * A server that speaks HTTP, or with a certificate HTTPS; the caller makes it listen.
 *
 * @param timeouts Of those that are longer than a request may take, the request's goes with them.
 */
export function nodeServer(
	listener: RequestListener,
	certificate?: Certificate,
	timeouts: NodeTimeouts = {}
): Server {
	const headersTimeout = timeouts.headers ?? NODE_LIMITS.headersTimeout;
	const options = {
		...NODE_LIMITS,
		headersTimeout,
		connectionsCheckingInterval: Math.min(LOOK, headersTimeout || LOOK),
		requestTimeout: Math.max(NODE_LIMITS.requestTimeout, headersTimeout),
		keepAliveTimeout: timeouts.keepAlive ?? NODE_LIMITS.keepAliveTimeout
	};
	const server = certificate
		? (createSecureServer({ ...options, ...certificate }, listener) as unknown as Server)
		: createServer(options, listener);
	// The size bounds their number; beyond a number of its own Node would keep the rest from us.
	server.maxHeadersCount = 0;
	return server;
}
