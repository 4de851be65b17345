/** One value that many follow: the newest, with a number. */

import type { EncodedValue, PluginKernel } from 'svelte-realtime/kernel';
import type { LogEntry, Tail } from 'svelte-realtime/plugins/replay';
import type { Feed } from 'svelte-realtime/plugins/streams';

export interface CellOptions {
	readonly kernel: Pick<PluginKernel<never, never>, 'deliver' | 'values'>;
	/** Where changes are told. */
	readonly topic: string;
	/** No other cell has had it: whoever followed one before begins anew. */
	readonly epoch: string;
}

/**
 * A value in a topic of its own.
 *
 * It is numbered here and not by the log: whoever returns after everybody had left must not be told
 * that nothing has happened, when only nobody was there to look.
 */
export class Cell {
	readonly topic: string;
	readonly #options: CellOptions;
	#seq: number = 0;
	#value: EncodedValue | undefined = undefined;

	constructor(options: CellOptions) {
		this.topic = options.topic;
		this.#options = options;
	}

	get isEmpty(): boolean {
		return this.#value === undefined;
	}

	/**
	 * Tells a value, unless it is the one that was told last.
	 *
	 * @throws {RealtimeError} RT_VALUE_UNSERIALIZABLE
	 */
	set(value: unknown): void {
		const { kernel, topic, epoch } = this.#options;
		const encoded = kernel.values.encode(value, topic);
		const before = this.#value;
		if (before && before.json === encoded.json && before.devalue === encoded.devalue) return;
		this.#value = encoded;
		this.#seq += 1;
		// Each instance works it out itself: 'remote' keeps it from being carried to the others.
		const position = { seq: this.#seq, epoch };
		kernel.deliver({ topic, event: 'set', value: encoded, ...position, origin: 'remote' });
	}

	/** @param close Called once, when nobody follows through this feed any more. */
	feed(close: () => void): Feed {
		const { kernel, epoch } = this.#options;
		let isClosed = false;
		const last = (): LogEntry => ({ seq: this.#seq, event: 'set', value: this.#value! });
		const tail: Tail = {
			head: () => ({ epoch, seq: this.#seq }),
			since: (since) => {
				if (since.epoch !== epoch || since.seq > this.#seq) return 'epoch';
				if (since.seq === this.#seq) return [];
				return since.seq === this.#seq - 1 ? [last()] : 'truncated';
			},
			last: (count) => (count > 0 && this.#value !== undefined ? [last()] : []),
			close: () => {
				if (isClosed) return;
				isClosed = true;
				close();
			}
		};
		// Read anew for each: what a function has returned it may change later.
		return { tail, value: () => kernel.values.read(this.#value!) };
	}
}
