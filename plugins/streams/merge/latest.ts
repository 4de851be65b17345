import type { MergeOptions } from '../frames.ts';
import { indexOf, place, replaced } from './list.ts';

/**
 * The latest items, whatever the event is called, oldest first.
 *
 * An item with a key that the list holds already takes the place of the one there, so that an event
 * that is in the loaded value too does not show twice.
 */
export function latest(
	value: unknown,
	_event: string,
	data: unknown,
	options: MergeOptions
): unknown {
	const list = value ?? [];
	if (!Array.isArray(list) || data === undefined || data === null) return value;
	const index = indexOf(list, data, options.key);
	return index < 0 ? place(list, data, options) : replaced(list, index, data);
}
