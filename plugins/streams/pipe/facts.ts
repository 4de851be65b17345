/** What a piped stream does with its items. */

import type { MaybePromise } from 'svelte-realtime/kernel';
import type { MergeOptions } from '../frames.ts';
import type { Sort } from './order.ts';

/** Which items there are. */
export interface FilterStep {
	readonly by: 'filter';
	readonly test: (item: unknown, ...args: unknown[]) => unknown;
}

/** What an item has beside its own fields. */
export interface JoinStep {
	readonly by: 'join';
	readonly field: string;
	readonly as: string;
	/** For several values at once: a list of as many results, in their order. */
	readonly resolve: (values: readonly unknown[], args: readonly unknown[]) => MaybePromise<unknown>;
}

export type Step = FilterStep | JoinStep;

/** All transforms of a stream. */
export interface Pipes {
	/** Before the order and the limit. */
	readonly steps: readonly Step[];
	/** The field that decides first is first. */
	readonly sorts: readonly Sort[];
	/** 0 = none. */
	readonly limit: number;
	/** Behind the limit: joins. */
	readonly late: readonly Step[];
}

/** Whether items may be left out of what is shown. */
export function hasFilter({ steps }: Pipes): boolean {
	return steps.some(({ by }) => by === 'filter');
}

/** Whether a frame may have to wait for something. */
export function isSlow({ steps, late }: Pipes): boolean {
	return [...steps, ...late].some(({ by }) => by === 'join');
}

/**
 * Items that a client holds of a list with a limit, so that it knows what comes after one that goes:
 * it loads again only when it has lost as many as it shows, or ten.
 */
export function keptOf(limit: number): number {
	return limit + Math.max(limit, 10);
}

/** What a client has to know of it; joined items are items like any other. */
export function pipedMerge(merge: MergeOptions, pipes: Pipes | undefined): MergeOptions {
	if (!pipes || merge.merge === 'set') return merge;
	const { sorts, limit } = pipes;
	if (!hasFilter(pipes) && sorts.length === 0) return merge;
	return {
		...merge,
		merge: 'piped',
		of: merge.merge,
		...(sorts.length > 0 && { sorts }),
		...(limit > 0 && { limit })
	};
}
