/** Tells the store what changes on this instance: what a tick brings at once, and nothing is lost. */

import { isLiveError, type Clock } from 'svelte-realtime/kernel';
import type { RegistryChange, RegistryStore } from './port.ts';

export interface OutboxOptions {
	readonly store: RegistryStore;
	readonly clock: Clock;
	report(error: unknown): void;
}

/** Milliseconds after which a store that was away is told again. */
const RETRY = 1000;

export class Outbox {
	readonly #options: OutboxOptions;
	/** The latest change of each connection, in the order in which they came. */
	#changes: Map<string, RegistryChange> = new Map();
	#isBusy: boolean = false;

	constructor(options: OutboxOptions) {
		this.#options = options;
	}

	add(change: RegistryChange): void {
		// Of a connection that is somebody else's now, both have to be told.
		const name = `${change.connection} ${change.user}`;
		this.#changes.delete(name);
		this.#changes.set(name, change);
		if (this.#isBusy) return;
		this.#isBusy = true;
		queueMicrotask(() => void this.#flush());
	}

	async #flush(): Promise<void> {
		const { store, clock, report } = this.#options;
		while (this.#changes.size > 0) {
			const changes = this.#changes;
			this.#changes = new Map();
			try {
				await store.apply([...changes.values()]);
			} catch (error) {
				if (!isLiveError(error)) report(error);
				// What has changed since then stands behind it, and in its place.
				for (const [name, change] of this.#changes) {
					changes.delete(name);
					changes.set(name, change);
				}
				this.#changes = changes;
				clock.after(RETRY, () => void this.#flush());
				return;
			}
		}
		this.#isBusy = false;
	}
}
