/** Time as the kernel and its plugins see it, so that a test can turn it by hand. */
export interface Clock {
	/** Milliseconds since the Unix epoch. */
	now(): number;
	/**
	 * Milliseconds since some moment, which only go forward: the other clock can be set. It may stand
	 * while the machine sleeps. @default that of `now`
	 */
	steady?(): number;
	/** Runs `task` once after `delay` milliseconds; the result cancels it. */
	after(delay: number, task: () => void): () => void;
	/** Runs `task` every `period` milliseconds until the result is called. */
	every(period: number, task: () => void): () => void;
}

/** The machine's clock. Its timers keep no process alive. */
export const systemClock: Clock = {
	now: () => Date.now(),
	after: (delay, task) => cancels(setTimeout(task, delay)),
	every: (period, task) => cancels(setInterval(task, period))
};

/** Time that only goes forward; apart from the clock, which browsers load too. */
export const steadyTime: () => number = () => performance.now();

/** What ends a timer: of either kind, as both share one list. */
function cancels(timer: ReturnType<typeof setTimeout>): () => void {
	(timer as { unref?: () => void }).unref?.();
	return () => clearTimeout(timer);
}

/** Chance as the client sees it, where nothing depends on nobody guessing it. */
export const systemRandom: () => number = Math.random;
