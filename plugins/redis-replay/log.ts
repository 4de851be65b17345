/** `replay.log` in Redis: each frame numbered, kept and broadcast in one step. */

import {
	isLiveError,
	type Clock,
	type EncodedValue,
	type OutboundFrame,
	type Position,
	type PublishResult
} from 'svelte-realtime/kernel';
import type { RedisBackend, Subscriptions } from 'svelte-realtime/plugins/redis';
import type { ReplayLog } from 'svelte-realtime/plugins/replay';
import { PublishIds } from '../log-ids.ts';
import { Followed } from '../log-followed.ts';
import { followedBy, readsOf, type FollowedTopic } from '../log-followers.ts';
import { createLogObservers } from '../log-observers.ts';
import { between } from '../log-range.ts';
import { readBroadcast, type Numbered } from '../log-line.ts';
import { isContinued } from '../log-lineage.ts';
import { keysOf, storeKeys } from './keys.ts';
import type { Outcome } from './lane.ts';
import { Publisher } from './publisher.ts';
import { createReader } from './reader.ts';
import { Store } from './store.ts';

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
	readonly outage: 'local' | 'reject' | 'outbox';
	/** Bytes that wait in the outbox, and milliseconds that each may. */
	readonly outbox: { readonly bytes: number; readonly age: number };
	/** Milliseconds between two looks at the topics that are followed. */
	readonly check: number;
	deliver(frame: OutboundFrame): void;
	report(error: unknown): void;
}

/** Publishes of one topic that may wait. */
const WAITING = 1024;

export interface RedisLog extends Required<ReplayLog> {
	/** Resolves when its connections have been tried. */
	readonly tried: Promise<unknown>;
	close(): Promise<void>;
}

interface Entry extends FollowedTopic {
	readonly followed: Followed;
	readonly channel: string;
}

