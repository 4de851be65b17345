/** Who follows a topic on this instance: with the last of them it ends, after a while. */

import type { Clock } from 'svelte-realtime/kernel';
import type { Tail } from 'svelte-realtime/plugins/replay';
import type { Followed } from './log-followed.ts';
import { sharedReads, SharedTail, type Reads, type SharedReads } from './shared-tail.ts';

/** A topic that this instance follows. */
export interface FollowedTopic {
	/** Resolves when it is up to date. */
	readonly ready: Promise<void>;
	followers: number;
	cancelEnd: (() => void) | undefined;
	/** What its tails share, from when it has one. */
	reads?: SharedReads;
}

export interface Lingering {
	readonly clock: Clock;
	/** Milliseconds that a topic is followed on after its last follower has left. */
	readonly linger: number;
	/** It is followed no longer. */
	end(): void;
}

/** One follower more. Those of a topic share what the first one reads by. */
export async function followedBy(
	topic: FollowedTopic,
	reads: Reads,
	{ clock, linger, end }: Lingering
): Promise<Tail> {
	topic.followers += 1;
	topic.cancelEnd?.();
	topic.cancelEnd = undefined;
	const shared = (topic.reads ??= sharedReads(reads, () => {
		topic.followers -= 1;
		if (topic.followers === 0) topic.cancelEnd = clock.after(linger, end);
	}));
	await topic.ready;
	return new SharedTail(shared);
}

/** What a tail tells of a topic that is followed by itself. */
export const readsOf = (followed: Followed): Reads => ({
	head: () => followed.head,
	since: (position) => followed.since(position),
	last: (count) => followed.last(count)
});
