/** Collects what is published in one tick, by topic. */

import type { Frame } from '../frame-text.ts';

export interface Outbox {
	add(topic: string, frame: Frame): void;
}

/** @param send Called once for each topic that something was published to. */
export function createOutbox(send: (topic: string, frames: readonly Frame[]) => void): Outbox {
	const waiting = new Map<string, Frame[]>();

	function flush(): void {
		for (const [topic, frames] of waiting) send(topic, frames);
		waiting.clear();
	}

	return {
		add(topic, frame) {
			if (waiting.size === 0) queueMicrotask(flush);
			const frames = waiting.get(topic);
			if (frames) frames.push(frame);
			else waiting.set(topic, [frame]);
		}
	};
}
