/** One upload while its bytes come in. */

import { encode, LiveError, type Clock } from 'svelte-realtime/kernel';
import type { ClientCall } from 'svelte-realtime/plugins/rpc';
import type {} from './frames.ts';
import type { Sink } from './sink.ts';

export interface UploadOptions {
	readonly clock: Clock;
	/** Bytes that may be on their way, or wait to be read. */
	readonly window: number;
	/** Milliseconds that the client has for half of a window. */
	readonly idle: number;
}

export class Upload {
	readonly #call: ClientCall;
	readonly #size: number;
	readonly #sink: Sink;
	readonly #options: UploadOptions;
	#received: number = 0;
	#told: number = 0;
	#until: number = 0;
	#isOver: boolean = false;
	#failure: LiveError | undefined = undefined;
	#stopTimer: () => void = () => {};

	/** @param size Bytes, as announced. */
	constructor(call: ClientCall, size: number, sink: Sink, options: UploadOptions) {
		this.#call = call;
		this.#size = size;
		this.#sink = sink;
		this.#options = options;
	}

	/** Why there were no more bytes. */
	get failure(): LiveError | undefined {
		return this.#failure;
	}

	/** Lets the client begin. */
	open(): void {
		this.grant();
		if (this.#size === 0) this.#complete();
	}

	/** Takes bytes that the client has sent, and refuses what does not belong there. */
	receive(at: unknown, bytes: Uint8Array<ArrayBuffer> | undefined): void {
		if (this.#isOver) return;
		if (!Number.isSafeInteger(at) || bytes === undefined) {
			return this.fail(new LiveError('INVALID_REQUEST', 'A chunk is bytes with an offset.'));
		}
		const known = this.#received - (at as number);
		if (known < 0) return this.fail(new LiveError('INVALID_REQUEST', 'Bytes are missing.'));
		// What was sent on the connection before may come again.
		const fresh = bytes.subarray(known);
		const received = this.#received + fresh.byteLength;
		if (received > this.#size) {
			const why = `More than the ${this.#size} bytes that were announced.`;
			return this.fail(new LiveError('PAYLOAD_TOO_LARGE', why));
		}
		if (received > this.#until) {
			const why = 'More was sent than there was room for.';
			return this.fail(new LiveError('INVALID_REQUEST', why));
		}
		if (fresh.byteLength === 0) return;
		this.#received = received;
		this.#sink.write(fresh);
		if (received === this.#size) this.#complete();
		else this.grant();
	}

	/** Says what has come and what else may, where that is worth a frame. */
	grant(): void {
		if (this.#isOver) return;
		const { window } = this.#options;
		const room = window - this.#sink.waiting;
		const until = Math.min(this.#size, this.#received + room);
		const isLast = until === this.#size && until > this.#until;
		// Where there is room for all of the rest, what comes of it is news still.
		const isGranted = this.#until === this.#size;
		const news = isGranted ? this.#received - this.#told : until - this.#until;
		if (!isLast && news < window / 2) return;
		this.#until = until;
		this.tell();
		this.#wait();
	}

	/** Says where it stands, to a client that comes back as well. */
	tell(): void {
		const { id } = this.#call;
		this.#told = this.#received;
		const credit = { received: this.#received, until: this.#until };
		this.#call.answer(encode({ type: 'binary:credit', id, ...credit }));
	}

	/** Ends it where bytes are still to come; nothing else. */
	fail(error: LiveError): void {
		if (this.#isOver) return;
		this.#failure = error;
		this.end();
		this.#sink.fail(error);
	}

	/** Nobody waits for bytes any more. */
	end(): void {
		this.#isOver = true;
		this.#stopTimer();
	}

	#complete(): void {
		this.#until = this.#size;
		this.tell();
		this.end();
		this.#sink.end();
	}

	/** The client owes bytes from here on; where it has sent them all, it is the reader's turn. */
	#wait(): void {
		const { clock, idle } = this.#options;
		this.#stopTimer();
		this.#stopTimer = clock.after(idle, () => {
			if (this.#received >= this.#until) return;
			this.fail(new LiveError('TIMEOUT', `The upload has made no headway for ${idle} ms.`));
		});
	}
}
