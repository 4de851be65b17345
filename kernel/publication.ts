/** One frame on its way through the publish pipe, and as observers see it afterwards. */

import type { Connection } from './connection.ts';
import type { EncodedValue, PublishContext, PublishedContext, TopicClass } from './contexts.ts';
import type { Lane } from './lane.ts';
import type { OutboundFrame, PublishOptions, PublishResult } from './plugin.ts';
import { DEFERRED, TAKEN } from './run.ts';
import type { MaybePromise, Transport } from './transport.ts';
import type { ValueCodec } from './values.ts';

export const OK: PublishResult = { status: 'ok', level: 'local' };

export class PublishFrame implements PublishContext {
	readonly topic: string;
	readonly event: string;
	readonly class: TopicClass;
	readonly origin: 'local' | 'remote' = 'local';
	readonly except: Connection | undefined;
	readonly op: string | undefined;
	readonly id: string | undefined;
	mark: symbol | undefined;
	data: unknown;
	seq: number = 0;
	epoch: string = '';
	/** What `defer` was given, until the lane goes on. */
	work: Promise<unknown> | undefined = undefined;
	/** What `take` was given. */
	taken: MaybePromise<PublishResult> = OK;
	/** The plugin that took it. */
	takenBy: string | undefined = undefined;
	/** Every earlier frame of its topic is through: this one waits for itself only. */
	isFirst: boolean = false;
	readonly #values: ValueCodec;
	#encoded: EncodedValue | undefined = undefined;

	constructor(
		topic: string,
		event: string,
		data: unknown,
		topicClass: TopicClass,
		options: PublishOptions | undefined,
		values: ValueCodec
	) {
		this.topic = topic;
		this.event = event;
		this.class = topicClass;
		this.except = options?.except;
		this.op = options?.op;
		this.id = options?.id;
		this.mark = options?.mark;
		this.data = data;
		this.#values = values;
		this.#encoded = options?.encoded;
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
export class Published implements PublishedContext {
	readonly topic: string;
	readonly event: string;
	readonly class: TopicClass;
	readonly origin: 'local' | 'remote';
	readonly seq: number;
	readonly epoch: string;
	readonly #value: EncodedValue;
	readonly #lane: Lane;
	readonly #transport: Transport;
	readonly #values: ValueCodec;
	#data: { readonly value: unknown } | undefined = undefined;

	constructor(frame: OutboundFrame, lane: Lane, transport: Transport, values: ValueCodec) {
		this.topic = frame.topic;
		this.event = frame.event;
		this.class = lane.class;
		this.origin = frame.origin;
		this.seq = frame.seq;
		this.epoch = frame.epoch;
		this.#value = frame.value;
		this.#lane = lane;
		this.#transport = transport;
		this.#values = values;
	}

	get data(): unknown {
		this.#data ??= { value: this.#values.read(this.#value) };
		return this.#data.value;
	}

	get followers(): number {
		let count = this.#transport.subscribers(this.topic);
		for (const variant of this.#lane.variants?.keys() ?? []) {
			count += this.#transport.subscribers(variant);
		}
		return count;
	}
}
