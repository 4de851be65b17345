/** What `load` gives a page: a seed, and on the server also the store that shows it. */

import type { Seed } from './seed.ts';
import type { StreamStore } from './store.ts';

/** A stream with a value, in a page's `data`. It is no promise, since it has nothing to wait for. */
export type LoadedStream<Value> = Omit<StreamStore<Value>, 'then'>;

/** A symbol of the process, since the app and its hooks can hold two copies of this module. */
const LOADED: symbol = Symbol.for('svelte-realtime.loaded');

/**
 * Makes a seed readable as a store while the page is rendered.
 *
 * The members are not enumerable: for whatever serialises it, the seed is the plain data it has been.
 */
export function readable<S extends Seed>(seed: S, store: object): S {
	const {
		then: _,
		position: __,
		hasMore: ___,
		...members
	} = Object.getOwnPropertyDescriptors(store) as Record<PropertyKey, PropertyDescriptor>;
	// The names that are symbols, too: what writes a page refuses those that it can see.
	for (const name of Reflect.ownKeys(members)) members[name]!.enumerable = false;
	return Object.defineProperties(seed, { ...members, [LOADED]: { value: true } });
}

/** The plain data of what `readable` made; undefined for all else. */
export function seedIn(value: unknown): Seed | undefined {
	const isLoaded = typeof value === 'object' && value !== null && LOADED in value;
	return isLoaded ? { ...(value as Seed) } : undefined;
}
