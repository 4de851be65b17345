/** What keeps the locks of several instances must be able to do. */

import type { MaybePromise } from 'svelte-realtime/kernel';

/** The lock is its owner's, from now on or still. */
export interface Acquired {
	/** Greater than every one that was told for this key before, and a whole number. */
	readonly fence: number;
}

/** Somebody else has it. */
export interface Taken {
	/** Milliseconds for which the lease of who has it runs, unless it is renewed. */
	readonly runsFor: number;
	/** That of who has it. */
	readonly heldUnder: number;
}

/**
 * Keeps who has which lock, each for as long as its lease runs, by the store's own time. Each method
 * but `watch` MUST be one atomic step. Where the store is away they fail with SERVICE_UNAVAILABLE,
 * and what was asked for may have happened all the same.
 *
 * `ttl` is in milliseconds.
 */
export interface LockStore {
	/**
	 * Takes a lock that nobody has, for `ttl`. Who has it already, as its first answer was lost, MUST get
	 * it once more, under the same fence.
	 */
	acquire(key: string, owner: string, ttl: number): MaybePromise<Acquired | Taken>;
	/** Lets the lease run for `ttl` from now on; says whether it was this owner's still. */
	renew(key: string, owner: string, ttl: number): MaybePromise<boolean>;
	/** Lets go of it; nothing where somebody else has it. */
	release(key: string, owner: string): MaybePromise<void>;
	/**
	 * Calls back when a lock may be free; that it can be missed is known to who asks again. Resolves
	 * when it hears. The result ends it.
	 */
	watch(key: string, released: () => void): MaybePromise<() => void>;
}

declare module 'svelte-realtime/kernel' {
	interface Capabilities {
		'lock.store': LockStore;
	}
}
