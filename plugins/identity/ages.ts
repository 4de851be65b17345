/** When each identity is too old: the same time for all, so that the order in which they came is it. */

import type { Clock, Connection } from 'svelte-realtime/kernel';

export interface Ages {
	/** The identity of a connection is new. */
	renew(connection: Connection): void;
	forget(connection: Connection): void;
}

/**
 * @param maxAge Milliseconds; undefined: for ever, and then nothing is kept.
 * @param old Hears once of each connection whose identity is too old.
 */
export function createAges(
	clock: Clock,
	maxAge: number | undefined,
	old: (connection: Connection) => void
): Ages {
	if (maxAge === undefined) return { renew: () => {}, forget: () => {} };
	/** Milliseconds since the Unix epoch at which each is too old, the next one first. */
	const ends = new Map<Connection, number>();
	let isWaiting = false;

	function wait(): void {
		const [next] = ends.values();
		if (isWaiting || next === undefined) return;
		isWaiting = true;
		clock.after(Math.max(next - clock.now(), 0), () => {
			isWaiting = false;
			const now = clock.now();
			for (const [connection, end] of ends) {
				if (end > now) break;
				ends.delete(connection);
				old(connection);
			}
			wait();
		});
	}

	return {
		renew(connection) {
			ends.delete(connection);
			ends.set(connection, clock.now() + maxAge);
			wait();
		},
		forget: (connection) => void ends.delete(connection)
	};
}
