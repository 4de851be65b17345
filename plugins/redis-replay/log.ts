/** `replay.log` in Redis: each frame numbered, kept and broadcast in one step. */

import {
	randomId,
	type Clock,
	type EncodedValue,
	type OutboundFrame,
	type Position,
	type PublishResult
} from 'svelte-realtime/kernel';
import type { RedisBackend, Subscriptions } from 'svelte-realtime/plugins/redis';
import type { ReplayLog, Tail } from 'svelte-realtime/plugins/replay';
import { Followed, type Snapshot } from './followed.ts';
import { keysOf } from './keys.ts';
import { isContinued, readLineage } from './lineage.ts';
import { Publisher, type Outcome } from './publisher.ts';
import { read } from './scripts.ts';
import { readBroadcast, readLine, type Numbered } from './wire.ts';

export interface RedisLogOptions {
	readonly redis: RedisBackend;
	readonly clock: Clock;
	readonly instance: string;
	/** Frames kept of a topic. */
	readonly size: number;
	/** Bytes held of a topic on this instance. */
	readonly topicBytes: number;
	/** Milliseconds that frames are kept after the last one. */
	readonly retention: number;
	/** Milliseconds that a topic is followed on after its last follower has left. */
	readonly linger: number;
	/** Milliseconds for which a publish whose answer was lost is asked about again. */
	readonly retryFor: number;
	/** What becomes of a publish while Redis is down. */
	readonly outage: 'local' | 'reject';
	deliver(frame: OutboundFrame): void;
	report(error: unknown): void;
}

/** Publishes of one topic that may wait. */
const WAITING = 1024;

export interface RedisLog extends Required<ReplayLog> {
	/** Resolves when its connections have been tried. */
	readonly tried: Promise<unknown>;
	close(): void;
}

interface Entry {
	readonly followed: Followed;
	readonly channel: string;
	/** Resolves when the channel is subscribed to and the topic is up to date. */
	readonly ready: Promise<void>;
	followers: number;
	cancelEnd: (() => void) | undefined;
}

