/** The tails of one topic: there are as many as streams on all connections, and they share what they read. */

import type { Position } from 'svelte-realtime/kernel';
import type { LogEntry, Tail } from 'svelte-realtime/plugins/replay';

export type Reads = Omit<Tail, 'close'>;

/** What the tails of a topic share. */
export interface SharedReads extends Reads {
	/** One of them is closed. @returns what that one can read still. */
	end(): SharedReads;
}

/** @param end Hears of each tail that is closed, once. */
export function sharedReads({ head, since, last }: Reads, end: () => void): SharedReads {
	let latest: Position | undefined;
	const reads: Reads = {
		head() {
			const now = head();
			// The same object for all who are told that it stands there: each of them keeps it.
			if (now.seq !== latest?.seq || now.epoch !== latest.epoch) latest = now;
			return latest;
		},
		since,
		last
	};
	const over: SharedReads = { ...reads, end: () => over };
	return {
		...reads,
		end() {
			end();
			return over;
		}
	};
}

/** The tail of one follower. */
export class SharedTail implements Tail {
	#reads: SharedReads;

	constructor(reads: SharedReads) {
		this.#reads = reads;
	}

	head(): Position {
		return this.#reads.head();
	}

	since(position: Position): ReturnType<Tail['since']> {
		return this.#reads.since(position);
	}

	last(count: number): readonly LogEntry[] {
		return this.#reads.last(count);
	}

	close(): void {
		this.#reads = this.#reads.end();
	}
}
