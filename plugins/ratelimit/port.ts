/** What a store of rate limits must be able to do. */

import type { MaybePromise } from 'svelte-realtime/kernel';

/** How much there is, and how fast it comes back. */
export interface Budget {
	/** Taken at once at the most; from 1 to 100,000. */
	readonly points: number;
	/** Milliseconds in which all of them come back, one after the other in even steps. */
	readonly window: number;
}

/** A budget under a name; each key that takes from it has one of its own. */
export interface RateLimitPolicy extends Budget {
	/** Keys of one policy share nothing with those of another. One name has one budget. */
	readonly name: string;
}

/**
 * Who has decided: this instance for itself, a store that all instances share, or nobody, since that
 * store was away; then nothing is allowed.
 */
export type VerdictSource = 'local' | 'shared' | 'failClosed';

/** What became of a try to take something. */
export interface RateLimitVerdict {
	readonly allowed: boolean;
	/** Whole points that are left now. */
	readonly remaining: number;
	/** Milliseconds after which the same can be taken; 0 where it was. */
	readonly retryAfterMs: number;
	readonly source: VerdictSource;
}

/** Counts what each key has taken. */
export interface RateLimitStore {
	/**
	 * Takes `cost` points from the budget of a key, all of them or none, in one atomic step.
	 *
	 * In any stretch of t milliseconds a key MUST NOT be given more than `points + points * t / window`
	 * points, and MUST be given what keeps to that. The work MUST NOT grow with the number of keys.
	 * Keys that have all their points back MUST be forgotten, one that is counted MUST NOT be; where
	 * their number has a bound, new keys are refused past it. A store that is away MUST answer all the
	 * same, soon, and MUST NOT throw.
	 *
	 * @param cost From 0, which only looks, to `policy.points`.
	 * @param now Milliseconds since the Unix epoch, by this instance; a store that is shared has its own.
	 */
	take(
		key: string,
		cost: number,
		policy: RateLimitPolicy,
		now: number
	): MaybePromise<RateLimitVerdict>;
}

declare module 'svelte-realtime/kernel' {
	interface Capabilities {
		'ratelimit.store': RateLimitStore;
	}
}
