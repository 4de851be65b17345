/** What a store of durable calls must be able to do. */

import type { MaybePromise } from 'svelte-realtime/kernel';

/** What somebody who wants to run a call is told. */
export type CallClaim =
	/** It is theirs to run, and nobody else's. */
	| { readonly state: 'first' }
	/** Somebody runs it, as far as can be known. */
	| { readonly state: 'running' }
	/** Its owner has not renewed its claim in time: it may have run, wholly or in part. */
	| { readonly state: 'lost' }
	/** It has run. */
	| { readonly state: 'done'; readonly reply: string };

/** Both in milliseconds, by the store's own time. */
export interface CallTimes {
	/** How long a claim that is not renewed counts as `running`. */
	readonly lease: number;
	/** How long everything is remembered about a call after its last change. Longer than `lease`. */
	readonly retention: number;
}

/**
 * Keeps who runs a call, and what it came to, for as long as its client may ask again.
 *
 * Each method MUST be one atomic step. What a claim was told MUST hold on every instance: of all who
 * claim one call, one alone is `first`, until that one aborts. A call that is `lost` is never anybody
 * else's. What a method answers too late is asked again: each is fit to be done twice.
 *
 * `call` names the call and who made it in 43 characters (`A-Za-z0-9_-`), `owner` a claim of it.
 */
export interface CallStore {
	/** Claims a call. An owner who asks again is told the same again, and its lease begins anew. */
	claim(call: string, owner: string, times: CallTimes): MaybePromise<CallClaim>;
	/**
	 * Begins the lease anew, also where it had ended, or the store has lost what it knew; false where the
	 * call is somebody else's, or is done.
	 */
	renew(call: string, owner: string, times: CallTimes): MaybePromise<boolean>;
	/**
	 * Keeps what the call came to, also where the lease has ended, or the store has lost what it knew;
	 * false, and nothing, where the call is somebody else's.
	 */
	commit(call: string, owner: string, reply: string, times: CallTimes): MaybePromise<boolean>;
	/** Nothing of it has run: the next claim is `first`. Nothing where it is not this owner's, or done. */
	abort(call: string, owner: string): MaybePromise<void>;
}

declare module 'svelte-realtime/kernel' {
	interface Capabilities {
		'calls.store': CallStore;
	}
}
