/** Numbers by which whoever is written to tells who came later. */

import type { Clock } from 'svelte-realtime/kernel';

/**
 * Makes numbers that grow with each one, also over a restart of the process: they are microseconds
 * since the Unix epoch, or one more than the last.
 */
export function createFences(clock: Clock): () => number {
	let last = 0;
	return () => (last = Math.max(last + 1, Math.floor(clock.now() * 1000)));
}
