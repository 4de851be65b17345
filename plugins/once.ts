/** What comes twice under one id is done once: what dedup and webhooks share. */

import { LiveError, randomId, type MaybePromise } from 'svelte-realtime/kernel';
import type { DedupStore } from './dedup/port.ts';

/** Characters of an id. */
const ID = 256;
/** Who holds a claim that no work belongs to. */
const NOBODY = '';

export interface OnceOptions {
	readonly store: DedupStore;
	/** Milliseconds within which an id counts as the same. */
	readonly window: number;
	/** Work that may run at a time. */
	readonly size: number;
	/** Hears that there was no room for another claim. */
	full(): void;
	report(error: unknown): void;
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

export function createOnce({ store, window, size, full, report }: OnceOptions): Dedup {
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
		full();
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

	return {
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
	};
}