export function redisLog(options: RedisLogOptions): RedisLog {
	const { redis, clock, instance, size, topicBytes, report } = options;
	const { prefix, commands } = redis;
	const topics = new Map<string, Entry>();
	const channels = new Map<string, Followed>();
	/** Names this store: with its data it loses the name. */
	let store = randomId();
	let published = 0;

	const keys = (topic: string): ReturnType<typeof keysOf> => keysOf(prefix, topic);
	const unpublished = (): string => `~${store}`;

	async function readStore(): Promise<void> {
		const fresh = randomId();
		const kept = await commands.client.set(`${prefix}store`, fresh, 'NX', 'GET');
		store = kept ?? fresh;
	}

	async function readTopic(topic: string, after: number, latest: number): Promise<Snapshot> {
		const { meta, log } = keys(topic);
		const answer = await read(commands.client, [meta, log], [after, latest]);
		const [epoch, seq, lineage, lines] = answer as [string, number, string, string[]];
		return {
			head: epoch === '' ? undefined : { epoch, seq },
			lineage: readLineage(lineage),
			frames: lines.map(readLine)
		};
	}

	function deliver(topic: string, epoch: string, { id, seq, event, value, op }: Numbered): void {
		const origin = id.startsWith(`${instance}.`) ? 'local' : 'remote';
		options.deliver({ topic, event, value, seq, epoch, origin, op });
	}

	const [toHear, toSay] = [redis.connect('subscribe'), redis.connect('publish')];
	const subscriptions: Subscriptions = redis.subscribe({
		link: toHear,
		receive(channel, message) {
			const followed = channels.get(channel);
			if (followed === undefined) return;
			followed.receive(readBroadcast(message));
		},
		resumed: () => catchUpAll()
	});

	function catchUpAll(): void {
		for (const { followed } of topics.values()) followed.catchUp().catch(report);
	}

	const publisher = new Publisher({
		link: toSay,
		clock,
		size,
		retention: Math.ceil(options.retention / 1000),
		waiting: WAITING,
		retryFor: options.retryFor,
		keysOf: keys,
		unpublished,
		stored(topic, broadcast) {
			const entry = topics.get(topic);
			if (entry) return entry.followed.receive(broadcast);
			// Nobody here follows it; observers are told of what happens on this instance all the same.
			for (const frame of broadcast.frames) deliver(topic, broadcast.epoch, frame);
		}
	});

	function open(topic: string): Entry {
		const existing = topics.get(topic);
		if (existing) return existing;
		const { channel } = keys(topic);
		const followed = new Followed({
			size,
			bytes: topicBytes,
			hold: 1024,
			unpublished,
			read: (after, latest) => readTopic(topic, after, latest),
			deliver: (epoch, frame) => deliver(topic, epoch, frame),
			report
		});
		channels.set(channel, followed);
		// While the store is down a topic is followed from nowhere; what it comes back with is new to all.
		const ready = subscriptions
			.add(channel)
			.then(() => (commands.isUp ? followed.catchUp() : undefined))
			.catch(report);
		const entry: Entry = { followed, channel, ready, followers: 0, cancelEnd: undefined };
		topics.set(topic, entry);
		return entry;
	}

	function end(topic: string, entry: Entry): void {
		topics.delete(topic);
		channels.delete(entry.channel);
		subscriptions.remove(entry.channel);
	}

	const forget = commands.onUp(() => void readStore().then(catchUpAll, report));

	/** A quiet topic whose last frame was lost shows no gap: it is looked at from time to time. */
	async function check(): Promise<void> {
		if (!commands.isUp || topics.size === 0) return;
		await readStore();
		const all = [...topics];
		const answers = await commands.client
			.pipeline(all.map(([topic]) => ['hmget', keys(topic).meta, 'e', 's']))
			.exec();
		for (const [index, [, { followed }]] of all.entries()) {
			const [error, at] = answers![index] as [Error | null, [string | null, string | null]];
			if (error) report(error);
			else if (followed.differs(at[0] === null ? undefined : { epoch: at[0], seq: Number(at[1]) }))
				followed.catchUp().catch(report);
		}
	}
	const cancelCheck = clock.every(15_000, () => void check().catch(report));

	/** Under this name it is stored once, however often it is sent. */
	const newId = (): string => `${instance}.${(published += 1)}`;

	return {
		tried: Promise.all([toHear.tried, toSay.tried]),

		async append(topic, event, value, op) {
			const outcome = await publisher.publish(topic, { id: newId(), event, value, op });
			if (outcome.status !== 'stored') throw failure(outcome);
			const { epoch, seq } = outcome;
			return { epoch, seq };
		},

		async publish(topic, event, value, op): Promise<PublishResult> {
			const id = newId();
			const outcome = await publisher.publish(topic, { id, event, value, op });
			switch (outcome.status) {
				case 'stored': {
					const { epoch, seq } = outcome;
					return { status: 'ok', level: 'store', position: { epoch, seq } };
				}
				case 'full':
					return { status: 'rejected', code: 'QUEUE_FULL' };
				case 'unknown':
					return { status: 'unknown', id };
				case 'refused':
					report(outcome.error);
			}
			if (options.outage === 'reject') return { status: 'rejected', code: 'SERVICE_UNAVAILABLE' };
			publisher.markHoled(topic);
			options.deliver({ topic, event, value, seq: 0, epoch: '', origin: 'local', op });
			return { status: 'ok', level: 'local' };
		},

		async follow(topic): Promise<Tail> {
			const entry = open(topic);
			entry.followers += 1;
			entry.cancelEnd?.();
			entry.cancelEnd = undefined;
			await entry.ready;
			let isOpen = true;
			return {
				head: () => entry.followed.head,
				since: (position) => entry.followed.since(position),
				last: (count) => entry.followed.last(count),
				close() {
					if (!isOpen) return;
					isOpen = false;
					entry.followers -= 1;
					if (entry.followers > 0) return;
					entry.cancelEnd = clock.after(options.linger, () => end(topic, entry));
				}
			};
		},

		async range(topic, since) {
			const { head, lineage, frames } = await readTopic(topic, since.seq, 0);
			const now = head ?? { epoch: unpublished(), seq: 0 };
			return between(since, now, isContinued(lineage, since), frames, size);
		},

		close() {
			forget();
			cancelCheck();
			publisher.close();
			for (const { cancelEnd } of topics.values()) cancelEnd?.();
		}
	};
}

/** What of a topic's frames comes after a position, or why that cannot be said. */
function between(
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

function failure(outcome: Outcome): Error {
	return 'error' in outcome ? (outcome.error as Error) : new Error(`It is ${outcome.status}.`);
}
