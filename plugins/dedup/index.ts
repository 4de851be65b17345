/** Dedup: what comes twice is done once. */

import { definePlugin, type Plugin } from 'svelte-realtime/kernel';
import { checkCount, checkTime } from '../checks.ts';
import { memoryClaims } from '../claims.ts';
import { createOnce, type Dedup } from '../once.ts';
import type { DedupStore } from './port.ts';

export { memoryClaims, type MemoryClaimsOptions } from '../claims.ts';
export type { Dedup, Once } from '../once.ts';
export type { Claim, DedupStore, Full } from './port.ts';

export interface DedupOptions {
	/** Milliseconds within which an id counts as the same. @default 300000 */
	window?: number;
	/** Claims that this instance keeps in memory; past it a new one is refused. @default 10000 */
	size?: number;
}

declare module 'svelte-realtime/kernel' {
	interface Capabilities {
		dedup: Dedup;
	}
}

/**
 * Does what comes several times under one id once within a window.
 *
 * Uses `dedup.store` where a plugin provides it, else the memory of this process. A claim is never
 * given up for another one: at `size` new ones are refused, and `limited` hears of `dedup.size`.
 * (A call that its client repeats runs once without any of this.)
 *
 * @throws {RealtimeError} RT_OPTION_INVALID when `window` is no time, or `size` no whole number from 1.
 * @example await ctx.dedup.once(`webhook:${event.id}`, () => book(event));
 */
export function dedup(options: DedupOptions = {}): Plugin<never, 'dedup'> {
	const { window = 5 * 60_000, size = 10_000 } = options;
	checkTime('window', 'dedup()', window, 1);
	checkCount('size', 'dedup()', size);

	return definePlugin({
		name: 'dedup',
		optional: ['dedup.store'],
		provides: ['dedup'],
		setup(kernel) {
			const { clock, report } = kernel;
			const store: DedupStore = kernel.find('dedup.store') ?? memoryClaims({ clock, window, size });
			const full = (): void => kernel.limited('dedup.size');
			kernel.provide('dedup', createOnce({ store, window, size, full, report }));
		}
	});
}
