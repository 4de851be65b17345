/** How events change the value of a stream: pure functions, the same for every reader. */

import type { MergeOptions } from '../frames.ts';
import { crud } from './crud.ts';
import { latest } from './latest.ts';
import { trim } from './list.ts';

/**
 * Applies one event. Never changes `value`: a change is a new array or object, no change the same.
 *
 * Malformed data is ignored.
 */
export function merge(
	value: unknown,
	event: string,
	data: unknown,
	options: MergeOptions
): unknown {
	switch (options.merge) {
		case 'crud':
			return crud(value, event, data, options);
		case 'latest':
			return latest(value, event, data, options);
		case 'set':
			// One value, which every event replaces.
			return data;
		default:
			// A strategy of a newer server: keeping the value is the least wrong.
			return value;
	}
}

/** A loaded value as the strategy keeps it: a list no longer than `max`. */
export function initial(value: unknown, options: MergeOptions): unknown {
	return Array.isArray(value) && options.merge !== 'set' ? trim(value, options) : value;
}
