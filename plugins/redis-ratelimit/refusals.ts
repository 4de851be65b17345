/** Refusals that still hold: whoever knocks on meanwhile is answered without a way to the store. */

import type { RateLimitVerdict } from '../ratelimit/port.ts';

interface Refusal {
	/** When it was asked for, which is before the store has looked. */
	readonly from: number;
	readonly until: number;
}

/** Those that are remembered; past it they are asked for again. */
const MOST = 10_000;
/** Milliseconds for which a refusal is believed, however long it holds: a store may lose what it knew. */
const LONGEST = 1000;

export interface Refusals {
	/** The refusal of one point that holds for a budget now. */
	find(key: string, now: number): RateLimitVerdict | undefined;
	/** @param from When the store was asked. */
	keep(key: string, from: number, retryAfterMs: number): void;
}

/**
 * A budget that has not one point has none before `retryAfterMs` have passed, whoever asks. Counted
 * from before the question, that is never longer than it is true.
 */
export function createRefusals(): Refusals {
	const refusals = new Map<string, Refusal>();
	return {
		find(key, now) {
			const refusal = refusals.get(key);
			if (refusal === undefined) return undefined;
			const { from, until } = refusal;
			// A clock that was set back would make it hold for as long.
			if (now < from || now >= until || now - from >= LONGEST) {
				refusals.delete(key);
				return undefined;
			}
			return { allowed: false, remaining: 0, retryAfterMs: until - now, source: 'shared' };
		},
		keep(key, from, retryAfterMs) {
			if (refusals.size >= MOST) refusals.clear();
			refusals.set(key, { from, until: from + retryAfterMs });
		}
	};
}
