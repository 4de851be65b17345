import type { Clock } from '../../../kernel/clock.ts';

/** One direction of a connection: what goes through it comes out later, and in order. */
export interface Lane {
	push(task: () => void): void;
	/** Nothing comes out any more. */
	close(): void;
}

/** @param delay Milliseconds, asked for each task; one that is shorter than before overtakes nothing. */
export function createLane(clock: Clock, delay: () => number): Lane {
	const waiting: (() => void)[] = [];
	let lastDue = 0;
	let isClosed = false;

	/** Timers of one moment may come in any order; what they let out does not. */
	const next = (): void => waiting.shift()?.();

	return {
		push(task) {
			if (isClosed) return;
			const now = clock.now();
			const due = Math.max(now + delay(), lastDue);
			if (waiting.length === 0 && due <= now) return task();
			lastDue = due;
			waiting.push(task);
			clock.after(due - now, next);
		},
		close() {
			isClosed = true;
			waiting.length = 0;
		}
	};
}
