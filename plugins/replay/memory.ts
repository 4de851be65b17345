/** The log of one process: a ring of frames per topic, under bounds of frames and bytes. */

import { randomId, type Position } from 'svelte-realtime/kernel';
import { sharedReads, SharedTail, type Reads, type SharedReads } from '../shared-tail.ts';
import type { LogEntry, ReplayLog, Tail } from './port.ts';

export interface MemoryLogOptions {
	/** Frames kept per topic. */
	readonly size: number;
	/** Bytes kept per topic. */
	readonly topicBytes: number;
	/** Bytes kept in all; the topics that were used longest ago let go of their frames first. */
	readonly bytes: number;
	/** Topics whose position is remembered; past it those nobody follows begin anew, in a new epoch. */
	readonly topics: number;
}

interface Kept extends LogEntry {
	readonly bytes: number;
}

/** One topic: `entries[start]` is the oldest that is kept. */
interface TopicLog {
	/** Where it stands. */
	head: Position;
	entries: Kept[];
	/** Index of the oldest entry: shifting an array at each append would cost its length. */
	start: number;
	bytes: number;
	followers: number;
}

/** Who follows a topic, and where it stood, or would begin, when they came. */
interface Followed {
	count: number;
	readonly beginning: Position;
	readonly reads: SharedReads;
}

/** Bytes of the objects around an entry's text, roughly. */
const OVERHEAD = 96;

export function memoryLog(options: MemoryLogOptions): ReplayLog {
	const { size, topicBytes, topics: maxTopics } = options;
	// Least recently used first: a Map keeps the order in which keys were set.
	const topics = new Map<string, TopicLog>();
	const followed = new Map<string, Followed>();
	/** Those that hold frames, in the same order: trimming must not walk past the others. */
	const holding = new Set<TopicLog>();
	const instance = randomId();
	let totalBytes = 0;
	/**
	 * The epoch of topics that begin, and of those nobody has published to. It changes when a topic is
	 * forgotten, as nothing else remembers that a topic of this name has been there before.
	 */
	let forgotten = 0;
	let epoch = `${instance}.0`;

	/** Lets go of the oldest frame of a topic. */
	function drop(log: TopicLog): void {
		const entry = log.entries[log.start]!;
		log.entries[log.start] = undefined as never;
		log.start += 1;
		log.bytes -= entry.bytes;
		totalBytes -= entry.bytes;
		if (log.start === log.entries.length) holding.delete(log);
		if (log.start >= 64 && log.start * 2 >= log.entries.length) {
			log.entries = log.entries.slice(log.start);
			log.start = 0;
		}
	}

	function open(topic: string): TopicLog {
		let log = topics.get(topic);
		if (log === undefined) {
			if (topics.size >= maxTopics) forgetOne();
			const following = followed.get(topic);
			log = {
				head: following?.beginning ?? { epoch, seq: 0 },
				entries: [],
				start: 0,
				bytes: 0,
				followers: following?.count ?? 0
			};
		} else {
			topics.delete(topic);
		}
		topics.set(topic, log);
		return log;
	}

	/** Forgets the topic that was used longest ago and that nobody follows. */
	function forgetOne(): void {
		for (const [topic, log] of topics) {
			if (log.followers > 0) continue;
			while (log.start < log.entries.length) drop(log);
			topics.delete(topic);
			epoch = `${instance}.${(forgotten += 1).toString(36)}`;
			return;
		}
	}

	function head(topic: string): Position {
		const known = topics.get(topic)?.head ?? followed.get(topic)?.beginning;
		return known ?? { epoch, seq: 0 };
	}

	function trim(log: TopicLog): void {
		while (log.entries.length - log.start > size || log.bytes > topicBytes) drop(log);
		if (totalBytes <= options.bytes) return;
		for (const oldest of holding) {
			while (oldest.start < oldest.entries.length && totalBytes > options.bytes) drop(oldest);
			if (totalBytes <= options.bytes) return;
		}
	}

	function since(topic: string, position: Position): readonly LogEntry[] | 'epoch' | 'truncated' {
		const now = head(topic);
		if (position.epoch !== now.epoch || position.seq > now.seq) return 'epoch';
		const log = topics.get(topic);
		if (log === undefined) return [];
		const missing = log.head.seq - position.seq;
		const kept = log.entries.length - log.start;
		if (missing > kept) return 'truncated';
		return log.entries.slice(log.entries.length - missing);
	}

	/** The first follower of a topic has come. */
	function begin(topic: string): Followed {
		const reads: Reads = {
			head: () => head(topic),
			since: (position) => since(topic, position),
			last(count) {
				const current = topics.get(topic);
				const kept = current?.entries.slice(current.start) ?? [];
				return kept.slice(Math.max(kept.length - count, 0));
			}
		};
		const end = (): void => {
			following.count -= 1;
			if (following.count === 0) followed.delete(topic);
			const current = topics.get(topic);
			if (current) current.followers = following.count;
		};
		const following: Followed = {
			count: 0,
			beginning: head(topic),
			reads: sharedReads(reads, end)
		};
		followed.set(topic, following);
		return following;
	}

	return {
		append(topic, event, value, op) {
			const log = open(topic);
			const bytes = OVERHEAD + event.length + Buffer.byteLength(value.json ?? '');
			log.head = { epoch: log.head.epoch, seq: log.head.seq + 1 };
			log.entries.push({ seq: log.head.seq, event, value, op, bytes });
			log.bytes += bytes;
			totalBytes += bytes;
			holding.delete(log);
			holding.add(log);
			trim(log);
			return log.head;
		},

		follow(topic): Tail {
			const following = followed.get(topic) ?? begin(topic);
			following.count += 1;
			const log = topics.get(topic);
			if (log) log.followers = following.count;
			return new SharedTail(following.reads);
		},

		range: since
	};
}
