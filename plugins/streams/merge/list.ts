import type { MergeOptions } from '../frames.ts';

/** Where the items of a list may be found by their key. */
export type Index = Pick<Map<unknown, number>, 'get' | 'set' | 'delete'>;

/** Whether `value` can have a key. */
export function isItem(value: unknown): value is Readonly<Record<string, unknown>> {
	return Object(value) === value;
}

/** The value of a stream while events change it: a list, or anything else. */
export interface List {
	readonly options: MergeOptions;
	/**
	 * The value, which never changes: the next event makes a copy, and those after it change that copy,
	 * until it is read in turn. So any number of events between two looks copy a list once.
	 */
	read(): unknown;
	/** The value, only to be looked at: the next event may change it. */
	peek(): unknown;
	/** The key of an item; undefined where it has none. */
	keyOf(item: unknown): unknown;
	/** Where the item with this key stands, or -1. */
	find(key: unknown): number;
	/** Replaces the value; the oldest items of a list are left out where there are more than `max`. */
	reset(value: unknown): void;
	/** Puts an item in the place of the one with its key; without one, as a new item if it `isNew`. */
	put(item: unknown, isNew: boolean): void;
	/** Removes the item with this key; the others keep their order. */
	remove(key: unknown): void;
}

/** @param index What is known of `value`; made when it is needed. */
export function createList(value: unknown, options: MergeOptions, index?: Index): List {
	/** Somebody else has the value. */
	let isShared = true;
	/** Items that went in front of others or were removed since the index was made. */
	let moved = 0;
	const { key: field, max, prepend } = options;

	// Compared as a value and never used as a name, so that '__proto__' is a key like any other.
	const keyOf = (item: unknown): unknown => (isItem(item) ? item[field] : undefined);

	/** The list, as one that nobody else has. */
	function own(): unknown[] {
		if (isShared) value = ((value ?? []) as unknown[]).slice();
		isShared = false;
		return value as unknown[];
	}

	function find(key: unknown): number {
		if (key === undefined || !Array.isArray(value)) return -1;
		const list: unknown[] = value;
		// To bring every entry up to date on each move costs the list's length; to look around takes
		// longer with each. This is where both cost the same.
		if (!index || moved ** 2 > list.length) {
			index = new Map();
			list.forEach((item, at) => index!.set(keyOf(item), at));
			moved = 0;
		}
		const about = index.get(key)!;
		for (let off = 0; about >= 0 && off <= moved; off += 1) {
			for (const at of [about - off, about + off]) if (keyOf(list[at]) === key) return at;
		}
		return -1;
	}

	function cut(at: number, count: number): void {
		if (!(count > 0)) return;
		for (const item of own().splice(at, count)) index?.delete(keyOf(item));
		moved += count;
	}

	function trim(): void {
		if (max && Array.isArray(value)) cut(prepend ? max : 0, value.length - max);
	}

	return {
		options,
		keyOf,
		find,
		peek: () => value,
		read() {
			isShared = true;
			return value;
		},
		reset(given) {
			value = given;
			isShared = true;
			index = undefined;
			trim();
		},
		put(item, isNew) {
			const key = keyOf(item);
			let at = find(key);
			if (at >= 0) own()[at] = item;
			else if (isNew && Array.isArray(value ?? [])) {
				at = prepend ? 0 : own().length;
				moved += +prepend;
				own().splice(at, 0, item);
				index?.set(key, at);
				trim();
			}
		},
		remove(key) {
			const at = find(key);
			cut(at, +(at >= 0));
		}
	};
}
