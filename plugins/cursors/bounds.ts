import { checkCount } from '../checks.ts';

/** How much of everything there may be at once; see CursorsOptions. */
export interface CursorBounds {
	readonly dataBytes: number;
	readonly rate: number;
	readonly entries: number;
	readonly topicBytes: number;
	readonly bytes: number;
	readonly topics: number;
}

/** @throws {RealtimeError} RT_OPTION_INVALID when one is no whole number from 1. */
export function checkBounds(bounds: CursorBounds): CursorBounds {
	for (const [name, value] of Object.entries(bounds)) checkCount(name, 'cursors()', value);
	return bounds;
}
