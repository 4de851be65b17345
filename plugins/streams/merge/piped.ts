/** Lists that the server filters, and that are kept in an order: what `pipe()` makes of a list. */

import { fieldOf, orderOf } from '../pipe/order.ts';
import { keptOf } from '../pipe/facts.ts';
import { strategies } from './index.ts';
import { isItem, type List } from './list.ts';

/** Adds `piped` to the strategies; to be called before such a stream is answered. */
export function installPiped(): void {
	strategies['piped'] ??= piped;
}

/** What is known of a list beside what it shows. */
interface Window {
	/** The items behind those that are shown, in order. */
	readonly rest: readonly unknown[];
	/** The server has more, or may have. */
	readonly isCut: boolean;
}

/** Lists that have come to be short so far, so that nobody has to look where there is none. */
export const shortages: { count: number } = { count: 0 };

/** By the list as it is shown: another event makes another list. */
const windows = new WeakMap<object, Window>();

/**
 * Applies what is left of an event: the item, or that it is not one of the list (any more).
 *
 * An `updated` item may be one that the list left out until now, so it comes in like a new one.
 */
function piped(list: List, event: string, data: unknown): void {
	const { of, sorts } = list.options;
	if (of === 'crud' && event === 'set') {
		if (Array.isArray(data)) show(list, data, false);
		return;
	}
	const isItems = of === 'crud' ? isItem(data) : data !== undefined && data !== null;
	if (!isItems) return;
	const isGone = fieldOf(data, '__gone') === true || (of === 'crud' && event === 'deleted');
	if (of === 'crud' && !isGone && event !== 'created' && event !== 'updated') return;
	if (sorts) move(list, data, isGone);
	else if (isGone) list.remove(list.keyOf(data));
	else list.put(data, true);
}

/** Puts an item where it belongs in the order, or takes it away. */
function move(list: List, item: unknown, isGone: boolean): void {
	const shown = (list.peek() ?? []) as readonly unknown[];
	const { rest, isCut } = windowOf(list, shown);
	const key = list.keyOf(item);
	const all = [...shown, ...rest].filter((other) => list.keyOf(other) !== key || key === undefined);
	if (!isGone) {
		const order = orderOf(list.options.sorts!, list.options.key);
		const at = placeIn(all, item, order);
		// Behind the last one that is known there may be others in front of it.
		if (at < all.length || !isCut) all.splice(at, 0, item);
	}
	show(list, all, isCut);
}

function show(list: List, items: readonly unknown[], isCut: boolean): void {
	const { limit } = list.options;
	const most = limit === undefined ? Infinity : keptOf(limit);
	const shown = items.slice(0, limit);
	const kept = { rest: items.slice(shown.length, most), isCut: isCut || items.length >= most };
	list.reset(shown);
	windows.set(shown, kept);
	if (kept.isCut && kept.rest.length === 0) shortages.count += 1;
}

/** Of what a rendered page brought nothing is known but what it shows. */
function windowOf({ options }: List, shown: readonly unknown[]): Window {
	const { limit = Infinity } = options;
	return windows.get(shown) ?? { rest: [], isCut: shown.length >= limit };
}

/** Whether a list has lost so many items that what comes after the last one has to be asked for. */
export function isShort(list: List): boolean {
	const shown = list.peek();
	if (list.options.limit === undefined || !Array.isArray(shown)) return false;
	const known = windows.get(shown);
	return known !== undefined && known.isCut && known.rest.length === 0;
}

/** Where an item belongs in a list that is in order. */
function placeIn(
	items: readonly unknown[],
	item: unknown,
	order: (one: unknown, other: unknown) => number
): number {
	let [low, high] = [0, items.length];
	while (low < high) {
		const middle = (low + high) >> 1;
		if (order(items[middle], item) <= 0) low = middle + 1;
		else high = middle;
	}
	return low;
}
