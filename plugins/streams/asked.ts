/** Reading what a client says of the value that it has. */

import { LiveError, type Position } from 'svelte-realtime/kernel';

/** How many pages a client says it has; undefined where it says none. */
export function countOf(pages: unknown): number | undefined {
	return Number.isSafeInteger(pages) && (pages as number) > 0 ? (pages as number) : undefined;
}

/** @throws {LiveError} INVALID_REQUEST: a position that cannot be one must not read history. */
export function positionOf(since: unknown): Position | undefined {
	if (since === undefined || since === null) return undefined;
	const { epoch, seq } = since as Partial<Position>;
	if (typeof epoch !== 'string' || !Number.isSafeInteger(seq) || seq! < 0) {
		throw new LiveError('INVALID_REQUEST', 'A position has an epoch and a seq.');
	}
	return { epoch, seq: seq! };
}
