/** Values in the order of their arrival; `next` waits for one that is not there yet. */
export class Inbox<T> {
	readonly all: T[] = [];
	#taken = 0;
	#waiting: ((value: T) => void)[] = [];

	push(value: T): void {
		this.all.push(value);
		const waiting = this.#waiting.shift();
		if (!waiting) return;
		this.#taken += 1;
		waiting(value);
	}

	next(): Promise<T> {
		if (this.#taken < this.all.length) return Promise.resolve(this.all[this.#taken++]!);
		return new Promise((resolve) => this.#waiting.push(resolve));
	}
}
