/** What the two HTTP fronts have in common: what they hand in, and how an answer is written. */

import type { RequestHeaders } from './env.ts';

/** A request, copied out of the server that took it. */
export interface Incoming {
	/** In upper case. */
	readonly method: string;
	/** Path and query, as sent. */
	readonly url: string;
	/** The path alone, as sent. */
	readonly path: string;
	readonly headers: RequestHeaders;
	/** One of them; of a few only, it is less work than to ask for all. */
	header(name: string): string | undefined;
	/** Its headers do not say for sure where it ends, or whom it is for; its answer is the last one. */
	readonly isUnclear: boolean;
	/** Address of the peer, which may be a proxy. Must be read before the client has left. */
	readonly socketAddress: string;
	/** Must be called before the first await; the body flows only as it is read. */
	body(): ReadableStream<Uint8Array<ArrayBuffer>>;
}

/** Status and headers; the front writes length, date and transfer encoding itself. */
export interface Head {
	readonly status: number;
	readonly reason: string;
	readonly headers: readonly (readonly [name: string, value: string])[];
	/** The same object is sent again and again, and has a header: a front may keep what it makes of it. */
	readonly isShared?: boolean;
}

export interface BodyInfo {
	/** Bytes, where known: announced as Content-Length. */
	readonly length?: number | undefined;
}

/**
 * The way back to one client. After the client has left every method does nothing, and a pending
 * `write` settles.
 */
export interface Reply {
	/** The client has left. */
	readonly isClosed: boolean;
	/** Whether what was written may be written over once `write` has settled. */
	readonly copies: boolean;
	/** Called once if the client leaves before the answer is complete; at once if it has left. */
	onClosed(listener: () => void): void;
	/**
	 * A complete answer.
	 *
	 * @param body `undefined` for none, in which case `info.length` is what a HEAD announces.
	 */
	send(head: Head, body: Uint8Array | string | undefined, info?: BodyInfo): void;
	/**
	 * A complete answer to a request whose body is not wanted. The rest of it is let run for a
	 * moment, since a connection that is cut with bytes unread may lose the answer on its way.
	 *
	 * @param rest Bytes that may still come, `Infinity` where the request does not say.
	 */
	refuse(head: Head, body: string, rest: number): void;
	/** Opens an answer whose body follows. */
	begin(head: Head, info?: BodyInfo): void;
	/** A promise where the client is slower than the server: no further write before it settles. */
	write(chunk: Uint8Array): Promise<void> | undefined;
	end(): void;
	/** Cuts the connection, so that the client can tell a truncated answer from a whole one. */
	abort(): void;
}

/** Milliseconds that the rest of a refused body may take. */
export const REFUSED_TIME: number = 2000;
/** Bytes of a refused body that are taken in and thrown away. */
export const REFUSED_BYTES: number = 16 * 1024 * 1024;
/** Milliseconds that a request body may take, however slowly it comes. */
export const BODY_TIME: number = 300_000;
/** Bytes of a request body that wait for their reader before the sender is held up. */
export const BODY_BUFFER: number = 64 * 1024;
