/** What this instance knows of the topics that it has published to of late. */

import type { Clock } from 'svelte-realtime/kernel';
import type { TopicKeys } from './keys.ts';

/** Topics that are remembered; a topic that is forgotten is touched once more than it needs. */
const MOST = 10_000;

interface Touch {
	readonly keys: TopicKeys;
	at: number;
	seq: number;
}

export class Touched {
	readonly #clock: Clock;
	readonly #period: number;
	readonly #keysOf: (topic: string) => TopicKeys;
	readonly #topics: Map<string, Touch> = new Map();

	/** @param period Milliseconds after which the time that a topic is kept is counted anew. */
	constructor(clock: Clock, period: number, keysOf: (topic: string) => TopicKeys) {
		this.#clock = clock;
		this.#period = period;
		this.#keysOf = keysOf;
	}

	keysOf(topic: string): TopicKeys {
		return this.#topics.get(topic)?.keys ?? this.#keysOf(topic);
	}

	isDue(topic: string): boolean {
		const touched = this.#topics.get(topic);
		return touched === undefined || Math.abs(this.#clock.now() - touched.at) > this.#period;
	}

	/** The number of the latest frame that was published to it here; 0 where that is not known. */
	seq(topic: string): number {
		return this.#topics.get(topic)?.seq ?? 0;
	}

	/** Something was stored; where it was due, the time is counted anew from now on. */
	set(topic: string, seq: number): void {
		const touched = this.#topics.get(topic);
		if (touched !== undefined) {
			touched.seq = seq;
			if (this.isDue(topic)) touched.at = this.#clock.now();
			return;
		}
		if (this.#topics.size >= MOST) this.#topics.clear();
		this.#topics.set(topic, { keys: this.#keysOf(topic), at: this.#clock.now(), seq });
	}
}
