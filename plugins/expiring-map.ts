/** A map of entries that live for a while after they were used last, the one used longest ago first. */

import type { Clock } from 'svelte-realtime/kernel';
import { LinkedList, type Linked } from './linked-list.ts';

export interface ExpiringMapOptions {
	readonly clock: Clock;
	/** Milliseconds that an entry lives after its last use; the same for all, so that order is age. */
	readonly ttl: number;
}

interface Entry<V> extends Linked {
	readonly key: string;
	value: V;
	expires: number;
}

export class ExpiringMap<V> {
	readonly #options: ExpiringMapOptions;
	readonly #entries: Map<string, Entry<V>> = new Map();
	readonly #byAge: LinkedList<Entry<V>> = new LinkedList();
	#isWaiting: boolean = false;

	constructor(options: ExpiringMapOptions) {
		this.#options = options;
	}

	/** Entries that live. */
	get size(): number {
		this.#sweep();
		return this.#entries.size;
	}

	/** The value of an entry that lives. Reading is not use. */
	get(key: string): V | undefined {
		return this.#living(key)?.value;
	}

	has(key: string): boolean {
		return this.#living(key) !== undefined;
	}

	/** Begins an entry's time anew; false where there is none. */
	touch(key: string): boolean {
		const entry = this.#living(key);
		if (entry === undefined) return false;
		this.#byAge.remove(entry);
		this.#use(entry);
		return true;
	}

	/** Sets a value, which is use. */
	set(key: string, value: V): void {
		let entry = this.#living(key);
		if (entry === undefined) {
			entry = { key, value, expires: 0, previous: undefined, next: undefined };
			this.#entries.set(key, entry);
		} else {
			entry.value = value;
			this.#byAge.remove(entry);
		}
		this.#use(entry);
	}

	/** Takes an entry out; false where there is none. */
	delete(key: string): boolean {
		const entry = this.#living(key);
		if (entry === undefined) return false;
		this.#remove(entry);
		return true;
	}

	/** The entry that was used longest ago, and the milliseconds that it has left. */
	oldest(): { readonly key: string; readonly left: number } | undefined {
		this.#sweep();
		const entry = this.#byAge.first;
		return entry && { key: entry.key, left: entry.expires - this.#options.clock.now() };
	}

	clear(): void {
		for (let first = this.#byAge.first; first; first = this.#byAge.first) this.#remove(first);
	}

	#living(key: string): Entry<V> | undefined {
		this.#sweep();
		return this.#entries.get(key);
	}

	#use(entry: Entry<V>): void {
		entry.expires = this.#options.clock.now() + this.#options.ttl;
		this.#byAge.push(entry);
		this.#wait();
	}

	#remove(entry: Entry<V>): void {
		this.#entries.delete(entry.key);
		this.#byAge.remove(entry);
	}

	/** Lets go of what is over: it is in front. */
	#sweep(): void {
		const now = this.#options.clock.now();
		for (let first = this.#byAge.first; first; first = this.#byAge.first) {
			if (first.expires > now) return;
			this.#remove(first);
		}
	}

	/** One timer for all, so that a map that nobody asks any more lets go as well. */
	#wait(): void {
		if (this.#isWaiting) return;
		this.#isWaiting = true;
		this.#options.clock.after(this.#options.ttl, () => {
			this.#isWaiting = false;
			this.#sweep();
			if (this.#entries.size > 0) this.#wait();
		});
	}
}
