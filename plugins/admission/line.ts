/** Lets so many through at a time, and the others wait in the order in which they came. */

export interface Place<T> {
	/** Undefined where it is one's turn at once; else what is answered when it is. */
	readonly turn: Promise<T> | undefined;
	/** It is over, whether or not it was one's turn. @returns whether it was */
	leave(): boolean;
}

export interface Line<T> {
	/**
	 * @param begin Asked when the turn has come; an answer other than undefined gives it back.
	 * @returns undefined where the line is too long.
	 */
	enter(begin: () => T): Place<T> | undefined;
}

interface Waiting {
	call(): void;
}

export function line<T>(options: {
	readonly concurrency: number;
	readonly waiting: number;
}): Line<T> {
	const waiting = new Set<Waiting>();
	let running = 0;

	function next(): void {
		for (const first of waiting) {
			if (running >= options.concurrency) return;
			waiting.delete(first);
			first.call();
		}
	}

	function end(): void {
		running -= 1;
		next();
	}

	return {
		enter(begin) {
			if (running < options.concurrency) {
				running += 1;
				return { turn: undefined, leave: () => (end(), true) };
			}
			if (waiting.size >= options.waiting) return undefined;
			let isRunning = false;
			let self: Waiting | undefined;
			const turn = new Promise<T>((resolve) => {
				self = {
					call() {
						const answer = begin();
						isRunning = answer === undefined;
						if (isRunning) running += 1;
						resolve(answer);
					}
				};
				waiting.add(self);
			});
			return {
				turn,
				leave() {
					waiting.delete(self!);
					if (isRunning) end();
					return isRunning;
				}
			};
		}
	};
}
