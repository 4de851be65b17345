/** What a log of topics must be able to do. */

import type { EncodedValue, MaybePromise, Position, PublishResult } from 'svelte-realtime/kernel';

/** One event as a log keeps it. */
export interface LogEntry {
	readonly seq: number;
	readonly event: string;
	readonly value: EncodedValue;
	/** The operation of a client that it is the outcome of. */
	readonly op?: string | undefined;
}

/**
 * The frames of one topic that this instance holds, readable without waiting.
 *
 * MUST contain a frame no later than the frame's delivery on this instance, so that whoever reads
 * the tail and subscribes in one synchronous step misses nothing.
 */
export interface Tail {
	/**
	 * The position of the latest frame. A topic that nobody has published to stands at seq 0 of an
	 * epoch that its first frame continues, for as long as this log can tell that nothing was missed.
	 */
	head(): Position;
	/**
	 * Everything after `since`, in order; or why it cannot be said: the history before is another
	 * (`epoch`), or the beginning has been let go (`truncated`).
	 */
	since(since: Position): readonly LogEntry[] | 'epoch' | 'truncated';
	/** The latest `count` frames that are kept, oldest first. */
	last(count: number): readonly LogEntry[];
	/** The topic is not followed any more by this caller. Calling it again does nothing. */
	close(): void;
}

/** Keeps topics in order. The one numbering handler, the `replay` plugin, is its only writer. */
export interface ReplayLog {
	/**
	 * Numbers and stores one event, in one atomic step per topic. Of two calls for one topic the first
	 * MUST get the lower number, and numbers MUST have no gaps within an epoch.
	 */
	append(topic: string, event: string, value: EncodedValue, op?: string): MaybePromise<Position>;
	/**
	 * Follows a topic: from when the result is there, its tail is kept up to date.
	 * A followed topic MUST keep its position, whatever is evicted.
	 */
	follow(topic: string): MaybePromise<Tail>;
	/** Everything after `since` where the tail does not reach back as far. */
	range(topic: string, since: Position): MaybePromise<readonly LogEntry[] | 'epoch' | 'truncated'>;
	/**
	 * Present on a log that hands stored frames to every instance itself: then `publish` replaces
	 * `append`, and the log calls `kernel.deliver()` in the order of the log.
	 *
	 * @param id Names the publish: of those with one id, among the latest 256 of the topic, one is kept.
	 */
	publish?(
		topic: string,
		event: string,
		value: EncodedValue,
		op?: string,
		id?: string
	): MaybePromise<PublishResult>;
	/** Present on a log that instances share: tells whoever counts. The result ends it. */
	observe?(observer: LogObserver): () => void;
	/**
	 * Present on a log whose followed topics can begin anew, as where its store has lost them: tells of
	 * each, once its tails show it, whether anything is published to it or not. The result ends it.
	 */
	onBegun?(listener: (topic: string) => void): () => void;
}

/** Hears how a shared log is kept up with. It MUST NOT throw. */
export interface LogObserver {
	/** A frame was missed on the way here, and is read in the store. */
	gap(): void;
	/**
	 * The followed topics were compared with the store.
	 *
	 * @param topics How many they are.
	 * @param behind Frames that the one furthest behind has to read.
	 */
	checked(topics: number, behind: number): void;
	/** The store has answered a publish, or it was given up. @param duration Milliseconds. */
	appended(duration: number, isStored: boolean): void;
}

declare module 'svelte-realtime/kernel' {
	interface Capabilities {
		'replay.log': ReplayLog;
	}
}
