/** `replay.log` of the supervisor: one order for all workers. */

import type { Clock, EncodedValue, OutboundFrame, Position } from 'svelte-realtime/kernel';
import type { LogEntry, ReplayLog, Tail } from 'svelte-realtime/plugins/replay';
import { readFrame, TAB, writeFrame } from '../frame-text.ts';
import { followedBy, type FollowedTopic } from '../log-followers.ts';
import { Frames } from '../log-tail.ts';
import type { Channel } from './link.ts';

export interface WorkersLogOptions {
	readonly channel: Channel;
	readonly clock: Clock;
	/** Frames that this worker holds of a topic. */
	readonly size: number;
	/** Bytes that it holds of a topic. */
	readonly topicBytes: number;
	/** Milliseconds that a topic is followed on after its last follower has left. */
	readonly linger: number;
	deliver(frame: OutboundFrame): void;
}

/** Publishes whose answers may be waited for at a time. */
const WAITING = 10_000;

/** Frames as the supervisor sends several at once. */
type Lines = readonly string[];

interface Published {
	readonly topic: string;
	readonly event: string;
	readonly value: EncodedValue;
	readonly op: string | undefined;
	settle(position: Position): void;
}

interface Topic extends FollowedTopic {
	epoch: string;
	seq: number;
	readonly frames: Frames;
}

/**
 * Lines of a worker: `P`, id, topic, name, frame. Lines of the supervisor: `A`, id, epoch, seq for who
 * has published it, and `F`, topic, epoch, seq, frame for everyone else who follows the topic; `D`,
 * id, epoch, seq where the name of the publish has been there before. All of them come in the order
 * of the log, so that nothing has to be put right here.
 */
export function workersLog(options: WorkersLogOptions): ReplayLog {
	const { channel, clock, size, topicBytes, deliver } = options;
	const topics = new Map<string, Topic>();
	const waiting = new Map<string, Published>();
	let published = 0;

	/** The next frame of a topic: held first, for who reads the tail when it is delivered. */
	function accept(frame: OutboundFrame): void {
		const { topic, epoch, seq, event, value, op } = frame;
		const followed = topics.get(topic);
		if (followed !== undefined) {
			followed.epoch = epoch;
			followed.seq = seq;
			followed.frames.push({ seq, event, value, op });
		}
		deliver(frame);
	}

	channel.onLine('F', (line) => {
		const [, topic, epoch, seq, about, json] = line.split(TAB);
		const frame = readFrame(about, json);
		accept({ ...frame, topic: topic!, epoch: epoch!, seq: Number(seq), origin: 'remote' });
	});
	channel.onLine('A', (line) => {
		const [, id, epoch, number] = line.split(TAB);
		const own = waiting.get(id!);
		if (own === undefined) return;
		waiting.delete(id!);
		const { topic, event, value, op, settle } = own;
		const position = { epoch: epoch!, seq: Number(number) };
		accept({ topic, event, value, op, ...position, origin: 'local' });
		settle(position);
	});

	/** It has been there before: everybody who follows the topic has it. */
	channel.onLine('D', (line) => {
		const [, id, epoch, seq] = line.split(TAB);
		waiting.get(id!)?.settle({ epoch: epoch!, seq: Number(seq) });
		waiting.delete(id!);
	});

	function send(
		{ topic, event, value, op }: Omit<Published, 'settle'>,
		name: string | undefined
	): Promise<Position> {
		return new Promise((settle) => {
			const id = (published += 1).toString(36);
			waiting.set(id, { topic, event, value, op, settle });
			const named = encodeURIComponent(name ?? '');
			channel.write(['P', id, topic, named, writeFrame({ event, value, op })].join(TAB));
		});
	}

	function open(topic: string): Topic {
		const ready = new Promise<void>((resolve) => {
			channel.ask(
				(answer) => {
					// In this step: the frames that come after the answer are the next ones.
					const [epoch, seq, lines] = answer as [string, number, Lines];
					for (const entry of entriesOf(lines, seq)) followed.frames.push(entry);
					followed.epoch = epoch;
					followed.seq = seq;
					resolve();
				},
				['log', 'follow', topic]
			);
		});
		const frames = new Frames(size, topicBytes);
		const followed: Topic = {
			...{ epoch: '', seq: 0, frames, ready, followers: 0 },
			cancelEnd: undefined
		};
		topics.set(topic, followed);
		return followed;
	}

	function end(topic: string): void {
		topics.delete(topic);
		channel.tell('log', 'unfollow', topic);
	}

	return {
		append: (topic, event, value, op) => send({ topic, event, value, op }, undefined),

		publish(topic, event, value, op, id) {
			if (waiting.size >= WAITING) return { status: 'rejected', code: 'QUEUE_FULL' };
			return send({ topic, event, value, op }, id).then((position) => {
				return { status: 'ok', level: 'store', position };
			});
		},

		follow(topic) {
			const followed = topics.get(topic) ?? open(topic);
			const reads: Omit<Tail, 'close'> = {
				head: () => ({ epoch: followed.epoch, seq: followed.seq }),
				since(position) {
					if (position.epoch !== followed.epoch || position.seq > followed.seq) return 'epoch';
					const missing = followed.seq - position.seq;
					return missing > followed.frames.length ? 'truncated' : followed.frames.last(missing);
				},
				last: (count) => followed.frames.last(count)
			};
			return followedBy(followed, reads, {
				clock,
				linger: options.linger,
				end: () => end(topic)
			});
		},

		async range(topic, since) {
			const answer = await channel.call<[number, Lines] | 'epoch' | 'truncated'>(
				...(['log', 'range', topic, since] as const)
			);
			return typeof answer === 'string' ? answer : entriesOf(answer[1], answer[0]);
		}
	};
}

/** Frames that follow on one another, by the number of the last. */
function entriesOf(lines: Lines, last: number): LogEntry[] {
	return lines.map((line, index) => {
		const [about, json] = line.split(TAB);
		return { seq: last - lines.length + 1 + index, ...readFrame(about, json) };
	});
}
