/** When one job runs. */

import { isThenable, type Clock } from 'svelte-realtime/kernel';
import type { CronDeclaration } from './declare.ts';

/**
 * Longest wait in milliseconds. A timer stands still while the machine sleeps and knows nothing of a
 * clock that is set, so the clock is looked at this often.
 */
const STEP = 30_000;
/** Milliseconds after its time until which a run is not called missed. */
export const LATE = 60_000;

export interface ScheduleOptions {
	readonly job: Pick<CronDeclaration, 'next' | 'overlap' | 'missed'>;
	readonly clock: Clock;
	/**
	 * Runs the job; never throws and never rejects.
	 *
	 * @param due Milliseconds since the Unix epoch; the time that it runs for.
	 */
	readonly run: (due: number) => unknown;
}

export class Schedule {
	readonly #options: ScheduleOptions;
	#cancel: () => void = () => {};
	#isEnded: boolean = false;
	/** How many runs are going. */
	#running: number = 0;
	/** The time of a run that waits for the one that is going. */
	#owed: number | undefined = undefined;

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
			if (now - due <= LATE || job.missed === 'run') this.#begin(due);
		});
	}

	#begin(due: number): void {
		const { job, run } = this.#options;
		if (this.#running > 0 && !job.overlap) {
			if (job.missed === 'run') this.#owed = due;
			return;
		}
		this.#running += 1;
		const result = run(due);
		if (isThenable(result)) result.then(() => this.#ended());
		else this.#ended();
	}

	#ended(): void {
		this.#running -= 1;
		const owed = this.#owed;
		if (owed === undefined || this.#isEnded) return;
		this.#owed = undefined;
		this.#begin(owed);
	}
}
