/** One direction of a connection: in order, with a delay; it can stall, and it can break. */

import type { Random } from './random.ts';
import type { VirtualTime } from './time.ts';

export interface PipeOptions {
	readonly time: VirtualTime;
	readonly random: Random;
	/** Milliseconds that one thing is under way: at least, at most. */
	readonly latency: readonly [least: number, most: number];
}

export class Pipe {
	readonly #options: PipeOptions;
	/** What waits while nothing flows. */
	#waiting: (() => void)[] = [];
	#lastArrival: number = 0;
	#isStalled: boolean = false;
	#isBroken: boolean = false;
	/** Milliseconds added to what is sent from now on. */
	lag: number = 0;

	constructor(options: PipeOptions) {
		this.#options = options;
	}

	get isStalled(): boolean {
		return this.#isStalled;
	}

	get isBroken(): boolean {
		return this.#isBroken;
	}

	/** Sends `arrive` on its way, behind everything that was sent before. */
	push(arrive: () => void): void {
		if (this.#isBroken) return;
		if (this.#isStalled) this.#waiting.push(arrive);
		else this.#send(arrive);
	}

	/** The far end takes nothing more for now. */
	stall(): void {
		this.#isStalled = true;
	}

	/**
	 * The far end takes what waits.
	 *
	 * @param pause Milliseconds between one thing and the next at the most; 0 = all at once. What is
	 * sent meanwhile waits its turn.
	 */
	resume(pause: number = 0): void {
		if (!this.#isStalled) return;
		const next = this.#waiting.shift();
		if (next === undefined) {
			this.#isStalled = false;
			return;
		}
		this.#send(next);
		if (pause === 0) return this.resume(0);
		const { time, random } = this.#options;
		time.after(random.between(0, pause), () => this.resume(pause));
	}

	/** Nothing arrives any more, and nobody is told. */
	break(): void {
		this.#isBroken = true;
		this.#waiting = [];
	}

	#send(arrive: () => void): void {
		const { time, random, latency } = this.#options;
		const takes = random.between(...latency) + this.lag;
		// Never before what was sent earlier: one connection keeps its order.
		this.#lastArrival = Math.max(this.#lastArrival, time.now + takes);
		time.after(this.#lastArrival - time.now, () => {
			if (!this.#isBroken) arrive();
		});
	}
}
