import type { MergeOptions } from '../frames.ts';
import { indexOf, isItem, place, replaced, trim } from './list.ts';

/**
 * A list of items that `created`, `updated` and `deleted` change, each by its key; `set` replaces it.
 *
 * Applying an event twice, or one that the list holds already, changes nothing: `created` of a known
 * key replaces the item where it stands, `updated` and `deleted` of an unknown one are ignored.
 */
export function crud(value: unknown, event: string, data: unknown, options: MergeOptions): unknown {
	if (event === 'set') return Array.isArray(data) ? trim(data, options) : value;
	const list = value ?? [];
	if (!Array.isArray(list) || !isItem(data)) return value;
	const index = indexOf(list, data, options.key);
	switch (event) {
		case 'created':
			return index < 0 ? place(list, data, options) : replaced(list, index, data);
		case 'updated':
			return index < 0 ? value : replaced(list, index, data);
		case 'deleted':
			return index < 0 ? value : list.filter((_, at) => at !== index);
		default:
			return value;
	}
}
