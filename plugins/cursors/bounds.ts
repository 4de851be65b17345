import { RealtimeError } from 'svelte-realtime/kernel';

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
	for (const [name, value] of Object.entries(bounds)) {
		if (Number.isSafeInteger(value) && value >= 1) continue;
		const wanted = 'a whole number from 1';
		throw new RealtimeError('RT_OPTION_INVALID', [name, 'cursors()', value, wanted]);
	}
	return bounds;
}

/** @throws {RealtimeError} RT_OPTION_INVALID when `value` is no number of milliseconds up to a day. */
export function checkTime(name: string, owner: string, value: unknown): number {
	if (typeof value === 'number' && value >= 0 && value <= 86_400_000) return value;
	const wanted = 'a number of milliseconds from 0 to 86400000';
	throw new RealtimeError('RT_OPTION_INVALID', [name, owner, value, wanted]);
}

/** Bytes of a text in UTF-8. */
export function bytesOf(text: string): number {
	let bytes = text.length;
	for (let i = 0; i < text.length; i += 1) {
		const code = text.charCodeAt(i);
		if (code < 0x80) continue;
		// Both halves of a pair take two bytes each.
		bytes += code < 0x800 || (code >= 0xd800 && code < 0xe000) ? 1 : 2;
	}
	return bytes;
}
