/** One value that many follow: the newest, with a number. */

import type { EncodedValue, MaybePromise, PluginKernel } from 'svelte-realtime/kernel';
import type { LogEntry, Tail } from 'svelte-realtime/plugins/replay';
import type { Feed } from 'svelte-realtime/plugins/streams';

/** What works a value out. */
export interface Producer {
	/** It is this instance's turn: from now on it works the value out, and tells each one. */
	begin(): void;
	/** Another instance does so. */
	rest(): void;
}

/** Where a value is told, and by whom. */
export interface ValueCell {
	readonly topic: string;
	/** This instance works it out. */
	readonly isOwn: boolean;
	/** There is a value that may be shown. */
	readonly isCurrent: boolean;
	/** When what was set last is where it is told; there may be nothing to wait for. */
	told(): MaybePromise<void>;
	/** Says what works the value out; another one takes the place of the first. */
	attend(producer: Producer): void;
	/**
	 * Tells a value, unless it is the one that was told last. Nothing where this instance does not work
	 * it out.
	 *
	 * @throws {RealtimeError} RT_VALUE_UNSERIALIZABLE
	 */
	set(value: unknown): MaybePromise<void>;
	/** What is shown; read anew for each, as what a function has returned it may change later. */
	value(): unknown;
	/** What another instance has told last, if any. */
	last(): unknown;
	/** Resolves when it may be current, or own, and was not. @throws {LiveError} SERVICE_UNAVAILABLE */
	changed(): Promise<void>;
	/** @param close Called once, when nobody follows through this feed any more. */
	feed(close: () => void): MaybePromise<Feed>;
	end(): void;
}

export interface CellOptions {
	readonly kernel: Pick<PluginKernel<never, never>, 'deliver' | 'values'>;
	/** Where changes are told. */
	readonly topic: string;
	/** No other cell has had it: whoever followed one before begins anew. */
	readonly epoch: string;
}

/**
 * A value in a topic of its own, which each instance works out for itself.
 *
 * It is numbered here and not by the log: whoever returns after everybody had left must not be told
 * that nothing has happened, when only nobody was there to look.
 */
export class Cell implements ValueCell {
	readonly topic: string;
	readonly #options: CellOptions;
	#seq: number = 0;
	#value: EncodedValue | undefined = undefined;

	constructor(options: CellOptions) {
		this.topic = options.topic;
		this.#options = options;
	}

	get isOwn(): boolean {
		return true;
	}

	get isCurrent(): boolean {
		return this.#value !== undefined;
	}

	told(): void {}

	attend(producer: Producer): void {
		producer.begin();
	}

	value(): unknown {
		return this.#options.kernel.values.read(this.#value!);
	}

	last(): unknown {
		return undefined;
	}

	async changed(): Promise<void> {}

	end(): void {}

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

	feed(close: () => void): Feed {
		const { epoch } = this.#options;
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
		return { tail, value: () => this.value() };
	}
}
