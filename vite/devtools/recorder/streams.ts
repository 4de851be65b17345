import type { ClientKernel } from '../../../kernel/client/index.ts';
import { streamsClient } from '../../../plugins/streams/client.ts';
import type { Follower } from '../../../plugins/streams/follower.ts';
import type { Message } from './socket.ts';

/** A stream that somebody in the page reads. */
export interface StreamRecord {
	/** Counted from 1. */
	readonly number: number;
	readonly path: string;
	readonly args: readonly unknown[];
	/** Value, position, error and the rest, as the readers see them. */
	readonly follower: Follower;
	/** Subscribers, effects and other readers. */
	readonly readers: number;
	/** Events that arrived for its topic while it was followed. */
	readonly events: number;
	/** How the server answered, from the first time to the last 20. */
	readonly answers: readonly Answer[];
}

/** One answer of the server's. */
export interface Answer {
	/** Milliseconds since the Unix epoch. */
	readonly at: number;
	/** A value, what was missed, or what has changed. */
	readonly kind: 'snapshot' | 'recovered' | 'delta';
	/** Events that came with it. */
	readonly events: number;
	/** Why what was missed could not be sent. */
	readonly reset: string | undefined;
}

export interface Streams {
	/** In the order in which they were begun. */
	list(): StreamRecord[];
	/** Reads what arrived. */
	message(message: Message): void;
}

interface Entry extends StreamRecord {
	readers: number;
	events: number;
	readonly answers: Answer[];
}

/** Answers that are remembered. */
const REMEMBERED = 20;

/** Observes the streams of a client. */
export function recordStreams(kernel: ClientKernel): Streams {
	const host = streamsClient(kernel);
	const entries = new Map<Follower, Entry>();
	let count = 0;

	const { acquire } = host;
	host.acquire = (address, store) => {
		const follower = acquire(address, store);
		if (!entries.has(follower)) track(follower);
		return follower;
	};

	function track(follower: Follower): void {
		const { path, args } = follower.address;
		const number = (count += 1);
		const entry: Entry = { number, path, args, follower, readers: 0, events: 0, answers: [] };
		entries.set(follower, entry);
		const { add } = follower;
		follower.add = (listener) => {
			const leave = add(listener);
			let isIn = true;
			entry.readers += 1;
			return () => {
				if (isIn) entry.readers -= 1;
				isIn = false;
				leave();
			};
		};
	}

	return {
		list() {
			for (const follower of entries.keys()) {
				if (host.find(follower.address.key) !== follower) entries.delete(follower);
			}
			return [...entries.values()];
		},
		message({ direction, frames }) {
			if (direction === 'out') return;
			for (const frame of frames) {
				const kind = /^stream:(snapshot|recovered|delta)$/.exec(frame.type)?.[1];
				for (const entry of entries.values()) {
					const { follower, answers } = entry;
					if (frame.type === 'event' && frame['topic'] === follower.topic) entry.events += 1;
					if (!kind || follower.id !== frame['id']) continue;
					const events = (frame['events'] as unknown[] | undefined)?.length ?? 0;
					const reset = frame['reset'] as string | undefined;
					const at = kernel.clock.now();
					answers.push({ at, kind: kind as Answer['kind'], events, reset });
					if (answers.length > REMEMBERED) answers.shift();
				}
			}
		}
	};
}
