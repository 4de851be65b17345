import type { Clock } from '../kernel/clock.ts';

/** A clock whose timers can be ended all at once. */
export interface ScopedClock extends Clock {
	/** Ends every timer that waits; later ones never run. */
	dispose(): void;
}

/** The time of another clock, with timers of its own. */
export function scopedClock(clock: Clock): ScopedClock {
	const cancels = new Set<() => void>();
	let isOver = false;

	function kept(start: (done: () => void) => () => void): () => void {
		if (isOver) return () => {};
		const stop = start(() => cancels.delete(cancel));
		const cancel = (): void => {
			cancels.delete(cancel);
			stop();
		};
		cancels.add(cancel);
		return cancel;
	}

	return {
		now: () => clock.now(),
		after: (delay, task) =>
			kept((done) =>
				clock.after(delay, () => {
					done();
					task();
				})
			),
		every: (period, task) => kept(() => clock.every(period, task)),
		dispose() {
			isOver = true;
			for (const cancel of cancels) cancel();
		}
	};
}
