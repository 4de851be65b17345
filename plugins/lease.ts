/** A lock that is renewed for as long as it is wanted, and known to be lost in time. */

import { LiveError, type Clock, type MaybePromise } from 'svelte-realtime/kernel';

/** A lock that this instance has. */
export interface Lease {
	/** Greater than that of everybody who had the lock before. */
	readonly fence: number;
	/** Aborts when somebody else may have the lock, also where the store says nothing. */
	readonly signal: AbortSignal;
	/** Whether nobody else can have it, by the clocks of now: a timer may be late. */
	isHeld(): boolean;
	/** Lets go of it; never rejects. */
	release(): Promise<void>;
}

/** The part of a lease that is given up here before the store gives it to somebody else. */
const MARGIN = 0.1;

/** A moment, and how long ago it is. */
export class Moment {
	readonly #clock: Clock;
	readonly #time: number;
	readonly #steady: number;

	constructor(clock: Clock) {
		this.#clock = clock;
		this.#time = clock.now();
		this.#steady = steadyOf(clock);
	}

	/** The one clock can be set back, and the other one stands while the machine sleeps. */
	get elapsed(): number {
		return Math.max(this.#clock.now() - this.#time, steadyOf(this.#clock) - this.#steady);
	}
}

function steadyOf(clock: Clock): number {
	return clock.steady?.() ?? clock.now();
}

interface HeldOptions {
	readonly fence: number;
	readonly clock: Clock;
	readonly ttl: number;
	/** When the store was asked: its lease cannot have begun before. */
	readonly asked: Moment;
	readonly renew: () => MaybePromise<boolean>;
	readonly release: () => Promise<void>;
}

export class HeldLease implements Lease {
	readonly fence: number;
	readonly #options: HeldOptions;
	readonly #lost: AbortController = new AbortController();
	#asked: Moment;
	#released: Promise<void> | undefined = undefined;
	#stopWatching: () => void = () => {};
	#stopRenewing: () => void = () => {};

	constructor(options: HeldOptions) {
		this.#options = options;
		this.fence = options.fence;
		this.#asked = options.asked;
		this.#watch();
		this.#renewLater();
	}

	get signal(): AbortSignal {
		return this.#lost.signal;
	}

	isHeld(): boolean {
		if (this.#released || this.#lost.signal.aborted) return false;
		return this.#rest > 0;
	}

	release(): Promise<void> {
		this.#stop();
		return (this.#released ??= this.#options.release());
	}

	/** Milliseconds for which it can be relied on. */
	get #rest(): number {
		return this.#options.ttl * (1 - MARGIN) - this.#asked.elapsed;
	}

	#watch(): void {
		this.#stopWatching = this.#options.clock.after(this.#rest, () => {
			if (this.#rest > 0) this.#watch();
			else this.#lose();
		});
	}

	#renewLater(): void {
		const { clock, ttl } = this.#options;
		this.#stopRenewing = clock.after(ttl / 3, () => void this.#renew());
	}

	async #renew(): Promise<void> {
		// The process stood still: whoever waits for the lock may have it.
		if (!this.isHeld()) return this.#lose();
		const asked = new Moment(this.#options.clock);
		try {
			if (!(await this.#options.renew())) return this.#lose();
			this.#asked = asked;
		} catch {
			// The store is silent: the deadline says when that has lasted for too long.
		}
		if (!this.#released && !this.#lost.signal.aborted) this.#renewLater();
	}

	#lose(): void {
		if (this.#released) return;
		this.#stop();
		this.#lost.abort(
			new LiveError('SERVICE_UNAVAILABLE', 'The lock was lost: somebody else may have it.')
		);
	}

	#stop(): void {
		this.#stopWatching();
		this.#stopRenewing();
	}
}
