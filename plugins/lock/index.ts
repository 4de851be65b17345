/** Lock: work that nobody else does at the same time. */

import { AsyncLocalStorage } from 'node:async_hooks';
import { definePlugin, isThenable, LiveError, type Plugin } from 'svelte-realtime/kernel';
import { checkCount, checkTime } from '../checks.ts';
import { Lines, type Task } from '../lines.ts';

export interface LockOptions {
	/** Callers that may wait for one key; the next is refused with QUEUE_FULL. @default 1000 */
	size?: number;
	/** Callers that may wait for or hold a lock in all; the next is refused with QUEUE_FULL. @default 10000 */
	total?: number;
	/** Milliseconds that a caller waits; then it gets TIMEOUT. 0 is for ever. @default 10000 */
	maxWait?: number;
	/**
	 * Milliseconds that a lock is held; then the signal of the work aborts, its caller gets TIMEOUT,
	 * and the next one has the lock when the work has ended, or a second later. 0 is for ever.
	 * @default 30000
	 */
	hold?: number;
}

export interface LockCall {
	/** Milliseconds that this caller waits; 0 is for ever. @default the plugin's */
	maxWait?: number;
	/** Milliseconds that it holds the lock; 0 is for ever. @default the plugin's */
	hold?: number;
	/** Takes it out of the line, or aborts the signal of its work. */
	signal?: AbortSignal;
}

/** Work that nobody else does at the same time. */
export interface Lock {
	/**
	 * Runs `work` while nobody else holds `key`; who came first has it first.
	 *
	 * Work that asks for a lock that it holds itself would wait for its own end, so it is refused.
	 *
	 * @returns what the work comes to.
	 * @throws {LiveError} TIMEOUT, QUEUE_FULL, CONFLICT (it holds the lock itself), STALE (taken out),
	 * SERVICE_UNAVAILABLE (the server shuts down), INVALID_REQUEST (a key of more than 256 characters).
	 */
	<T>(key: string, work: Task<T>, options?: LockCall): Promise<Awaited<T>>;
	/** Callers that wait for or hold a lock, of one key or of all; 0 means that it is free. */
	size(key?: string): number;
	/** Turns away those who wait, with STALE. Who holds a lock keeps it. */
	clear(key?: string): void;
}

declare module 'svelte-realtime/kernel' {
	interface Capabilities {
		lock: Lock;
	}
}

/** A lock that is held, and those within which its holder asked for it. */
interface Held {
	readonly key: string;
	readonly outer: Held | undefined;
	isOver: boolean;
}

/**
 * Runs work while nobody else on this instance holds its key.
 *
 * At shutdown nobody new is let in, and those who are have half of the time that is left.
 *
 * @throws {RealtimeError} RT_OPTION_INVALID when an option is not a whole number from 1, or no time.
 * @example await ctx.lock(`seat:${id}`, () => book(id), { maxWait: 2000 });
 */
export function lock(options: LockOptions = {}): Plugin<never, 'lock'> {
	const { size = 1000, total = 10_000, maxWait = 10_000, hold = 30_000 } = options;
	checkCount('size', 'lock()', size);
	checkCount('total', 'lock()', total);
	checkTime('maxWait', 'lock()', maxWait);
	checkTime('hold', 'lock()', hold);

	return definePlugin({
		name: 'lock',
		provides: ['lock'],
		setup(kernel) {
			const { clock, report } = kernel;
			const limited = (limit: string): void => kernel.limited(`lock.${limit}`);
			const bounds = { concurrency: 1, size, total };
			const lines = new Lines({ name: 'lock', clock, ...bounds, limited, report });
			const holders = new AsyncLocalStorage<Held>();

			const acquire = <T>(key: string, work: Task<T>, call: LockCall = {}): Promise<T> => {
				const times = {
					maxWait: call.maxWait ?? maxWait,
					timeout: call.hold ?? hold,
					signal: call.signal
				};
				checkTime('maxWait', 'ctx.lock()', times.maxWait);
				checkTime('hold', 'ctx.lock()', times.timeout);
				const outer = holders.getStore();
				if (holds(outer, key)) return lines.refuse(conflict(key));
				const held: Held = { key, outer, isOver: false };
				return lines.push(key, (signal) => holders.run(held, begin, held, work, signal), times);
			};
			kernel.provide(
				'lock',
				Object.assign(acquire, {
					size: (key?: string) => lines.size(key),
					clear: (key?: string) => void lines.clear(key, 'STALE', 'The lock was cleared.')
				}) as Lock
			);
			kernel.hook('shutdown', ({ deadline }) => lines.close(deadline));
		}
	});
}

/** Begins the work; when it has ended, what it has begun besides may ask for the lock again. */
function begin<T>(held: Held, work: Task<T>, signal: AbortSignal): ReturnType<Task<T>> {
	let result: ReturnType<Task<T>>;
	try {
		result = work(signal);
	} catch (error) {
		held.isOver = true;
		throw error;
	}
	if (!isThenable(result)) {
		held.isOver = true;
		return result;
	}
	return Promise.resolve(result).finally(() => {
		held.isOver = true;
	});
}

function holds(held: Held | undefined, key: string): boolean {
	for (let each = held; each; each = each.outer) if (each.key === key && !each.isOver) return true;
	return false;
}

function conflict(key: string): LiveError {
	const what = `The lock ${JSON.stringify(key)} is held by the work that asks for it`;
	return new LiveError('CONFLICT', `${what}, which would wait for itself.`);
}
