/** Random things that a seed determines, so that a failure can be run again. */

export interface Random {
	/** From 0 up to, not including, 1. */
	(): number;
	/** A whole number from 0 up to, not including, `end`. */
	below(end: number): number;
	pick<T>(items: readonly T[]): T;
	chance(probability: number): boolean;
}

/** The seed of a test: `TEST_SEED` where it is set. A failure prints the one that it had. */
export function seedOf(fallback: number): number {
	return Number(process.env['TEST_SEED'] ?? fallback);
}

/** mulberry32. */
export function seeded(seed: number): Random {
	let state = seed;
	const next = (): number => {
		state = (state + 0x6d2b79f5) | 0;
		let t = Math.imul(state ^ (state >>> 15), 1 | state);
		t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
		return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
	};
	const below = (end: number): number => Math.floor(next() * end);
	return Object.assign(next, {
		below,
		pick: <T>(items: readonly T[]): T => items[below(items.length)]!,
		chance: (probability: number): boolean => next() < probability
	});
}
