import type { Connection } from '../../kernel/connection.ts';
import type { ConnectionData } from '../../kernel/contexts.ts';
import type { Payload, Socket, TransportHost } from '../../kernel/transport.ts';
import { CLOSE } from '../../kernel/codes.ts';

/**
 * One accepted connection, between its native socket and the host.
 *
 * Whatever the native layer does, the host sees `open` first, then messages and drains, then one
 * `close`, and nothing later. Nothing is thrown into native code, where it would end the process.
 */
export class Seat {
	readonly #host: TransportHost;
	readonly #data: ConnectionData;
	#socket: Socket | undefined;
	#connection: Connection | undefined;
	#end: { readonly code: number; readonly reason: string } | undefined;

	constructor(host: TransportHost, data: ConnectionData) {
		this.#host = host;
		this.#data = data;
	}

	open(socket: Socket): void {
		this.#socket = socket;
		try {
			this.#connection = this.#host.open(socket, this.#data);
			// The host may have closed the socket before it returned the connection to close.
			if (this.#end) this.#host.close(this.#connection, this.#end.code, this.#end.reason);
		} catch (error) {
			this.#fail(error);
		}
	}

	message(payload: Payload, byteLength: number): void {
		if (this.#connection === undefined || this.#end) return;
		try {
			this.#host.message(this.#connection, payload, byteLength);
		} catch (error) {
			this.#fail(error);
		}
	}

	drain(): void {
		if (this.#connection === undefined || this.#end) return;
		try {
			this.#host.drain(this.#connection);
		} catch (error) {
			this.#fail(error);
		}
	}

	close(code: number, reason: string): void {
		if (this.#end) return;
		this.#end = { code, reason };
		if (this.#connection === undefined) return;
		try {
			this.#host.close(this.#connection, code, reason);
		} catch (error) {
			this.#fail(error);
		}
	}

	/** The host promises not to throw; where it does all the same, one connection pays for it. */
	#fail(error: unknown): void {
		console.error(error);
		if (!this.#end) this.#socket?.close(CLOSE.INTERNAL, 'Internal error');
	}
}
