/** When to look again after something has happened. */

import type { Clock } from 'svelte-realtime/kernel';

export interface SettleOptions {
	readonly clock: Clock;
	/** Milliseconds of silence that are waited for; 0 waits for the end of the tick only. */
	readonly debounce: number;
	/** Never throws and never rejects. */
	readonly run: () => unknown;
}

/** Runs something after what happens; never twice at a time, and always once after the last time. */
export class Settle {
	readonly #options: SettleOptions;
	/** Milliseconds since the Unix epoch; when it happened last. */
	#last: number = 0;
	#isWaiting: boolean = false;
	#isRunning: boolean = false;
	/** Something happened during the run. */
	#isStale: boolean = false;
	#cancel: () => void = () => {};
	#isEnded: boolean = false;

	constructor(options: SettleOptions) {
		this.#options = options;
	}

	/** Something has happened. */
	poke(): void {
		const { clock, debounce } = this.#options;
		if (debounce > 0) this.#last = clock.now();
		if (this.#isWaiting || this.#isEnded) return;
		this.#isWaiting = true;
		// One timer for a whole burst: setting it anew each time is what would cost.
		if (debounce > 0) this.#wait(debounce);
		else queueMicrotask(() => this.#due());
	}

	/** What waits for silence runs now. */
	flush(): void {
		if (!this.#isWaiting) return;
		this.#cancel();
		this.#due();
	}

	end(): void {
		this.#isEnded = true;
		this.#cancel();
	}

	#wait(delay: number): void {
		const { clock, debounce } = this.#options;
		this.#cancel = clock.after(delay, () => {
			const rest = this.#last + debounce - clock.now();
			// A clock that was set back must not make it wait for ever.
			if (rest > 0 && rest <= debounce) this.#wait(rest);
			else this.#due();
		});
	}

	#due(): void {
		if (!this.#isWaiting) return;
		this.#isWaiting = false;
		if (this.#isRunning) this.#isStale = true;
		else if (!this.#isEnded) void this.#run();
	}

	async #run(): Promise<void> {
		this.#isRunning = true;
		do {
			this.#isStale = false;
			await this.#options.run();
		} while (this.#isStale && !this.#isEnded);
		this.#isRunning = false;
	}
}
