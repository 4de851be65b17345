/** When one job runs. */

import { isThenable, type Clock } from 'svelte-realtime/kernel';
import type { CronDeclaration } from './declare.ts';

/**
 * Longest wait in milliseconds. A timer stands still while the machine sleeps and knows nothing of a
 * clock that is set, so the clock is looked at this often.
 */
const STEP = 30_000;
/** Milliseconds after its time until which a run is not called missed. */
const LATE = 60_000;

export interface ScheduleOptions {
	readonly job: Pick<CronDeclaration, 'next' | 'overlap' | 'missed'>;
	readonly clock: Clock;
	/** Runs the job; never throws and never rejects. */
	readonly run: () => unknown;
}

export class Schedule {
	readonly #options: ScheduleOptions;
	#cancel: () => void = () => {};
	#isEnded: boolean = false;
	/** How many runs are going. */
	#running: number = 0;
	/** A run waits for the one that is going. */
	#owed: boolean = false;

	constructor(options: ScheduleOptions) {
		this.#options = options;
		this.#plan(options.clock.now());
	}

	/** Nothing begins any more; what is going ends as it began. */
	end(): void {
		this.#isEnded = true;
		this.#cancel();
	}

	#plan(after: number): void {
		const due = this.#options.job.next(after);
		if (due !== undefined && !this.#isEnded) this.#wait(due);
	}

	#wait(due: number): void {
		const { clock, job } = this.#options;
		this.#cancel = clock.after(Math.min(due - clock.now(), STEP), () => {
			const now = clock.now();
			if (now < due) return this.#wait(due);
			// First, so that a run that is slow to begin moves nothing.
			this.#plan(now);
			if (now - due <= LATE || job.missed === 'run') this.#begin();
		});
	}

	#begin(): void {
		const { job, run } = this.#options;
		if (this.#running > 0 && !job.overlap) {
			this.#owed = job.missed === 'run';
			return;
		}
		this.#running += 1;
		const result = run();
		if (isThenable(result)) result.then(() => this.#ended());
		else this.#ended();
	}

	#ended(): void {
		this.#running -= 1;
		if (!this.#owed || this.#isEnded) return;
		this.#owed = false;
		this.#begin();
	}
}
