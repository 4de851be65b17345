/** Runs of jobs that happen once on all instances: who may run one asks the store. */

import { isLiveError, type Clock } from 'svelte-realtime/kernel';
import type { CronRun, CronStore, CronVerdict } from './port.ts';
import { LATE } from './schedule.ts';

export interface SharedRunsOptions {
	readonly store: CronStore;
	readonly clock: Clock;
	readonly instance: string;
	/** Milliseconds for which a run goes on when its instance has gone; renewed every third of it. */
	readonly ttl: number;
	report(error: unknown): void;
}

/** Milliseconds after which a store that was away is asked again. */
const RETRY = 1000;
/** Milliseconds after which the clock is compared with the store's again. */
const COMPARE = 60_000;

export class SharedRuns {
	readonly #options: SharedRunsOptions;
	/** The latest run of each job that is asked for: an earlier one that still waits is left out for it. */
	readonly #latest: Map<string, number> = new Map();
	readonly #cancels: Set<() => void> = new Set();
	readonly #running: Set<Promise<unknown>> = new Set();
	/** Milliseconds that the store is ahead of this machine. */
	#ahead: number = 0;
	#isEnded: boolean = false;

	constructor(options: SharedRunsOptions) {
		this.#options = options;
		void this.#compare();
		options.clock.every(COMPARE, () => void this.#compare());
	}

	/** The clock that jobs keep to: the store's. */
	get clock(): Clock {
		const { clock } = this.#options;
		return {
			now: () => clock.now() + this.#ahead,
			after: (delay, task) => clock.after(delay, task),
			every: (period, task) => clock.every(period, task)
		};
	}

	/** Runs the job if this run is this instance's; settles when there is nothing left to do for it here. */
	async run(
		{ job, due, overlap, makeUp }: Omit<CronRun, 'owner'>,
		work: () => unknown
	): Promise<void> {
		const { instance, report } = this.#options;
		const run: CronRun = { job, due, overlap, makeUp, owner: `${instance}.${due}` };
		this.#latest.set(job, due);
		try {
			if (!(await this.#isMine(run))) return;
			const running = this.#work(run, work);
			this.#running.add(running);
			await running.finally(() => this.#running.delete(running));
		} catch (error) {
			report(error);
		} finally {
			if (this.#latest.get(job) === due) this.#latest.delete(job);
		}
	}

	async #work(run: CronRun, work: () => unknown): Promise<void> {
		const { store, clock, ttl } = this.#options;
		const stop = clock.every(ttl / 3, () => {
			// Where that fails the run goes on, and another instance may begin one.
			Promise.resolve(store.renew(run, ttl)).catch(() => {});
		});
		try {
			await work();
		} finally {
			stop();
			await this.#finish(run);
		}
	}

	/** Nobody waits for a run any more; those that go on have half of the time that is left. */
	async end(deadline: number): Promise<void> {
		const { clock } = this.#options;
		this.#isEnded = true;
		for (const cancel of [...this.#cancels]) cancel();
		if (this.#running.size === 0) return;
		let stop = (): void => {};
		const late = new Promise<void>((resolve) => {
			stop = clock.after(Math.max(deadline - clock.now(), 0) / 2, resolve);
		});
		await Promise.race([Promise.allSettled(this.#running), late]);
		stop();
	}

	async #compare(): Promise<void> {
		const { store, clock } = this.#options;
		const asked = clock.now();
		try {
			const time = await store.time();
			this.#ahead = time - (asked + clock.now()) / 2;
		} catch {
			// It is away: until the next time it is taken to go on as it did.
		}
	}

	async #isMine(run: CronRun): Promise<boolean> {
		while (!this.#isEnded && this.#latest.get(run.job) === run.due) {
			const verdict = await this.#ask(run);
			if (verdict === 'first') return true;
			if (verdict === 'over') return false;
			await this.#wait(verdict.askIn);
			// Of a run that nobody could ask for, it is too late by then.
			if (!run.makeUp && this.clock.now() - run.due > LATE) return false;
		}
		return false;
	}

	async #ask(run: CronRun): Promise<CronVerdict> {
		try {
			return await this.#options.store.claim(run, this.#options.ttl);
		} catch (error) {
			// Without the store nobody knows who runs it: it is late then, and never twice.
			if (isLiveError(error) && error.code === 'SERVICE_UNAVAILABLE') return { askIn: RETRY };
			throw error;
		}
	}

	async #finish(run: CronRun): Promise<void> {
		try {
			await this.#options.store.finish(run);
		} catch {
			// Its lease ends by itself; a job that makes up for what was broken off runs once more then.
		}
	}

	#wait(ms: number): Promise<void> {
		return new Promise((resolve) => {
			const done = (): void => {
				cancel();
				this.#cancels.delete(done);
				resolve();
			};
			const cancel = this.#options.clock.after(ms, done);
			this.#cancels.add(done);
		});
	}
}
