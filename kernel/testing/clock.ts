import type { Clock } from '../clock.ts';

interface Timer {
	at: number;
	readonly period: number | undefined;
	readonly task: () => void;
}

/** A clock that stands still until a test turns it. */
export class VirtualClock implements Clock {
	#now: number;
	#count: number = 0;
	readonly #timers: Map<number, Timer> = new Map();

	/** @param start Milliseconds since the Unix epoch. @default 0 */
	constructor(start: number = 0) {
		this.#now = start;
	}

	now(): number {
		return this.#now;
	}

	after(delay: number, task: () => void): () => void {
		return this.#add(delay, undefined, task);
	}

	every(period: number, task: () => void): () => void {
		return this.#add(period, period, task);
	}

	/** Timers that are waiting. */
	get pending(): number {
		return this.#timers.size;
	}

	/** Moves time on by `ms` and runs what falls due, in order, letting promises settle in between. */
	async advance(ms: number): Promise<void> {
		const end = this.#now + ms;
		await settle();
		for (;;) {
			const next = this.#next(end);
			if (next === undefined) break;
			const [id, timer] = next;
			this.#now = timer.at;
			if (timer.period === undefined) this.#timers.delete(id);
			else timer.at += timer.period;
			timer.task();
			await settle();
		}
		this.#now = end;
		await settle();
	}

	#next(end: number): [number, Timer] | undefined {
		let next: [number, Timer] | undefined;
		for (const entry of this.#timers) {
			if (entry[1].at <= end && (next === undefined || entry[1].at < next[1].at)) next = entry;
		}
		return next;
	}

	#add(delay: number, period: number | undefined, task: () => void): () => void {
		const id = (this.#count += 1);
		this.#timers.set(id, { at: this.#now + Math.max(delay, 0), period, task });
		return () => void this.#timers.delete(id);
	}
}

// As it is when this is loaded: a test may put timers of its own in its place.
const { setImmediate } = globalThis;

/** Lets every promise that can settle without time passing do so. */
export async function settle(): Promise<void> {
	// A turn of the event loop empties the microtask queue; a second one those that it made.
	for (let turn = 0; turn < 2; turn += 1) await new Promise<void>((done) => setImmediate(done));
}
