/** `for await (const value of stream)`. */

import { streamPrototype, type Handled } from './store.ts';

/** Makes all streams async iterables. */
export function installIterate(): void {
	Object.assign(streamPrototype, { [Symbol.asyncIterator]: iterate });
}

/** The value and every later one; whoever takes longer gets the newest, not all of them. */
async function* iterate(this: Handled): AsyncGenerator<unknown, void, undefined> {
	const { state, retain, find } = this['~stream'];
	let wake = (): void => {};
	let given: unknown = wake; // equal to no value
	const leave = retain(() => wake());
	try {
		for (;;) {
			const { ready, value, error } = state();
			if (ready && value !== given) {
				yield (given = value);
				continue;
			}
			if (error && !error.retryable) throw error;
			if (find()?.isRunning === false) return;
			await new Promise<void>((resolve) => (wake = resolve));
		}
	} finally {
		leave();
	}
}
