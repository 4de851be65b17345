/** Queue: work that is done in order, key by key. */

import { definePlugin, type Plugin } from 'svelte-realtime/kernel';
import { checkCount, checkTime } from '../checks.ts';
import { Lines, type Task } from '../lines.ts';

export type { Task } from '../lines.ts';

export interface QueueOptions {
	/** Tasks of one key that run at once. @default 1 */
	concurrency?: number;
	/** Tasks of one key that may wait; past it a push is refused with QUEUE_FULL. @default 1000 */
	size?: number;
	/** Tasks that may wait or run in all; past it a push is refused with QUEUE_FULL. @default 10000 */
	total?: number;
	/**
	 * Milliseconds that a task may run; then its signal aborts, its caller gets TIMEOUT, and the next
	 * one begins when it has ended, or a second later. 0 is for ever. @default 30000
	 */
	timeout?: number;
}

export interface PushOptions {
	/** Milliseconds that this task may run; 0 is for ever. @default the plugin's */
	timeout?: number;
	/** Milliseconds that it may wait; then it is not run, and its caller gets TIMEOUT. @default 0, for ever */
	maxWait?: number;
	/** Takes it out of the queue, or aborts the signal that it runs with. */
	signal?: AbortSignal;
}

/** Work that is done in order, key by key. */
export interface Queue {
	/**
	 * Runs `task` when those of its key that came before it are over; at once where there are none.
	 *
	 * A task that waits for one of its own key waits for itself, until its time is up. What a task
	 * throws, where nobody waits for it, is reported.
	 *
	 * @returns what the task comes to.
	 * @throws {LiveError} QUEUE_FULL, TIMEOUT, STALE (taken out), SERVICE_UNAVAILABLE (the server shuts
	 * down), INVALID_REQUEST (a key of more than 256 characters).
	 */
	push<T>(key: string, task: Task<T>, options?: PushOptions): Promise<Awaited<T>>;
	/** Tasks that wait or run, of one key or of all. */
	size(key?: string): number;
	/** Takes out what waits, of one key or of all: callers get STALE. What runs is left alone. */
	clear(key?: string): void;
	/** Settles when nothing waits or runs any more, of one key or of all. */
	drain(key?: string): Promise<void>;
}

declare module 'svelte-realtime/kernel' {
	interface Capabilities {
		queue: Queue;
	}
}

/**
 * Runs the tasks of each key one after the other, within bounds that the caller feels.
 *
 * Per instance. At shutdown no more are taken, and those that are there have half of the time that is
 * left; then they are turned away, and it is reported.
 *
 * @throws {RealtimeError} RT_OPTION_INVALID when an option is not a whole number from 1, or no time.
 * @example await ctx.queue.push(`order:${id}`, (signal) => charge(id, signal));
 */
export function queue(options: QueueOptions = {}): Plugin<never, 'queue'> {
	const { concurrency = 1, size = 1000, total = 10_000, timeout = 30_000 } = options;
	checkCount('concurrency', 'queue()', concurrency);
	checkCount('size', 'queue()', size);
	checkCount('total', 'queue()', total);
	checkTime('timeout', 'queue()', timeout);

	return definePlugin({
		name: 'queue',
		provides: ['queue'],
		setup(kernel) {
			const { clock, report } = kernel;
			const limited = (limit: string): void => kernel.limited(`queue.${limit}`);
			const bounds = { concurrency, size, total };
			const lines = new Lines({ name: 'queue', clock, ...bounds, limited, report });

			kernel.provide('queue', {
				push(key, task, { timeout: own = timeout, maxWait = 0, signal } = {}) {
					checkTime('timeout', 'ctx.queue.push()', own);
					checkTime('maxWait', 'ctx.queue.push()', maxWait);
					return lines.push(key, task, { timeout: own, maxWait, signal }) as never;
				},
				size: (key) => lines.size(key),
				clear: (key) => void lines.clear(key, 'STALE', 'The queue was cleared.'),
				drain: (key) => lines.drain(key)
			});
			kernel.hook('shutdown', ({ deadline }) => lines.close(deadline));
		}
	});
}
