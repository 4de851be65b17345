import { isItem, type List } from './list.ts';
import { add } from './presence.ts';

/**
 * Where somebody points at, by key: `update` of one or a list of them, the newest of a key wins;
 * `remove` of a key, an item or a list of them; `set` for all.
 */
export function cursor(list: List, event: string, data: unknown): void {
	if (event === 'set') {
		if (Array.isArray(data)) list.reset(data);
		return;
	}
	for (const entry of Array.isArray(data) ? data : [data]) {
		if (event === 'update') add(list, entry);
		else if (event === 'remove') list.remove(isItem(entry) ? list.keyOf(entry) : entry);
	}
}
