/** Dedup: what comes twice is done once. */

import {
	definePlugin,
	LiveError,
	randomId,
	type MaybePromise,
	type Plugin
} from 'svelte-realtime/kernel';
import { checkCount, checkTime } from '../checks.ts';
import { memoryClaims } from './memory.ts';
import type { DedupStore } from './port.ts';

export { memoryClaims, type MemoryClaimsOptions } from './memory.ts';
export type { Claim, DedupStore, Full } from './port.ts';

/** Characters of an id. */
const ID = 256;
/** Who holds a claim that no work belongs to. */
const NOBODY = '';

export interface DedupOptions {
	/** Milliseconds within which an id counts as the same. @default 300000 */
	window?: number;
	/** Claims that this instance keeps in memory; past it a new one is refused. @default 10000 */
	size?: number;
}

/** What `once` came to. */
export type Once<T> =
	| { readonly first: true; readonly value: T }
	/** Somebody else's work runs, or is done; it is not known here what it came to. */
	| { readonly first: false; readonly state: 'running' | 'done' };

/** What comes twice is done once. */
export interface Dedup {
	/**
	 * Runs `work` if its id has not been claimed within the window. Work that fails lets go of the id,
	 * so that it can be tried again; while it runs, the id is held, however long that takes.
	 *
	 * @throws {LiveError} RATE_LIMITED, with `retryAfter`, when there is no room for another claim;
	 * INVALID_REQUEST when the id is no string of at most 256 characters; and whatever `work` throws.
	 */
	once<T>(id: string, work: () => MaybePromise<T>): Promise<Once<T>>;
	/** Claims an id for the window; false where it is claimed. Throws as `once` does. */
	claim(id: string): Promise<boolean>;
	/** Lets go of what `claim` has claimed. */
	free(id: string): Promise<void>;
}

declare module 'svelte-realtime/kernel' {
	interface Capabilities {
		dedup: Dedup;
	}
}

/**
 * Does what comes several times under one id once within a window.
 *
 * Uses `dedup.store` where a plugin provides it, else the memory of this process. A claim is never
 * given up for another one: at `size` new ones are refused, and `limited` hears of `dedup.size`.
 * (A call that its client repeats runs once without any of this.)
 *
 * @throws {RealtimeError} RT_OPTION_INVALID when `window` is no time, or `size` no whole number from 1.
 * @example await ctx.dedup.once(`webhook:${event.id}`, () => book(event));
 */
export function dedup(options: DedupOptions = {}): Plugin<never, 'dedup'> {
	const { window = 5 * 60_000, size = 10_000 } = options;
	checkTime('window', 'dedup()', window, 1);
	checkCount('size', 'dedup()', size);

	return definePlugin({
		name: 'dedup',
		optional: ['dedup.store'],
		provides: ['dedup'],
		setup(kernel) {
			const { clock, report } = kernel;
			const store: DedupStore = kernel.find('dedup.store') ?? memoryClaims({ clock, window, size });
			/** Ids whose work runs here: their claims may end before it does. */
			const running = new Set<string>();

			async function claim(id: string, owner: string): Promise<'first' | 'running' | 'done'> {
				if (typeof id !== 'string' || id.length > ID) {
					throw new LiveError('INVALID_REQUEST', `An id has at most ${ID} characters.`);
				}
				if (running.has(id)) return 'running';
				// Work that outlasts its claim counts as well, or a crowd of it would have no bound.
				const isFull = running.size >= size;
				const claim = isFull ? { retryAfter: window } : await store.claim(id, owner, window);
				if (typeof claim === 'string') return claim;
				kernel.limited('dedup.size');
				throw new LiveError('RATE_LIMITED', undefined, { retryAfter: claim.retryAfter });
			}

			/** The work has ended, whatever the store says about it. */
			async function settle(step: () => MaybePromise<void>): Promise<void> {
				try {
					await step();
				} catch (error) {
					report(error);
				}
			}

			kernel.provide('dedup', {
				async once<T>(id: string, work: () => MaybePromise<T>): Promise<Once<T>> {
					const owner = randomId();
					const state = await claim(id, owner);
					if (state !== 'first') return { first: false, state };
					running.add(id);
					try {
						const value = await work();
						await settle(() => store.done(id, owner, window));
						return { first: true, value };
					} catch (error) {
						await settle(() => store.free(id, owner));
						throw error;
					} finally {
						running.delete(id);
					}
				},
				claim: async (id) => (await claim(id, NOBODY)) === 'first',
				free: async (id) => store.free(id, NOBODY)
			});
		}
	});
}
