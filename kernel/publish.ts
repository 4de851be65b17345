/** The publish pipe: one compiled, synchronous lane per topic; a queue only while a frame is deferred. */

import type { Clock } from './clock.ts';
import { SocketConnection, type Connection } from './connection.ts';
import type { EncodedValue, Position } from './contexts.ts';
import { RealtimeError } from './errors.ts';
import type { HookTable } from './hooks.ts';
import { Lane } from './lane.ts';
import type { Limits } from './limits.ts';
import type { OutboundFrame, PublishOptions, PublishResult } from './plugin.ts';
import { encodeEvent } from './protocol.ts';
import { OK, Published, PublishFrame } from './publication.ts';
import { DEFERRED, DROP, isThenable, TAKEN } from './run.ts';
import { isTopic, type TopicClasses } from './topics.ts';
import type { MaybePromise, Transport } from './transport.ts';
import type { ValueCodec } from './values.ts';
import { Variants, type Variant } from './variants.ts';

/** Topics whose lanes are kept compiled; past it all are compiled anew. */
const LANES = 10_000;
/** Characters of an event name. */
const EVENT = 256;

const DROPPED: PublishResult = { status: 'rejected', code: 'DROPPED' };
const INVALID_TOPIC: PublishResult = { status: 'rejected', code: 'INVALID_TOPIC' };
const INVALID_REQUEST: PublishResult = { status: 'rejected', code: 'INVALID_REQUEST' };
const INTERNAL: PublishResult = { status: 'rejected', code: 'INTERNAL_ERROR' };
const QUEUE_FULL: PublishResult = { status: 'rejected', code: 'QUEUE_FULL' };
const TIMEOUT: PublishResult = { status: 'rejected', code: 'TIMEOUT' };

/** The frames of one topic that wait, in the order of publishing. */
interface Queue {
	tail: Promise<unknown>;
	length: number;
	readonly lane: Lane;
	/** Index of the handler that the last frame stands in front of: none behind it gets further. */
	reached: number;
}

export interface PublisherOptions {
	readonly table: HookTable;
	readonly transport: Transport;
	readonly classes: TopicClasses;
	readonly clock: Clock;
	readonly limits: Limits;
	readonly values: ValueCodec;
	readonly report: (plugin: string, error: unknown) => void;
	readonly limited: (limit: keyof Limits) => void;
}

export class Publisher {
	readonly #options: PublisherOptions;
	readonly #lanes: Map<string, Lane> = new Map();
	readonly #variants: Variants = new Variants();
	/** Topics with a deferred frame. */
	readonly #queues: Map<string, Queue> = new Map();
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
		if (lane === undefined) {
			this.#options.limited('topic');
			return INVALID_TOPIC;
		}
		if (typeof event !== 'string' || event.length === 0 || event.length > EVENT) {
			return INVALID_REQUEST;
		}
		if (options?.except !== undefined && lane.class === 'logged') return INVALID_REQUEST;
		// Before any handler: a log must not number what is then rejected.
		if (this.#queues.size > 0 && this.#isFull(topic)) return QUEUE_FULL;
		const frame = new PublishFrame(topic, event, data, lane.class, options, this.#options.values);
		return this.#run(frame, lane, 0);
	}

	deliver(frame: OutboundFrame): boolean {
		const lane = this.#lane(frame.topic);
		return lane !== undefined && this.#send(frame, lane, undefined);
	}

	/** Sends a topic's frames as a variant too, from now on; to be called for each connection that follows it. */
	addVariant(topic: string, variant: Variant): void {
		this.#variants.add(topic, variant);
		this.#refresh(topic);
	}

	/** A connection follows it no longer. */
	removeVariant(topic: string, name: string): void {
		this.#variants.remove(topic, name);
		this.#refresh(topic);
	}

	#refresh(topic: string): void {
		const lane = this.#lanes.get(topic);
		if (lane) lane.variants = this.#variants.of(topic);
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
			lane = new Lane(table, topic, classes.of(topic), this.#variants.of(topic));
			this.#lanes.set(topic, lane);
		}
		return lane;
	}