export function redisLog(options: RedisLogOptions): RedisLog {
	const { redis, clock, instance, size, topicBytes, report } = options;
	const { prefix, commands } = redis;
	const topics = new Map<string, Entry>();
	const channels = new Map<string, Followed>();
	const observers = createLogObservers();
	/** Under its name a publish is stored once, however often it is sent. */
	const ids = new PublishIds(instance);

	const keys = (topic: string): ReturnType<typeof keysOf> => keysOf(prefix, topic);
	let isClosed = false;
	/** Redis does not serve: that is said once, by the backend. */
	const fault = (error: unknown): void => {
		if (!isLiveError(error) || error.code !== 'SERVICE_UNAVAILABLE') report(error);
	};
	const store = new Store({
		redis,
		instance,
		keys: storeKeys(prefix),
		silence: 3 * options.check,
		changed: () => catchUpAll()
	});
	const unpublished = (): string => store.unpublished;
	const renewal = (): string => store.renewal;
	const reader = createReader({ redis, keysOf: keys, renewal, report });

	function deliver(topic: string, epoch: string, { id, seq, event, value, op }: Numbered): void {
		const origin = ids.originOf(id);
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
		// Live again is what has caught up.
		resumed: () => resync()
	});

	async function resync(): Promise<void> {
		await Promise.all([...topics.values()].map(({ followed }) => followed.catchUp()));
	}

	function catchUpAll(): void {
		resync().catch(fault);
	}

	const publisher = new Publisher({
		link: toSay,
		clock,
		broadcast: redis.broadcast,
		size,
		retention: options.retention,
		waiting: WAITING,
		retryFor: options.retryFor,
		outbox: options.outage === 'outbox' ? options.outbox : undefined,
		run: (work) => redis.run('publish', work, toSay),
		keysOf: keys,
		unpublished,
		renewal,
		renewAll: () => store.look(true),
		known: (topic) => topics.get(topic)?.followed.head.seq ?? 0,
		report,
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
			read: (after, latest) => reader.read(topic, after, latest),
			deliver: (epoch, frame) => deliver(topic, epoch, frame),
			gap: observers.gap,
			begun: () => observers.begun(topic),
			report: fault
		});
		channels.set(channel, followed);
		// While the store is down a topic is followed from nowhere; what it comes back with is new to all.
		const settle = (): Promise<void> | undefined =>
			commands.isUp ? followed.catchUp() : undefined;
		// A server that was busy for longer than a command may take has not read the answer in time.
		const ready = subscriptions.add(channel).then(settle).catch(settle).catch(fault);
		const entry: Entry = { followed, channel, ready, followers: 0, cancelEnd: undefined };
		topics.set(topic, entry);
		return entry;
	}

	function end(topic: string, entry: Entry): void {
		topics.delete(topic);
		channels.delete(entry.channel);
		subscriptions.remove(entry.channel);
	}

	const forget = commands.onUp(() => {
		// Where it cannot be looked at as a whole, its topics are read all the same.
		void store.look().catch(fault).then(catchUpAll);
	});
	const forgetToo = commands.onDown(() => store.lost());

	/** A quiet topic whose last frame was lost shows no gap: it is looked at from time to time. */
	async function check(): Promise<void> {
		if (!commands.isUp) return;
		await store.look().catch(fault);
		publisher.heal();
		const all = [...topics];
		const heads = await reader.heads(all.map(([topic]) => topic));
		let behind = 0;
		for (const [index, [, { followed }]] of all.entries()) {
			const head = heads[index];
			if (head === null) continue;
			behind = Math.max(behind, followed.behind(head));
			if (followed.differs(head)) followed.catchUp().catch(fault);
		}
		observers.checked(all.length, behind);
	}
	const cancelCheck = clock.every(options.check, () => void check().catch(fault));

	/** Sends it to the store; where somebody counts, with the time that it takes. */
	async function send(topic: string, frame: Parameters<Publisher['publish']>[1]): Promise<Outcome> {
		const begun = clock.now();
		const outcome = await publisher.publish(topic, frame);
		observers.appended(clock.now() - begun, outcome.status === 'stored');
		return outcome;
	}
	const toStore: Publisher['publish'] = (topic, frame) =>
		observers.isEmpty ? publisher.publish(topic, frame) : send(topic, frame);

	return {
		observe: observers.observe,
		onBegun: observers.onBegun,
		tried: Promise.all([toHear.tried, toSay.tried]),

		async append(topic, event, value, op) {
			const outcome = await toStore(topic, { id: ids.next(), event, value, op });
			if (outcome.status !== 'stored') throw failure(outcome);
			const { epoch, seq } = outcome;
			return { epoch, seq };
		},

		async publish(topic, event, value, op, given): Promise<PublishResult> {
			const id = ids.next(given);
			const isGiven = given !== undefined;
			const outcome = await toStore(topic, { id, event, value, op, isGiven });
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
			if (options.outage !== 'local' || isClosed) {
				return { status: 'rejected', code: 'SERVICE_UNAVAILABLE' };
			}
			publisher.markHoled(topic);
			options.deliver({ topic, event, value, seq: 0, epoch: '', origin: 'local', op });
			return { status: 'ok', level: 'local' };
		},

		follow(topic) {
			const entry = open(topic);
			const { linger } = options;
			return followedBy(entry, readsOf(entry.followed), {
				clock,
				linger,
				end: () => end(topic, entry)
			});
		},

		async range(topic, since) {
			const { head, lineage, frames } = await reader.read(topic, since.seq, 0);
			const now = head ?? { epoch: unpublished(), seq: 0 };
			return between(since, now, isContinued(lineage, since), frames, size);
		},

		async close() {
			isClosed = true;
			cancelCheck();
			const isWhole = await publisher.close();
			forget();
			forgetToo();
			for (const { cancelEnd } of topics.values()) cancelEnd?.();
			// What the others do not have is theirs to find out: as long as it is not said, they look for it.
			if (isWhole && commands.isUp) await store.leave().catch(fault);
		}
	};
}

function failure(outcome: Outcome): Error {
	return 'error' in outcome ? (outcome.error as Error) : new Error(`It is ${outcome.status}.`);
}
