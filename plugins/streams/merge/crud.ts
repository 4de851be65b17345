import { isItem, type List } from './list.ts';

/**
 * A list of items that `created`, `updated` and `deleted` change, each by its key; `set` replaces it.
 *
 * Applying an event twice, or one that the list holds already, changes nothing: `created` of a known
 * key replaces the item where it stands, `updated` and `deleted` of an unknown one are ignored.
 */
export function crud(list: List, event: string, data: unknown): void {
	if (event === 'set') {
		if (Array.isArray(data)) list.reset(data);
	} else if (event === 'deleted') list.remove(list.keyOf(data));
	else if (isItem(data) && (event === 'created' || event === 'updated')) {
		list.put(data, event === 'created');
	}
}
