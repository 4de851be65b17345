import type { Connection } from '../../kernel/connection.ts';
import type { ConnectionData } from '../../kernel/contexts.ts';
import type { Payload, SendStatus, Socket, TransportHost } from '../../kernel/transport.ts';
import { CLOSE } from '../../kernel/codes.ts';
import { beginTogether } from '../together.ts';

/** Messages that are handled together. */
const MESSAGES = 64;
/** Bytes of one that is not held back for others: it takes its time alone, and memory. */
const LARGE = 16 * 1024;

/** For all sockets, so that what comes in one turn is handled in the order in which it came. */
const together = beginTogether(MESSAGES);

/**
 * One accepted connection, between its native socket and the host.
 *
 * Whatever the native layer does, the host sees `open` first, then messages and drains, then one
 * `close`, and nothing later. Nothing is thrown into native code, where it would end the process.
 */
export abstract class Seat implements Socket {
	readonly #host: TransportHost;
	#connection: Connection | undefined = undefined;
	/** A message waits for those of others. */
	#isHeld = false;
	#end: { readonly code: number; readonly reason: string } | undefined = undefined;

	constructor(host: TransportHost) {
		this.#host = host;
	}

	abstract readonly bufferedBytes: number;
	abstract send(payload: Payload): SendStatus;
	abstract subscribe(topic: string): void;
	abstract unsubscribe(topic: string): void;
	abstract publish(topic: string, payload: Payload): boolean;
	abstract cork(work: () => void): void;
	abstract close(code: number, reason: string): void;

	/** The socket is there; to be called once. */
	begun(data: ConnectionData): void {
		try {
			this.#connection = this.#host.open(this, data);
			// The host may have closed the socket before it returned the connection to close.
			if (this.#end) this.#host.close(this.#connection, this.#end.code, this.#end.reason);
		} catch (error) {
			fail(this, this.#end, error);
		}
	}

	received(payload: Payload, byteLength: number): void {
		// What one client sends is not begun side by side: each message finds done what those before it do
		// without waiting for anything.
		if (this.#isHeld) together.flush();
		this.#isHeld = true;
		together.add(() => {
			this.#isHeld = false;
			const connection = this.#connection;
			if (connection === undefined || this.#end) return;
			try {
				this.cork(() => this.#host.message(connection, payload, byteLength));
			} catch (error) {
				fail(this, this.#end, error);
			}
		});
		if (byteLength > LARGE) together.flush();
	}

	drained(): void {
		if (this.#connection === undefined || this.#end) return;
		try {
			this.#host.drain(this.#connection);
		} catch (error) {
			fail(this, this.#end, error);
		}
	}

	/** The socket is gone: after the messages that it has left behind, the host hears of it. */
	left(code: number, reason: string): void {
		if (this.#isHeld) together.flush();
		together.add(() => this.ended(code, reason));
	}

	/** The host has closed the socket. */
	ended(code: number, reason: string): void {
		if (this.#end) return;
		this.#end = { code, reason };
		if (this.#connection === undefined) return;
		try {
			this.#host.close(this.#connection, code, reason);
		} catch (error) {
			fail(this, this.#end, error);
		}
	}
}

/**
 * The host promises not to throw; where it does all the same, one connection pays for it. No private
 * method, which would take memory in each of them.
 */
function fail(seat: Seat, end: object | undefined, error: unknown): void {
	console.error(error);
	if (!end) seat.close(CLOSE.INTERNAL, 'Internal error');
}
