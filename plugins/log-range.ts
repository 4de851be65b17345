/** Frames of a topic as the store has them, for whoever was there up to a position. */

import type { Position } from 'svelte-realtime/kernel';
import type { Numbered } from './log-line.ts';

/**
 * What of a topic's frames comes after a position, or why that cannot be said.
 *
 * @param isEarlier Whether the position is of an epoch that the present one goes on from.
 * @param size Frames that are kept.
 */
export function between(
	since: Position,
	now: Position,
	isEarlier: boolean,
	frames: readonly Numbered[],
	size: number
): readonly Numbered[] | 'epoch' | 'truncated' {
	if ((since.epoch !== now.epoch && !isEarlier) || since.seq > now.seq) return 'epoch';
	// Trimming is put off, and what is beyond the size may be gone at any time.
	if (now.seq - since.seq > size) return 'truncated';
	const isComplete = frames.length === now.seq - since.seq;
	return isComplete ? frames : 'truncated';
}
