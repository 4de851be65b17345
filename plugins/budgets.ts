/** Budgets by key in the memory of this process: one number each (GCRA), under a bound of keys. */

import type { Budget, RateLimitVerdict } from './ratelimit/port.ts';

interface Entry {
	readonly key: string;
	/** When it has all its points back. */
	full: number;
	/** What `full` was when the entry was last put in its place. */
	due: number;
}

/**
 * The keys of one budget.
 *
 * Time is counted in milliseconds times `points`, in which a point costs exactly `window`: sums of
 * whole numbers do not drift, as those of fractions would.
 */
export class Budgets implements Budget {
	readonly points: number;
	readonly window: number;
	readonly #most: number;
	readonly #entries = new Map<string, Entry>();
	/** A heap: who may have all points back first is at its top. */
	readonly #heap: Entry[] = [];
	#origin: number;
	#latest: number;

	/**
	 * @param most Keys that are counted at a time.
	 * @param now Milliseconds since the Unix epoch.
	 */
	constructor({ points, window }: Budget, most: number, now: number) {
		this.points = points;
		this.window = window;
		this.#most = most;
		this.#origin = this.#latest = now;
	}

	/** Keys that are counted. */
	get size(): number {
		return this.#entries.size;
	}

	/**
	 * Takes points, all of them or none.
	 *
	 * @param cost From 0, which only looks, to `points`.
	 */
	take(key: string, cost: number, now: number): RateLimitVerdict {
		const { points, window } = this;
		const time = this.#timeAt(now);
		const capacity = points * window;
		const entry = this.#entries.get(key);
		if (entry === undefined && cost > 0 && !this.#hasRoom(time)) {
			const wait = Math.ceil((this.#heap[0]!.due - time) / points);
			return { allowed: false, remaining: 0, retryAfterMs: wait, source: 'local' };
		}
		const full = entry === undefined || entry.full < time ? time : entry.full;
		const after = full + cost * window;
		const over = after - time - capacity;
		if (over > 0) {
			const remaining = Math.floor((capacity - (full - time)) / window);
			const retryAfterMs = Math.ceil(over / points);
			return { allowed: false, remaining, retryAfterMs, source: 'local' };
		}
		if (entry !== undefined) entry.full = after;
		else if (cost > 0) this.#add(key, after);
		return {
			allowed: true,
			remaining: Math.floor((capacity - (after - time)) / window),
			retryAfterMs: 0,
			source: 'local'
		};
	}

	/** Milliseconds until a key has a point to take; 0 where it has one. */
	wait(key: string, now: number): number {
		const full = this.#entries.get(key)?.full;
		if (full === undefined) return 0;
		const over = full + this.window - this.#timeAt(now) - this.points * this.window;
		return over > 0 ? Math.ceil(over / this.points) : 0;
	}

	/** Never goes back, even where the machine's clock is set back: it stands for that moment. */
	#timeAt(now: number): number {
		if (now < this.#latest) this.#origin -= this.#latest - now;
		this.#latest = now;
		return (now - this.#origin) * this.points;
	}

	/**
	 * Makes room by forgetting who has all points back, in the order of when that could be.
	 *
	 * An entry is passed over once for each time that it took something, so that no flood of new keys
	 * makes anybody look at all entries again and again.
	 */
	#hasRoom(time: number): boolean {
		if (this.#entries.size < this.#most) return true;
		for (let first = this.#heap[0]; first && first.due <= time; first = this.#heap[0]) {
			if (first.full > time) {
				first.due = first.full;
				this.#sink(first);
			} else {
				this.#entries.delete(first.key);
				const last = this.#heap.pop()!;
				if (last !== first) this.#sink(last);
			}
		}
		return this.#entries.size < this.#most;
	}

	#add(key: string, full: number): void {
		const entry = { key, full, due: full };
		this.#entries.set(key, entry);
		const heap = this.#heap;
		let index = heap.push(entry) - 1;
		while (index > 0) {
			const parent = (index - 1) >> 1;
			if (heap[parent]!.due <= full) break;
			heap[index] = heap[parent]!;
			index = parent;
		}
		heap[index] = entry;
	}

	/** Puts an entry in the place of the top of the heap, or where it belongs below. */
	#sink(entry: Entry): void {
		const heap = this.#heap;
		let index = 0;
		for (;;) {
			let child = 2 * index + 1;
			if (child >= heap.length) break;
			if (child + 1 < heap.length && heap[child + 1]!.due < heap[child]!.due) child += 1;
			if (heap[child]!.due >= entry.due) break;
			heap[index] = heap[child]!;
			index = child;
		}
		heap[index] = entry;
	}
}
