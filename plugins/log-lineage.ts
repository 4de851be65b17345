/** Which epochs a topic has had, and where each ended: the idea of Kafka's leader epochs. */

import type { Position } from 'svelte-realtime/kernel';

export type Lineage = readonly Position[];

/** As the script writes it: `epoch seq;` for each, the latest first. */
export function readLineage(text: string): Lineage {
	const pairs = text.split(';').slice(0, -1);
	return pairs.map((pair) => {
		const [epoch, seq] = pair.split(' ');
		return { epoch: epoch!, seq: Number(seq) };
	});
}

/**
 * Whether what somebody has seen up to `position` is part of the history that goes on: then its
 * number is one of the present epoch.
 */
export function isContinued(lineage: Lineage, position: Position): boolean {
	for (const { epoch, seq } of lineage) {
		// It has seen more than survived the change to a later epoch.
		if (position.seq > seq) return false;
		if (epoch === position.epoch) return true;
	}
	return false;
}
