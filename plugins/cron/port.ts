/** What keeps which instance runs which job must be able to do. */

import type { MaybePromise } from 'svelte-realtime/kernel';

/** One run of a job, as an instance asks for it. */
export interface CronRun {
	/** The path of the job: the same on all instances. */
	readonly job: string;
	/** Milliseconds since the Unix epoch; the time that the run was due. */
	readonly due: number;
	/** Names who asks; of one run each instance has one. */
	readonly owner: string;
	/** It may begin while an earlier one is still going. */
	readonly overlap: boolean;
	/** A run that could not begin, or whose instance has gone, is made up for. */
	readonly makeUp: boolean;
}

/**
 * `first`: who asks runs it. `over`: somebody else does or has done so, or it is left out. A number:
 * milliseconds after which to ask again, as it is too early, or another run is still going.
 */
export type CronVerdict = 'first' | 'over' | { readonly askIn: number };

/**
 * Keeps which runs of jobs were begun, by the store's own time. Each method MUST be one atomic step.
 * While the store is away they fail with SERVICE_UNAVAILABLE.
 */
export interface CronStore {
	/** Milliseconds since the Unix epoch, by the store: jobs keep to it, on whatever machine they run. */
	time(): MaybePromise<number>;
	/**
	 * Asks for a run. Of all who ask for one run of a job, one alone MUST be `first`, and be told so
	 * again where its answer was lost. A run MUST NOT begin before it is due by the store's own time,
	 * nor, without `overlap`, while another of the job goes on: then it is left out, or, with
	 * `makeUp`, asked for again. With `makeUp`, a run whose lease has ended before it was over is begun
	 * again.
	 *
	 * @param ttl Milliseconds for which it goes on without being renewed.
	 */
	claim(run: CronRun, ttl: number): MaybePromise<CronVerdict>;
	/** It still goes on. */
	renew(run: CronRun, ttl: number): MaybePromise<void>;
	/** It is over, well or badly. */
	finish(run: CronRun): MaybePromise<void>;
}

declare module 'svelte-realtime/kernel' {
	interface Capabilities {
		'cron.store': CronStore;
	}
}
