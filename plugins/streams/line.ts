/** What takes its time, in the order in which it was begun. */

/** Results that come one after the other, however long each of them took. */
export class Line {
	#last: Promise<unknown> = Promise.resolve();
	/** Those that are still to come. */
	length: number = 0;

	/** Takes what has begun; the result is there when all before it are. */
	add<T>(work: Promise<T>): Promise<T> {
		const own = this.#last.then(() => work);
		// A failure is told where it stands in the line, and not before.
		work.catch(() => {});
		this.length += 1;
		const over = (): void => void (this.length -= 1);
		this.#last = own.then(over, over);
		return own;
	}
}
