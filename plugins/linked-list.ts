/** A list whose first item can be taken, and any item taken out, at the same cost whatever its length. */

/** An item that can be in one list at a time. */
export interface Linked {
	previous: Linked | undefined;
	next: Linked | undefined;
}

export class LinkedList<T extends Linked> {
	#first: Linked | undefined = undefined;
	#last: Linked | undefined = undefined;
	#length: number = 0;

	get length(): number {
		return this.#length;
	}

	get first(): T | undefined {
		return this.#first as T | undefined;
	}

	push(item: T): void {
		item.previous = this.#last;
		item.next = undefined;
		if (this.#last === undefined) this.#first = item;
		else this.#last.next = item;
		this.#last = item;
		this.#length += 1;
	}

	/** Takes out an item of this list. */
	remove(item: T): void {
		const { previous, next } = item;
		if (previous === undefined) this.#first = next;
		else previous.next = next;
		if (next === undefined) this.#last = previous;
		else next.previous = previous;
		item.previous = item.next = undefined;
		this.#length -= 1;
	}
}
