/** The publish pipe: one compiled, synchronous lane per topic; a queue only while a frame is deferred. */

import type { Clock } from './clock.ts';
import { SocketConnection, type Connection } from './connection.ts';
import type {
	EncodedValue,
	Position,
	PublishContext,
	PublishedContext,
	TopicClass
} from './contexts.ts';
import { RealtimeError } from './errors.ts';
import type { HookEntry, HookTable } from './hooks.ts';
import type { Limits } from './limits.ts';
import type { OutboundFrame, PublishOptions, PublishResult } from './plugin.ts';
import { encodeEvent } from './protocol.ts';
import { DEFERRED, DROP, isThenable, TAKEN } from './run.ts';
import { isTopic, type TopicClasses } from './topics.ts';
import type { MaybePromise, Transport } from './transport.ts';
import type { ValueCodec } from './values.ts';

/** Topics whose lanes are kept compiled; past it all are compiled anew. */
const LANES = 10_000;
/** Characters of an event name. */
const EVENT = 256;

const OK: PublishResult = { status: 'ok', level: 'local' };
const DROPPED: PublishResult = { status: 'rejected', code: 'DROPPED' };
const INVALID_TOPIC: PublishResult = { status: 'rejected', code: 'INVALID_TOPIC' };
const INVALID_REQUEST: PublishResult = { status: 'rejected', code: 'INVALID_REQUEST' };
const INTERNAL: PublishResult = { status: 'rejected', code: 'INTERNAL_ERROR' };
const QUEUE_FULL: PublishResult = { status: 'rejected', code: 'QUEUE_FULL' };
const TIMEOUT: PublishResult = { status: 'rejected', code: 'TIMEOUT' };

/** What a topic's frames go through, filtered once. */
class Lane {
	readonly class: TopicClass;
	readonly pipe: readonly HookEntry<'publish'>[];
	readonly observers: readonly HookEntry<'published'>[];
	/** The epoch that this instance's followers were told of. */
	epoch: string = '';

	constructor(table: HookTable, topic: string, topicClass: TopicClass) {
		this.class = topicClass;
		this.pipe = table.forTopic('publish', topic, topicClass);
		this.observers = table.forTopic('published', topic, topicClass);
	}
}

class PublishFrame implements PublishContext {
	readonly topic: string;
	readonly event: string;
	readonly class: TopicClass;
	readonly origin: 'local' | 'remote' = 'local';
	readonly except: Connection | undefined;
	data: unknown;
	seq: number = 0;
	epoch: string = '';
	/** What `defer` was given, until the lane goes on. */
	work: Promise<unknown> | undefined = undefined;
	/** What `take` was given. */
	taken: MaybePromise<PublishResult> | undefined = undefined;
	readonly #values: ValueCodec;
	#encoded: EncodedValue | undefined = undefined;

	constructor(
		topic: string,
		event: string,
		data: unknown,
		lane: Lane,
		except: Connection | undefined,
		values: ValueCodec
	) {
		this.topic = topic;
		this.event = event;
		this.class = lane.class;
		this.except = except;
		this.data = data;
		this.#values = values;
	}

	encoded(): EncodedValue {
		return (this.#encoded ??= this.#values.encode(this.data, this.topic));
	}

	defer(work: Promise<unknown>): typeof DEFERRED {
		this.work = work;
		return DEFERRED;
	}

	take(result: MaybePromise<PublishResult>): typeof TAKEN {
		this.taken = result;
		return TAKEN;
	}
}

/** A delivered frame as observers see it. */
class Published implements PublishedContext {
	readonly topic: string;
	readonly event: string;
	readonly class: TopicClass;
	readonly origin: 'local' | 'remote';
	readonly seq: number;
	readonly epoch: string;
	readonly #value: EncodedValue;
	readonly #values: ValueCodec;

	constructor(frame: OutboundFrame, topicClass: TopicClass, values: ValueCodec) {
		this.topic = frame.topic;
		this.event = frame.event;
		this.class = topicClass;
		this.origin = frame.origin;
		this.seq = frame.seq;
		this.epoch = frame.epoch;
		this.#value = frame.value;
		this.#values = values;
	}

	get data(): unknown {
		const { json, devalue } = this.#value;
		return json === undefined ? undefined : this.#values.decode(JSON.parse(json), devalue);
	}
}

export interface PublisherOptions {
	readonly table: HookTable;
	readonly transport: Transport;
	readonly classes: TopicClasses;
	readonly clock: Clock;
	readonly limits: Limits;
	readonly values: ValueCodec;
	readonly report: (plugin: string, error: unknown) => void;
}

export class Publisher {
	readonly #options: PublisherOptions;
	readonly #lanes: Map<string, Lane> = new Map();
	/** Topic → the end of its queue of deferred frames. */
	readonly #queues: Map<string, { tail: Promise<unknown>; length: number }> = new Map();
	#version: number = -1;

	constructor(options: PublisherOptions) {
		this.#options = options;
	}

