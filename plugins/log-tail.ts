/** The latest frames of a topic that this instance holds. */

import type { LogEntry } from 'svelte-realtime/plugins/replay';

/** Bytes of the objects around an entry's text, roughly. */
const OVERHEAD = 96;

export class Frames {
	readonly #size: number;
	readonly #bytes: number;
	#entries: LogEntry[] = [];
	/** Index of the oldest entry: shifting an array at each frame would cost its length. */
	#start: number = 0;
	#held: number = 0;

	/**
	 * @param size Frames that are held.
	 * @param bytes Bytes that are held.
	 */
	constructor(size: number, bytes: number) {
		this.#size = size;
		this.#bytes = bytes;
	}

	get length(): number {
		return this.#entries.length - this.#start;
	}

	push(entry: LogEntry): void {
		this.#entries.push(entry);
		this.#held += bytesOf(entry);
		while (this.length > this.#size || (this.#held > this.#bytes && this.length > 0)) this.#drop();
	}

	/** The latest `count`, oldest first. */
	last(count: number): readonly LogEntry[] {
		return this.#entries.slice(Math.max(this.#start, this.#entries.length - count));
	}

	clear(): void {
		this.#entries = [];
		this.#start = 0;
		this.#held = 0;
	}

	#drop(): void {
		this.#held -= bytesOf(this.#entries[this.#start]!);
		this.#entries[this.#start] = undefined as never;
		this.#start += 1;
		if (this.#start < 64 || this.#start * 2 < this.#entries.length) return;
		this.#entries = this.#entries.slice(this.#start);
		this.#start = 0;
	}
}

function bytesOf({ event, value }: LogEntry): number {
	return OVERHEAD + event.length + Buffer.byteLength(value.json ?? '');
}
