import { isItem, type List } from './list.ts';

/**
 * Who is there, first come first: `join`, `update` and `leave` of one member, `diff` for several at
 * once, `set` for all. A member that joins again stays in its place.
 */
export function presence(list: List, event: string, data: unknown): void {
	if (event === 'set') {
		if (Array.isArray(data)) list.reset(data);
	} else if (!isItem(data)) return;
	else if (event === 'join' || event === 'update') add(list, data);
	else if (event === 'leave') list.remove(list.keyOf(data));
	else if (event === 'diff') {
		// Leaves first: who left and came back is there.
		for (const key of listOf(data['leaves'])) list.remove(key);
		for (const member of listOf(data['joins'])) add(list, member);
		for (const member of listOf(data['updates'])) add(list, member);
	}
}

/** Adds or replaces an item; one without a key could never be removed. */
export function add(list: List, item: unknown): void {
	if (list.keyOf(item) !== undefined) list.put(item, true);
}

function listOf(value: unknown): readonly unknown[] {
	return Array.isArray(value) ? value : [];
}
