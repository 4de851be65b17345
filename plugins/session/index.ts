/** Session: values that are kept by id for as long as they are used. */

import { definePlugin, LiveError, type MaybePromise, type Plugin } from 'svelte-realtime/kernel';
import { checkCount, checkTime } from '../checks.ts';
import { memorySessions } from './memory.ts';
import type { SessionStore } from './port.ts';

export { memorySessions, type MemorySessionsOptions } from './memory.ts';
export type { SessionStore } from './port.ts';

/** Characters of an id. */
const ID = 256;

export interface SessionOptions {
	/** Milliseconds that a session lives after its last use. @default 1800000 */
	ttl?: number;
	/** Sessions that this instance keeps in memory; past it the one used longest ago goes. @default 10000 */
	size?: number;
}

/** Values that are kept by id for as long as they are used. */
export interface Session {
	/**
	 * The value; its time begins anew. `undefined` where there is none.
	 *
	 * To change it, `set` it: whether it is the object that was set is up to the store.
	 */
	get<T = unknown>(id: string): MaybePromise<T | undefined>;
	/** @throws {LiveError} INVALID_REQUEST when the id is no string of at most 256 characters. */
	set(id: string, value: unknown): MaybePromise<void>;
	/** Begins its time anew; says whether there is such a session. */
	touch(id: string): MaybePromise<boolean>;
	/** Ends it; says whether there was such a session. */
	delete(id: string): MaybePromise<boolean>;
}

declare module 'svelte-realtime/kernel' {
	interface Capabilities {
		session: Session;
	}
}

/**
 * Keeps values by id for a time after their last use.
 *
 * Uses `session.store` where a plugin provides it, else the memory of this process, which ends with
 * it. Past `size` the session used longest ago goes, and `limited` hears of `session.size`.
 *
 * @throws {RealtimeError} RT_OPTION_INVALID when `ttl` is no time, or `size` no whole number from 1.
 * @example const cart = (await ctx.session.get<Cart>(`cart:${ctx.user.id}`)) ?? emptyCart();
 */
export function session(options: SessionOptions = {}): Plugin<never, 'session'> {
	const { ttl = 30 * 60_000, size = 10_000 } = options;
	checkTime('ttl', 'session()', ttl, 1);
	checkCount('size', 'session()', size);

	return definePlugin({
		name: 'session',
		optional: ['session.store'],
		provides: ['session'],
		setup(kernel) {
			const { clock } = kernel;
			const limited = (): void => kernel.limited('session.size');
			const store: SessionStore =
				kernel.find('session.store') ?? memorySessions({ clock, ttl, size, limited });

			kernel.provide('session', {
				get: <T>(id: string) => store.get(checked(id), ttl) as MaybePromise<T | undefined>,
				set: (id, value) => store.set(checked(id), value, ttl),
				touch: (id) => store.touch(checked(id), ttl),
				delete: (id) => store.delete(checked(id))
			});
		}
	});
}

/** An id may come from a client: ten thousand long ones would fill the memory. */
function checked(id: unknown): string {
	if (typeof id === 'string' && id.length <= ID) return id;
	throw new LiveError('INVALID_REQUEST', `The id of a session has at most ${ID} characters.`);
}
