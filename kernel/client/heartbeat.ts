import { systemClock } from '../clock.ts';
import type { ClientOptions } from './configure.ts';

/** Notices a connection that is dead without having been closed. */
export interface Heartbeat {
	/** Begins anew. With `asking`, a question goes out now, and one look later it is too late. */
	start(asking?: boolean): void;
	stop(): void;
	/** Something came in; whatever it is, the other side is there. */
	heard(): void;
}

/**
 * Looks five times per interval. At the fourth look in silence it asks, at the fifth it is over.
 *
 * A look that comes late says that the device slept, or that the browser holds timers back, and
 * that an answer may lie there unread: such a look asks too, and counts half.
 */
export function createHeartbeat(
	options: Pick<ClientOptions, 'clock' | 'heartbeat'>,
	ask: () => void,
	dead: () => void
): Heartbeat {
	let silence = 0;
	let stop = (): void => {};

	return {
		start(asking) {
			stop();
			silence = asking ? 4 : 0;
			if (asking) ask();
			const { clock = systemClock, heartbeat = 25_000 } = options;
			const step = heartbeat / 5;
			let lookedAt = clock.now();
			if (!step) return;
			stop = clock.every(step, () => {
				const now = clock.now();
				const isLate = now - lookedAt > step * 1.25;
				lookedAt = now;
				silence = isLate ? Math.max(silence, 3.5) + 0.5 : silence + 1;
				if (silence >= 5) dead();
				else if (silence >= 4) ask();
			});
		},
		stop: () => stop(),
		heard() {
			silence = 0;
		}
	};
}
