/** What the calls of one session came to, for a client that has to ask again. */

/** Results of one session that are kept at the most. */
export const RESULTS = 1000;
/** Results that go together when there are too many: to find the oldest is what costs. */
const EVICTED = 64;

export class Results {
	/** Every call up to this id that is not in here may have run, and what it came to is not known. */
	forgotten: number;
	/** Characters of all replies. */
	size: number = 0;
	/** Every call up to this id is done with for the client, so none of them is ever run again. */
	acknowledged: number = -1;
	/** No call above this id has come in, so there is nothing to look for. */
	highest: number = -1;
	// Two lists in the order of answering: a client that asks again is rare, a call is not, and
	// adding to a list costs less than adding to a map.
	#ids: number[] = [];
	#replies: string[] = [];
	readonly #most: number;

	/** @param most Characters of all replies at the most. */
	constructor(forgotten: number, most: number) {
		this.forgotten = forgotten;
		this.#most = most;
	}

	get count(): number {
		return this.#ids.length;
	}

	find(id: number): string | undefined {
		return this.#replies[this.#ids.indexOf(id)];
	}

	/** The latest but so many; undefined where there are not as many. */
	latest(before: number): readonly [id: number, reply: string] | undefined {
		const at = this.#ids.length - 1 - before;
		return at < 0 ? undefined : [this.#ids[at]!, this.#replies[at]!];
	}

	/** Keeps a reply; what does not fit is forgotten, the oldest first. */
	keep(id: number, reply: string): void {
		this.#ids.push(id);
		this.#replies.push(reply);
		this.size += reply.length;
		if (this.#ids.length > RESULTS) this.#evict(RESULTS - EVICTED, Infinity);
		if (this.size > this.#most) this.#evict(Infinity, this.#most);
	}

	/** The client has what it asked for up to this id. */
	acknowledge(id: unknown): void {
		if (typeof id !== 'number' || !(id > this.acknowledged)) return;
		this.acknowledged = id;
		let kept = 0;
		for (let i = 0; i < this.#ids.length; i += 1) {
			if (this.#ids[i]! <= id) {
				this.size -= this.#replies[i]!.length;
				continue;
			}
			this.#ids[kept] = this.#ids[i]!;
			this.#replies[kept] = this.#replies[i]!;
			kept += 1;
		}
		this.#ids.length = kept;
		this.#replies.length = kept;
	}

	forget(): void {
		this.#evict(0, 0);
	}

	#evict(count: number, size: number): void {
		let gone = 0;
		while (this.#ids.length - gone > count || this.size > size) {
			this.size -= this.#replies[gone]!.length;
			this.forgotten = Math.max(this.forgotten, this.#ids[gone]!);
			gone += 1;
		}
		this.#ids.splice(0, gone);
		this.#replies.splice(0, gone);
	}
}
