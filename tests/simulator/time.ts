/** The one time of a simulation: network, timers of the product and the scenario share its order. */

import type { Clock } from 'svelte-realtime/kernel';

interface Entry {
	at: number;
	order: number;
	/** Undefined once cancelled or run. */
	task: (() => void) | undefined;
}

/** A clock whose running timers can be counted, and stopped as the end of a process stops them. */
export interface OwnedClock extends Clock {
	/** Timers that wait. */
	readonly pending: number;
	/** Cancels what waits; what is asked for later never runs. */
	stop(): void;
}

export class VirtualTime {
	/** Milliseconds since the Unix epoch. */
	now: number = 1_000_000;
	readonly #heap: Entry[] = [];
	#order: number = 0;

	/** Runs `task` after `delay` milliseconds; of two for one moment the one asked for first. */
	after(delay: number, task: () => void): () => void {
		const entry: Entry = { at: this.now + Math.max(0, delay), order: (this.#order += 1), task };
		this.#push(entry);
		return () => {
			entry.task = undefined;
		};
	}

	/** Moves to the next task that is due by `end` and runs it; at `end` there is none left. */
	runNext(end: number): boolean {
		for (let entry = this.#heap[0]; entry && entry.at <= end; entry = this.#heap[0]) {
			this.#pop();
			const { task } = entry;
			if (task === undefined) continue;
			entry.task = undefined;
			this.now = entry.at;
			task();
			return true;
		}
		this.now = end;
		return false;
	}

	/** The clock of one party. */
	clock(): OwnedClock {
		const running = new Set<() => void>();
		let isStopped = false;
		const after = (delay: number, task: () => void): (() => void) => {
			if (isStopped) return () => {};
			const cancel = this.after(delay, () => {
				running.delete(stop);
				task();
			});
			const stop = (): void => {
				running.delete(stop);
				cancel();
			};
			running.add(stop);
			return stop;
		};
		return {
			now: () => this.now,
			after,
			every(period, task) {
				let cancel = (): void => {};
				const again = (): void => {
					cancel = after(period, () => {
						again();
						task();
					});
				};
				again();
				return () => cancel();
			},
			get pending() {
				return running.size;
			},
			stop() {
				isStopped = true;
				for (const cancel of [...running]) cancel();
			}
		};
	}

	#push(entry: Entry): void {
		const heap = this.#heap;
		let index = heap.push(entry) - 1;
		while (index > 0) {
			const above = (index - 1) >> 1;
			if (!isBefore(entry, heap[above]!)) break;
			heap[index] = heap[above]!;
			index = above;
		}
		heap[index] = entry;
	}

	#pop(): void {
		const heap = this.#heap;
		const last = heap.pop()!;
		if (heap.length === 0) return;
		let index = 0;
		for (;;) {
			let below = 2 * index + 1;
			if (below >= heap.length) break;
			if (below + 1 < heap.length && isBefore(heap[below + 1]!, heap[below]!)) below += 1;
			if (!isBefore(heap[below]!, last)) break;
			heap[index] = heap[below]!;
			index = below;
		}
		heap[index] = last;
	}
}

function isBefore(one: Entry, other: Entry): boolean {
	return one.at < other.at || (one.at === other.at && one.order < other.order);
}

const settled = Promise.resolve();

/**
 * Runs everything that is due by `end`. Between two tasks every promise that can settle does so, as
 * between two turns of an event loop: what a microtask gives to `nextTick` runs when the queue of
 * microtasks is empty, and Node returns to microtasks before it looks at the machine's own events.
 */
export function runUntil(time: VirtualTime, end: number): Promise<void> {
	return new Promise((resolve, reject) => {
		const turn = (): void => {
			try {
				const isDone = !time.runNext(end);
				process.nextTick(isDone ? resolve : again);
			} catch (error) {
				reject(error);
			}
		};
		const again = (): void => void settled.then(turn);
		again();
	});
}