	publish(
		topic: string,
		event: string,
		data: unknown,
		options?: PublishOptions
	): MaybePromise<PublishResult> {
		const lane = this.#lane(topic);
		if (lane === undefined) return INVALID_TOPIC;
		if (typeof event !== 'string' || event.length === 0 || event.length > EVENT) {
			return INVALID_REQUEST;
		}
		const except = options?.except;
		if (except !== undefined && lane.class === 'logged') return INVALID_REQUEST;
		const frame = new PublishFrame(topic, event, data, lane, except, this.#options.values);
		return this.#run(frame, lane, 0);
	}

	deliver(frame: OutboundFrame): boolean {
		const lane = this.#lane(frame.topic);
		return lane !== undefined && this.#send(frame, lane, undefined);
	}

	/** The topic's lane; undefined where the name is no topic, so a known lane is a checked name. */
	#lane(topic: string): Lane | undefined {
		const { table, classes, limits } = this.#options;
		if (this.#version !== table.version) {
			this.#lanes.clear();
			this.#version = table.version;
		}
		let lane = this.#lanes.get(topic);
		if (lane === undefined) {
			if (!isTopic(topic, limits.topic)) return undefined;
			if (this.#lanes.size >= LANES) this.#lanes.clear();
			lane = new Lane(table, topic, classes.of(topic));
			this.#lanes.set(topic, lane);
		}
		return lane;
	}

	#run(frame: PublishFrame, lane: Lane, from: number): MaybePromise<PublishResult> {
		const { pipe } = lane;
		for (let i = from; i < pipe.length; i += 1) {
			const entry = pipe[i]!;
			try {
				const verdict = entry.handler(frame);
				if (verdict === undefined) continue;
				if (verdict === DROP) return DROPPED;
				if (verdict === TAKEN) return frame.taken ?? OK;
				if (verdict === DEFERRED) {
					return this.#hold(frame, entry.plugin, () => this.#run(frame, lane, i + 1));
				}
				const code = isThenable(verdict) ? 'RT_HOOK_ASYNC' : 'RT_HOOK_VERDICT';
				throw new RealtimeError(code, [entry.plugin, 'publish', String(verdict)]);
			} catch (error) {
				return this.#reject(entry.plugin, error);
			}
		}
		if (this.#queues.size > 0 && this.#queues.has(frame.topic)) {
			return this.#hold(frame, 'kernel', () => this.#deliver(frame, lane));
		}
		return this.#deliver(frame, lane);
	}

	#deliver(frame: PublishFrame, lane: Lane): PublishResult {
		const { topic, event, seq, epoch, origin } = frame;
		try {
			const value = frame.encoded();
			this.#send({ topic, event, value, seq, epoch, origin }, lane, frame.except);
		} catch (error) {
			return this.#reject('kernel', error);
		}
		return seq === 0 ? OK : { status: 'ok', level: 'local', position: { epoch, seq } };
	}

	#send(frame: OutboundFrame, lane: Lane, except: Connection | undefined): boolean {
		const { transport, values, report } = this.#options;
		const { topic, event, value, seq, epoch } = frame;
		const position: Position | undefined = seq === 0 ? undefined : { epoch, seq };
		const text = encodeEvent(topic, event, value, position, lane.epoch !== epoch);
		lane.epoch = epoch;
		const heard =
			(except instanceof SocketConnection ? except.publishToOthers(topic, text) : undefined) ??
			transport.publish(topic, text);
		if (lane.observers.length > 0) {
			const published = new Published(frame, lane.class, values);
			for (const observer of lane.observers) {
				try {
					observer.handler(published);
				} catch (error) {
					report(observer.plugin, error);
				}
			}
		}
		return heard;
	}

	#reject(plugin: string, error: unknown): PublishResult {
		this.#options.report(plugin, error);
		const isValue = error instanceof RealtimeError && error.code === 'RT_VALUE_UNSERIALIZABLE';
		return isValue ? INVALID_REQUEST : INTERNAL;
	}

	/** Runs `resume` after the frame's own work and after every earlier frame of its topic. */
	#hold(
		frame: PublishFrame,
		plugin: string,
		resume: () => MaybePromise<PublishResult>
	): MaybePromise<PublishResult> {
		const { limits } = this.#options;
		const queue = this.#queues.get(frame.topic) ?? { tail: Promise.resolve(), length: 0 };
		if (queue.length >= limits.deferredFrames) return QUEUE_FULL;
		queue.length += 1;
		this.#queues.set(frame.topic, queue);

		const earlier = queue.tail;
		const own = this.#settle(frame, plugin);
		const done = own.then(async (failure) => {
			await earlier;
			return failure ?? resume();
		});
		const tail = done.catch(() => undefined);
		queue.tail = tail;
		return done.finally(() => {
			queue.length -= 1;
			if (queue.tail === tail) this.#queues.delete(frame.topic);
		});
	}

	/** Waits for what a frame was deferred for; the result it is rejected with, if it fails. */
	async #settle(frame: PublishFrame, plugin: string): Promise<PublishResult | undefined> {
		const { clock, limits } = this.#options;
		const { work } = frame;
		frame.work = undefined;
		if (work === undefined) return undefined;
		let cancel: (() => void) | undefined;
		const late = new Promise<PublishResult>((resolve) => {
			cancel = clock.after(limits.deferTimeout, () => {
				const slots = [frame.topic, plugin, limits.deferTimeout];
				this.#options.report(plugin, new RealtimeError('RT_DEFER_TIMEOUT', slots));
				resolve(TIMEOUT);
			});
		});
		try {
			return await Promise.race([work.then(() => undefined), late]);
		} catch (error) {
			return this.#reject(plugin, error);
		} finally {
			cancel?.();
		}
	}
}
