/** Numbers that a seed determines (mulberry32): the only source of chance in a simulation. */
export class Random {
	#state: number;

	constructor(seed: number) {
		// Spread, so that neighbouring seeds do not begin alike.
		this.#state = Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) | 0;
	}

	/** From 0 up to 1. */
	next(): number {
		this.#state = (this.#state + 0x6d2b79f5) | 0;
		let t = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
		t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
		return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
	}

	/** A whole number from 0 up to, and without, `end`. */
	below(end: number): number {
		return Math.floor(this.next() * end);
	}

	/** A whole number, both ends included. */
	between(least: number, most: number): number {
		return least + this.below(most - least + 1);
	}

	chance(probability: number): boolean {
		return this.next() < probability;
	}

	pick<T>(list: readonly T[]): T {
		return list[this.below(list.length)]!;
	}

	/** Picks a key, by weight. */
	weighted<K extends string>(weights: Readonly<Record<K, number>>): K {
		const entries = Object.entries<number>(weights) as [K, number][];
		let left = this.next() * entries.reduce((sum, [, weight]) => sum + weight, 0);
		for (const [key, weight] of entries) if ((left -= weight) < 0) return key;
		return entries.at(-1)![0];
	}

	/** A generator of its own, so that one part's drawing does not shift another's. */
	fork(): Random {
		return new Random(this.below(2 ** 32));
	}
}
