/** Locks of a store that are renewed for as long as they are wanted, and known to be lost in time. */

import { LiveError, type Clock } from 'svelte-realtime/kernel';
import type { LockStore, Taken } from 'svelte-realtime/plugins/lock';
import { HeldLease, Moment, type Lease } from './lease.ts';

export type { Lease } from './lease.ts';

export interface LeasesOptions {
	readonly store: LockStore;
	readonly clock: Clock;
	readonly instance: string;
	/** Milliseconds for which a lock stays taken after its holder has gone; renewed every third of it. */
	readonly ttl: number;
	/** Tells the owners of one instance from those of another part of it. */
	readonly purpose: string;
}

/** Milliseconds after which one who waits asks again, whether or not it has heard anything. */
const POLL = 1000;

export class Leases {
	readonly #options: LeasesOptions;
	readonly #held: Set<HeldLease> = new Set();
	readonly #releases: Set<Promise<void>> = new Set();
	#count: number = 0;
	#isClosed: boolean = false;

	constructor(options: LeasesOptions) {
		this.#options = options;
	}

	/**
	 * Waits until nobody has the lock, and takes it.
	 *
	 * @param signal Ends the wait.
	 * @param taken Hears who has it meanwhile, each time that it is asked for.
	 * @throws the signal's reason; {LiveError} SERVICE_UNAVAILABLE while the store is away.
	 */
	acquire(key: string, signal: AbortSignal, taken?: (answer: Taken) => void): Promise<Lease> {
		return new Promise((resolve, reject) => {
			const abort = (): void => reject(signal.reason);
			if (signal.aborted) return abort();
			signal.addEventListener('abort', abort, { once: true });
			this.#obtain(key, signal, taken)
				.then(async (lease) => {
					// Nobody waits for it any more, and nobody else would ever let go of it.
					if (signal.aborted) await lease.release();
					resolve(lease);
				})
				.catch(reject)
				.finally(() => signal.removeEventListener('abort', abort));
		});
	}

	/** Takes the lock if nobody has it; else says for how long, and under which fence, somebody has. */
	async attempt(key: string): Promise<Lease | Taken> {
		const { store, clock, ttl, instance, purpose } = this.#options;
		if (this.#isClosed) throw new LiveError('SERVICE_UNAVAILABLE', 'The server shuts down.');
		const owner = `${instance}.${purpose}.${(this.#count += 1)}`;
		const asked = new Moment(clock);
		try {
			const answer = await store.acquire(key, owner, ttl);
			if (!('fence' in answer)) return answer;
			const lease = this.#hold(key, owner, answer.fence, asked);
			if (this.#isClosed) await lease.release();
			return lease;
		} catch (error) {
			// Whether it was taken is not known: under this owner nobody will renew it.
			void this.#release(key, owner);
			throw error;
		}
	}

	/** Lets go of everything that is held. */
	async close(): Promise<void> {
		this.#isClosed = true;
		for (const lease of this.#held) void lease.release();
		await Promise.all(this.#releases);
	}

	async #obtain(
		key: string,
		signal: AbortSignal,
		taken: ((answer: Taken) => void) | undefined
	): Promise<Lease> {
		const { store, clock } = this.#options;
		let wake = (): void => {};
		let isReleased = false;
		let unwatch: (() => void) | undefined;
		try {
			for (;;) {
				signal.throwIfAborted();
				isReleased = false;
				const answer = await this.attempt(key);
				if ('fence' in answer) return answer;
				taken?.(answer);
				if (unwatch === undefined) {
					unwatch = await store.watch(key, () => {
						isReleased = true;
						wake();
					});
					// What was let go of before that was not heard.
					continue;
				}
				if (isReleased) continue;
				await new Promise<void>((resolve) => {
					wake = () => {
						cancel();
						signal.removeEventListener('abort', wake);
						resolve();
					};
					const cancel = clock.after(Math.min(answer.runsFor + 1, POLL), wake);
					signal.addEventListener('abort', wake, { once: true });
				});
			}
		} finally {
			unwatch?.();
		}
	}

	#hold(key: string, owner: string, fence: number, asked: Moment): Lease {
		const { store, clock, ttl } = this.#options;
		const lease: HeldLease = new HeldLease({
			fence,
			clock,
			ttl,
			asked,
			renew: () => store.renew(key, owner, ttl),
			release: () => {
				this.#held.delete(lease);
				return this.#release(key, owner);
			}
		});
		this.#held.add(lease);
		return lease;
	}

	#release(key: string, owner: string): Promise<void> {
		const release = async (): Promise<void> => {
			try {
				await this.#options.store.release(key, owner);
			} catch {
				// It ends by itself, when the lease does.
			}
			this.#releases.delete(done);
		};
		const done = release();
		this.#releases.add(done);
		return done;
	}
}
