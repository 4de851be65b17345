/** Lock: work that nobody else does at the same time. */

import { AsyncLocalStorage } from 'node:async_hooks';
import {
	definePlugin,
	isThenable,
	LiveError,
	type MaybePromise,
	type Plugin
} from 'svelte-realtime/kernel';
import { checkCount, checkTime } from '../checks.ts';
import { createFences } from '../fences.ts';
import { Lines } from '../lines.ts';
import { SharedLocks, type HeldLock, type LockWork } from './shared.ts';

export { memoryLocks } from './memory.ts';
export type { Acquired, LockStore, Taken } from './port.ts';
export type { HeldLock, LockWork } from './shared.ts';

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
	/**
	 * Milliseconds that a lock stays taken after the instance of its holder has gone, where instances
	 * share locks. The holder renews it every third of that. @default 10000
	 */
	ttl?: number;
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
	 * SERVICE_UNAVAILABLE (the server shuts down; the store of locks is away, or the lock was lost),
	 * INVALID_REQUEST (a key of more than 256 characters).
	 */
	<T>(key: string, work: LockWork<T>, options?: LockCall): Promise<Awaited<T>>;
	/** Callers on this instance that wait for or hold a lock, of one key or of all. */
	size(key?: string): number;
	/** Turns away those who wait, with STALE. Who holds a lock keeps it. */
	clear(key?: string): void;
}

declare module 'svelte-realtime/kernel' {
	interface Capabilities {
		lock: Lock;
	}
}

const CLEARED = 'The lock was cleared.';

/** A lock that is held, and those within which its holder asked for it. */
interface Held {
	readonly key: string;
	readonly outer: Held | undefined;
	isOver: boolean;
}

/**
 * Runs work while nobody else holds its key: nobody on this instance, and, where a plugin provides
 * `lock.store`, nobody on any.
 *
 * At shutdown nobody new is let in, and those who are have half of the time that is left.
 *
 * @throws {RealtimeError} RT_OPTION_INVALID when an option is not a whole number from 1, or no time.
 * @example await ctx.lock(`seat:${id}`, () => book(id), { maxWait: 2000 });
 */
export function lock(options: LockOptions = {}): Plugin<never, 'lock'> {
	const { size = 1000, total = 10_000, maxWait = 10_000, hold = 30_000, ttl = 10_000 } = options;
	checkCount('size', 'lock()', size);
	checkCount('total', 'lock()', total);
	checkTime('maxWait', 'lock()', maxWait);
	checkTime('hold', 'lock()', hold);
	checkTime('ttl', 'lock()', ttl, 100);

	return definePlugin({
		name: 'lock',
		optional: ['lock.store'],
		provides: ['lock'],
		setup(kernel) {
			const { clock, report } = kernel;
			const limited = (limit: string): void => kernel.limited(`lock.${limit}`);
			const bounds = { concurrency: 1, size, total };
			const lines = new Lines({ name: 'lock', clock, ...bounds, limited, report });
			const holders = new AsyncLocalStorage<Held>();

			const store = kernel.find('lock.store');
			const instance = kernel.instanceId;
			const shared =
				store && new SharedLocks({ store, clock, ttl, instance, purpose: 'lock', report });
			const nextFence = createFences(clock);

			const acquire = <T>(key: string, work: LockWork<T>, call: LockCall = {}): Promise<T> => {
				const wait = call.maxWait ?? maxWait;
				const time = call.hold ?? hold;
				checkTime('maxWait', 'ctx.lock()', wait);
				checkTime('hold', 'ctx.lock()', time);
				const outer = holders.getStore();
				if (holds(outer, key)) return lines.refuse(conflict(key));
				const held: Held = { key, outer, isOver: false };
				const run: LockWork<T> = (signal, lock) =>
					holders.run(held, begin, held, work, signal, lock) as MaybePromise<T>;
				const times = { maxWait: wait, signal: call.signal };
				if (!shared) {
					const alone = (signal: AbortSignal): MaybePromise<T> =>
						run(signal, { fence: nextFence() });
					return lines.push(key, alone, { ...times, timeout: time });
				}
				const until = wait === 0 ? Infinity : clock.now() + wait;
				const task = (signal: AbortSignal): Promise<T> =>
					shared.run(key, run, { until, hold: time }, signal);
				// How long it is held is counted from when it is.
				return lines.push(key, task, { ...times, timeout: 0 });
			};
			kernel.provide(
				'lock',
				Object.assign(acquire, {
					size: (key?: string) => lines.size(key),
					clear(key?: string) {
						lines.clear(key, 'STALE', CLEARED);
						shared?.clear(key, new LiveError('STALE', CLEARED));
					}
				}) as Lock
			);
			kernel.hook('shutdown', async ({ deadline }) => {
				await lines.close(deadline);
				await shared?.close();
			});
		}
	});
}

/** Begins the work; when it has ended, what it has begun besides may ask for the lock again. */
function begin<T>(
	held: Held,
	work: LockWork<T>,
	signal: AbortSignal,
	lock: HeldLock
): MaybePromise<T> {
	let result: MaybePromise<T>;
	try {
		result = work(signal, lock);
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
