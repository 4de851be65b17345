import type { Clock } from 'svelte-realtime/kernel';

/** Milliseconds over which a crowd is spread at the most. */
const MOST = 2000;
/** Milliseconds that each one of a crowd adds to that. */
const EACH = 20;
/** The golden ratio's fraction: its multiples fall evenly, however many there are. */
const STEP = (Math.sqrt(5) - 1) / 2;

/**
 * Spreads the loaders that a lost history makes necessary. Clients that lost it lost it together: after
 * a restart all of them come back within a second, and the loaders of all would meet in the database.
 *
 * The server paces, not each client, because the server alone can see whether there is a crowd: a
 * page that comes back alone waits for nothing, and one in a crowd up to two seconds, during which
 * its reader keeps the old value.
 *
 * @returns What to wait for; nothing for the first one.
 */
export function createPacer(clock: Clock): () => Promise<void> | undefined {
	let crowd = 0;
	let latest = -Infinity;
	return () => {
		const now = clock.now();
		if (now - latest >= MOST) crowd = 0;
		latest = now;
		const delay = Math.min(MOST, crowd * EACH) * ((crowd * STEP) % 1);
		crowd += 1;
		if (delay === 0) return undefined;
		return new Promise((resolve) => void clock.after(delay, resolve));
	};
}
