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
	if (index < 0) return event === 'created' ? place(list, data, options) : value;
	if (event === 'deleted') return list.filter((_, at) => at !== index);
	return event === 'created' || event === 'updated' ? replaced(list, index, data) : value;
}
