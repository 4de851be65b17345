/** The order of `pipe.sort`: the same on the server, which sorts what is loaded, and in the page. */

export type Direction = 'asc' | 'desc';

/** By which field, and which way. */
export interface Sort {
	readonly field: string;
	readonly dir: Direction;
}

/** Numbers, dates and booleans first, then text, then what has no order of its own; what is missing is last. */
function rankOf(value: unknown): number {
	if (value === undefined || value === null || Number.isNaN(value)) return 3;
	if (typeof value === 'string') return 1;
	const isNumber = typeof value === 'number' || typeof value === 'bigint';
	if (value instanceof Date) return Number.isNaN(value.getTime()) ? 3 : 0;
	return isNumber || typeof value === 'boolean' ? 0 : 2;
}

/** What is missing stays last, whichever way the rest goes. */
function compare(one: unknown, other: unknown, sign: number): number {
	const [rank, otherRank] = [rankOf(one), rankOf(other)];
	if (rank === 3 || otherRank === 3) return rank - otherRank;
	if (rank !== otherRank) return (rank - otherRank) * sign;
	if (rank === 2) return 0;
	const [a, b] = [one as number, other as number];
	return a < b ? -sign : a > b ? sign : 0;
}

/**
 * Compares items by the fields of `sorts`, the first one that tells them apart; those that none tells
 * apart, by their key, in the direction of the first. So no two items of a list are equal, and the
 * order does not depend on how they came in.
 */
export function orderOf(
	sorts: readonly Sort[],
	key: string
): (one: unknown, other: unknown) => number {
	const all = [...sorts, { field: key, dir: sorts[0]?.dir ?? 'asc' }];
	return (one, other) => {
		for (const { field, dir } of all) {
			const order = compare(fieldOf(one, field), fieldOf(other, field), dir === 'asc' ? 1 : -1);
			if (order !== 0) return order;
		}
		return 0;
	};
}

/** A field of an item, if it has one by that name itself. */
export function fieldOf(item: unknown, field: string): unknown {
	if (typeof item !== 'object' || item === null || !Object.hasOwn(item, field)) return undefined;
	return (item as Record<string, unknown>)[field];
}
