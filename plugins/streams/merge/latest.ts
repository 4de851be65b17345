import type { List } from './list.ts';

/**
 * The latest items, whatever the event is called, oldest first.
 *
 * An item with a key that the list holds already takes the place of the one there, so that an event
 * that is in the loaded value too does not show twice.
 */
export function latest(list: List, _event: string, data: unknown): void {
	if (data !== undefined && data !== null) list.put(data, true);
}
