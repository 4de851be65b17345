/** Waiting for a connection. */

import type { Clock } from 'svelte-realtime/kernel';
import type { Link } from 'svelte-realtime/plugins/redis';

/** Milliseconds between two attempts while the connection seems to be there. */
export const PAUSE = 50;

/** Resolves when the connection is up, after a short wait where it is, or at the deadline. */
export function untilUp(link: Link, clock: Clock, deadline: number): Promise<void> {
	return new Promise((resolve) => {
		const wait = Math.max(1, Math.min(link.isUp ? PAUSE : Infinity, deadline - clock.now()));
		let forget: (() => void) | undefined;
		const done = (): void => {
			cancel();
			forget?.();
			resolve();
		};
		const cancel = clock.after(wait, done);
		if (!link.isUp) forget = link.onUp(done);
	});
}
