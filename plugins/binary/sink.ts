/** Where the bytes of an upload go: into one piece of memory, or through a stream. */

import type { LiveError } from 'svelte-realtime/kernel';
import type { UploadStream } from './declare.ts';

export interface Sink {
	/** Bytes that nobody has taken yet, so that there is no room for others in their place. */
	readonly waiting: number;
	write(bytes: Uint8Array<ArrayBuffer>): void;
	/** All bytes are there. */
	end(): void;
	/** There will be no more, and what is held is let go of. Nothing where it has ended. */
	fail(error: LiveError): void;
}

/** All bytes, once they are there. */
export class Whole implements Sink {
	readonly waiting = 0;
	readonly data: Promise<Uint8Array<ArrayBuffer>>;
	#bytes: Uint8Array<ArrayBuffer> | undefined;
	#length: number = 0;
	#resolve: (bytes: Uint8Array<ArrayBuffer>) => void = () => {};
	#reject: (error: LiveError) => void = () => {};

	/** @param size Bytes. */
	constructor(size: number) {
		// The machine gives the memory as it is written to, not here.
		this.#bytes = new Uint8Array(size);
		this.data = new Promise((resolve, reject) => {
			this.#resolve = resolve;
			this.#reject = reject;
		});
		// Whoever waits for it hears of it; a lost rejection would end the process.
		this.data.catch(() => {});
	}

	write(bytes: Uint8Array<ArrayBuffer>): void {
		this.#bytes?.set(bytes, this.#length);
		this.#length += bytes.byteLength;
	}

	end(): void {
		if (this.#bytes !== undefined) this.#resolve(this.#bytes);
		this.#bytes = undefined;
	}

	fail(error: LiveError): void {
		this.#bytes = undefined;
		this.#reject(error);
	}
}

/** The bytes as they are read. */
export class Flow implements Sink {
	readonly stream: UploadStream;
	waiting: number = 0;
	#chunks: Uint8Array<ArrayBuffer>[] = [];
	#controller: ReadableStreamDefaultController<Uint8Array<ArrayBuffer>> | undefined;
	#hasEnded: boolean = false;
	/** Ends the wait of a reader that was there before the bytes. */
	#wake: (() => void) | undefined = undefined;

	/**
	 * @param read Hears that there is room again.
	 * @param left Hears that the reader wants no more.
	 */
	constructor(read: () => void, left: () => void) {
		this.stream = new ReadableStream<Uint8Array<ArrayBuffer>>(
			{
				start: (controller) => void (this.#controller = controller),
				pull: () => this.#pull(read),
				cancel: () => {
					this.#drop();
					left();
				}
			},
			// Nothing is taken ahead: what is read is what makes room.
			{ highWaterMark: 0 }
		);
	}

	write(bytes: Uint8Array<ArrayBuffer>): void {
		if (this.#controller === undefined) return;
		this.#chunks.push(bytes);
		this.waiting += bytes.byteLength;
		this.#wake?.();
	}

	end(): void {
		this.#hasEnded = true;
		this.#wake?.();
	}

	fail(error: LiveError): void {
		this.#controller?.error(error);
		this.#drop();
	}

	async #pull(read: () => void): Promise<void> {
		if (this.#chunks.length === 0 && !this.#hasEnded) {
			await new Promise<void>((wake) => (this.#wake = wake));
			this.#wake = undefined;
		}
		const next = this.#chunks.shift();
		if (next === undefined) {
			this.#controller?.close();
			this.#controller = undefined;
			return;
		}
		this.waiting -= next.byteLength;
		this.#controller?.enqueue(next);
		read();
	}

	#drop(): void {
		this.#controller = undefined;
		this.#chunks = [];
		this.waiting = 0;
		this.#wake?.();
	}
}
