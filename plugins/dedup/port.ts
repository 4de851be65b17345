/** What keeps claims must be able to do. */

import type { MaybePromise } from 'svelte-realtime/kernel';

/** What a claim is told: it is the first, or one is held (its work runs, or is done), or there is no room. */
export type Claim = 'first' | 'running' | 'done' | Full;

export interface Full {
	/** Milliseconds until there can be room. */
	readonly retryAfter: number;
}

/**
 * Keeps who has claimed an id. Each method MUST be one atomic step. A claim that is held MUST NOT be
 * let go of before its window has ended, room or no room.
 *
 * `window` is in milliseconds, and the same in every call for one id.
 */
export interface DedupStore {
	/** Of claims of one id that are made at once, one alone MUST be `first`. */
	claim(id: string, owner: string, window: number): MaybePromise<Claim>;
	/**
	 * The work is done, and its window begins anew, also where its claim has ended meanwhile. Nothing
	 * where somebody else holds the id.
	 */
	done(id: string, owner: string, window: number): MaybePromise<void>;
	/** Lets go, so that the next claim is the first; nothing where somebody else holds the claim. */
	free(id: string, owner: string): MaybePromise<void>;
}

declare module 'svelte-realtime/kernel' {
	interface Capabilities {
		'dedup.store': DedupStore;
	}
}
