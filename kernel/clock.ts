/** Time as the kernel and its plugins see it, so that a test can turn it by hand. */
export interface Clock {
	/** Milliseconds since the Unix epoch. */
	now(): number;
	/** Runs `task` once after `delay` milliseconds; the result cancels it. */
	after(delay: number, task: () => void): () => void;
	/** Runs `task` every `period` milliseconds until the result is called. */
	every(period: number, task: () => void): () => void;
}

/** The machine's clock. Its timers keep no process alive. */
export const systemClock: Clock = {
	now: () => Date.now(),
	after(delay, task) {
		const timer = unref(setTimeout(task, delay));
		return () => clearTimeout(timer);
	},
	every(period, task) {
		const timer = unref(setInterval(task, period));
		return () => clearInterval(timer);
	}
};

function unref<T>(timer: T): T {
	(timer as { unref?: () => void }).unref?.();
	return timer;
}
