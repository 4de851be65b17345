/** An async iterator over what comes when it comes, which can be ended while it waits. */

/** What one of them does; `take` gives `undefined` where there is nothing yet. */
export interface Source<T> {
	begin(wake: () => void): void;
	/** @throws what ends it */
	take(): IteratorResult<T, undefined> | undefined;
	end(): void;
}

/**
 * An iterator by hand: a generator that waits cannot be ended before it has got what it waits for, so
 * that whoever has gone would be remembered until something happens.
 */
export function iteratorOf<T>(source: Source<T>, signal?: AbortSignal): AsyncIterableIterator<T> {
	const done: IteratorReturnResult<undefined> = { done: true, value: undefined };
	let isBegun = false;
	let isOver = false;
	/** Questions that wait, in order. */
	let waiting: {
		resolve(result: IteratorResult<T, undefined>): void;
		reject(error: unknown): void;
	}[] = [];

	function end(): void {
		if (isOver) return;
		isOver = true;
		signal?.removeEventListener('abort', end);
		if (isBegun) source.end();
		for (const { resolve } of waiting.splice(0)) resolve(done);
	}

	function answer(): void {
		while (waiting.length > 0 && !isOver) {
			try {
				const result = source.take();
				if (result === undefined) return;
				waiting.shift()!.resolve(result);
				if (result.done) end();
			} catch (error) {
				const { reject } = waiting.shift()!;
				end();
				reject(error);
			}
		}
	}

	return {
		[Symbol.asyncIterator]() {
			return this;
		},
		next() {
			if (!isBegun && !isOver) {
				if (signal?.aborted) end();
				else {
					isBegun = true;
					signal?.addEventListener('abort', end);
					source.begin(answer);
				}
			}
			if (isOver) return Promise.resolve(done);
			return new Promise((resolve, reject) => {
				waiting = [...waiting, { resolve, reject }];
				answer();
			});
		},
		return() {
			end();
			return Promise.resolve(done);
		}
	};
}
