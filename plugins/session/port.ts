/** What keeps sessions must be able to do. */

import type { MaybePromise } from 'svelte-realtime/kernel';

/**
 * Keeps values by id, each for a time after its last use. Each method MUST be one atomic step, and
 * what is over MUST NOT be seen by any of them. A value comes back equal to what was set, where JSON
 * or devalue can write it; whether it is the same object is not promised.
 *
 * `ttl` is in milliseconds, and the same in every call.
 */
export interface SessionStore {
	/** The value, whose time begins anew; `undefined` where there is none. */
	get(id: string, ttl: number): MaybePromise<unknown>;
	/** Sets a value; its time begins anew. */
	set(id: string, value: unknown, ttl: number): MaybePromise<void>;
	/** Begins the time anew; says whether there is such a session. */
	touch(id: string, ttl: number): MaybePromise<boolean>;
	/** Ends a session; says whether there was one. */
	delete(id: string): MaybePromise<boolean>;
}

declare module 'svelte-realtime/kernel' {
	interface Capabilities {
		'session.store': SessionStore;
	}
}
