import type { MergeOptions } from '../frames.ts';

/** Whether `value` can have a key. */
export function isItem(value: unknown): value is Readonly<Record<string, unknown>> {
	return typeof value === 'object' && value !== null;
}

/** Where the item with the same key as `item` stands; -1 without one, or where `item` has no key. */
export function indexOf(list: readonly unknown[], item: unknown, key: string): number {
	const wanted = isItem(item) ? item[key] : undefined;
	if (wanted === undefined) return -1;
	// Compared by value and never used as a name, so that '__proto__' is a key like any other.
	return list.findIndex((other) => isItem(other) && other[key] === wanted);
}

/** Adds a new item at the end, or the beginning with `prepend`. */
export function place(list: readonly unknown[], item: unknown, options: MergeOptions): unknown[] {
	return trim(options.prepend ? [item, ...list] : [...list, item], options);
}

/** Cuts the oldest items off where there are more than `max`. */
export function trim(list: unknown[], { max, prepend }: MergeOptions): unknown[] {
	if (max <= 0 || list.length <= max) return list;
	return prepend ? list.slice(0, max) : list.slice(-max);
}

/** The list with another item at `index`. */
export function replaced(list: readonly unknown[], index: number, item: unknown): unknown[] {
	const copy = [...list];
	copy[index] = item;
	return copy;
}
