/** What the kernel asks of a transport, and what it offers to one. */

import type { Connection } from './connection.ts';
import type { ConnectionData, UpgradeRequest } from './contexts.ts';
import type { DenialCode } from './codes.ts';
import type { Limits } from './limits.ts';

export type MaybePromise<T> = T | Promise<T>;

/** A text frame as a string, a binary frame as bytes. */
export type Payload = string | Uint8Array;

/** `sent`: on its way; `queued`: kept in the send buffer; `dropped`: over the limit, or closed. */
export type SendStatus = 'sent' | 'queued' | 'dropped';

/**
 * One accepted socket, as its transport hands it to the kernel.
 *
 * Only the kernel's `Connection` holds it, and never uses it after `host.close()` was called, so
 * an implementation need not guard against late calls.
 */
export interface Socket {
	send(payload: Payload): SendStatus;
	subscribe(topic: string): void;
	unsubscribe(topic: string): void;
	/** Sends to everyone who follows `topic` but this socket. */
	publish(topic: string, payload: Payload): boolean;
	/** Bytes that wait in the send buffer. */
	readonly bufferedBytes: number;
	/** Groups what `work` sends into as few packets as the transport can. */
	cork(work: () => void): void;
	/** Sends a close frame that arrives with this code and reason (at most 123 bytes). */
	close(code: number, reason: string): void;
}

export interface Transport {
	readonly name: 'uws' | 'node' | (string & {});
	/** Sends to every socket that follows `topic`; nothing before the transport is attached. */
	publish(topic: string, payload: Payload): boolean;
	/** Sockets that follow `topic`. */
	subscribers(topic: string): number;
}

/** What the upgrade gates made of a request. */
export type UpgradeAnswer =
	| {
			readonly ok: true;
			readonly data: ConnectionData;
			readonly responseHeaders: Readonly<Record<string, string>>;
			/** For an answer over HTTP; the 101 has none of them. */
			readonly setCookies?: readonly string[];
	  }
	| {
			readonly ok: false;
			/** HTTP status of the refusal. */
			readonly status: number;
			readonly code: DenialCode;
			readonly reason: string;
			/** Milliseconds after which trying again can help. */
			readonly retryAfter?: number | undefined;
	  };

/** The entry points that a transport calls. None of them throws or rejects. */
export interface TransportHost {
	readonly limits: Limits;
	/** Origin check, then the `upgrade` gates; bounded by `limits.upgradeTimeout`. */
	upgrade(request: UpgradeRequest): MaybePromise<UpgradeAnswer>;
	/** The same for a page that asks over HTTP before it connects. */
	preflight(request: UpgradeRequest): MaybePromise<UpgradeAnswer>;
	/** Whether pages of the request's origin may connect. */
	allows(request: UpgradeRequest): boolean;
	open(socket: Socket, data: ConnectionData): Connection;
	/**
	 * One message.
	 *
	 * @param byteLength Bytes on the wire; more than `limits.message` closes the connection.
	 */
	message(connection: Connection, payload: Payload, byteLength: number): void;
	/** The send buffer has room again. */
	drain(connection: Connection): void;
	/** The socket is gone; to be called once. */
	close(connection: Connection, code: number, reason: string): void;
}