	#run(frame: PublishFrame, lane: Lane, from: number): MaybePromise<PublishResult> {
		const { pipe } = lane;
		const queue =
			this.#queues.size > 0 && !frame.isFirst ? this.#queues.get(frame.topic) : undefined;
		const end = queue === undefined ? pipe.length : queue.lane === lane ? queue.reached : 0;
		for (let i = from; i < end; i += 1) {
			const entry = pipe[i]!;
			try {
				const verdict = entry.handler(frame);
				if (verdict === undefined) continue;
				if (verdict === DROP) return DROPPED;
				if (verdict === TAKEN) {
					frame.takenBy = entry.plugin;
					// A held frame is waited for by those behind it, and they need not wait for its taker.
					return frame.isFirst ? OK : this.#taken(frame);
				}
				if (verdict === DEFERRED) return this.#hold(frame, entry.plugin, lane, i + 1);
				if (isThenable(verdict)) throw asynchronous(entry.plugin, 'publish', verdict);
				throw new RealtimeError('RT_HOOK_VERDICT', [entry.plugin, 'publish', String(verdict)]);
			} catch (error) {
				return this.#reject(entry.plugin, error);
			}
		}
		return queue === undefined
			? this.#deliver(frame, lane)
			: this.#hold(frame, 'kernel', lane, end);
	}

	#taken({ taken, takenBy }: PublishFrame): MaybePromise<PublishResult> {
		if (!isThenable(taken)) return taken;
		return Promise.resolve(taken).catch((error: unknown) => this.#reject(takenBy!, error));
	}

	#deliver(frame: PublishFrame, lane: Lane): PublishResult {
		const { topic, event, seq, epoch, origin, op } = frame;
		try {
			const value = frame.encoded();
			this.#send({ topic, event, value, seq, epoch, origin, op }, lane, frame.except);
		} catch (error) {
			return this.#reject('kernel', error);
		}
		return seq === 0 ? OK : { status: 'ok', level: 'local', position: { epoch, seq } };
	}

	#send(frame: OutboundFrame, lane: Lane, except: Connection | undefined): boolean {
		const { transport, values, report } = this.#options;
		const { topic, event, value, seq, epoch } = frame;
		const position: Position | undefined = seq === 0 ? undefined : { epoch, seq };
		const withEpoch = lane.epoch !== epoch;
		const text = encodeEvent(topic, event, value, position, withEpoch, frame.op);
		lane.epoch = epoch;
		let heard = sendTo(transport, topic, text, except);
		if (lane.variants !== undefined) {
			for (const { variant } of lane.variants.values()) {
				const own = variant.topic;
				const send = (changed: EncodedValue | undefined): boolean => {
					if (changed === undefined) return false;
					const other = encodeEvent(own, event, changed, position, withEpoch, frame.op);
					return sendTo(transport, own, other, except);
				};
				const changed = variant.change(frame);
				// What is waited for is heard by somebody, or else there was no such variant.
				heard = (isThenable(changed) ? (void changed.then(send), true) : send(changed)) || heard;
			}
		}
		if (lane.observers.length > 0) {
			const published = new Published(frame, lane, transport, values);
			for (const observer of lane.observers) {
				try {
					const result: unknown = observer.handler(published);
					if (isThenable(result)) throw asynchronous(observer.plugin, 'published', result);
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

	#isFull(topic: string): boolean {
		const { limits, limited } = this.#options;
		if ((this.#queues.get(topic)?.length ?? 0) < limits.deferredFrames) return false;
		limited('deferredFrames');
		return true;
	}

	/** Goes on at handler `next` after the frame's own work and after every earlier frame of its topic. */
	#hold(
		frame: PublishFrame,
		plugin: string,
		lane: Lane,
		next: number
	): MaybePromise<PublishResult> {
		const own = this.#settle(frame, plugin);
		// The first one is deferred again: it keeps its place, and the others wait behind it anyway.
		if (frame.isFirst) return own.then((failure) => failure ?? this.#run(frame, lane, next));

		const queue = this.#queues.get(frame.topic) ?? {
			tail: Promise.resolve(),
			length: 0,
			lane,
			reached: next
		};
		queue.length += 1;
		// In a lane of other handlers a place of this one means nothing: there all wait at the beginning.
		queue.reached = queue.lane === lane ? next : 0;
		this.#queues.set(frame.topic, queue);

		const earlier = queue.tail;
		const done = own.then(async (failure) => {
			await earlier;
			frame.isFirst = true;
			return failure ?? this.#run(frame, lane, next);
		});
		queue.tail = done;
		return done
			.finally(() => {
				queue.length -= 1;
				if (queue.tail === done) this.#queues.delete(frame.topic);
			})
			.then((result) => (frame.takenBy === undefined ? result : this.#taken(frame)));
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
				this.#options.limited('deferTimeout');
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

/** Sends to everyone who follows a native topic, but for `except`. */
function sendTo(
	transport: Transport,
	topic: string,
	text: string,
	except: Connection | undefined
): boolean {
	return (
		(except instanceof SocketConnection ? except.publishToOthers(topic, text) : undefined) ??
		transport.publish(topic, text)
	);
}

/** The error of a handler that must be synchronous. What its promise rejects with is part of it. */
function asynchronous(plugin: string, hook: string, promise: PromiseLike<unknown>): RealtimeError {
	promise.then(undefined, () => {});
	return new RealtimeError('RT_HOOK_ASYNC', [plugin, hook]);
}
