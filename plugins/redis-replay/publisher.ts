/** Sends publishes to the store: those of a topic one after the other, however long one takes. */

import { ReplyError } from 'ioredis';
import { randomId, type Clock } from 'svelte-realtime/kernel';
import type { Link } from 'svelte-realtime/plugins/redis';
import type { TopicKeys } from './keys.ts';
import { append, renew } from './scripts.ts';
import { readLineage } from './lineage.ts';
import { writeLine, type Broadcast, type Stored } from './wire.ts';

/** Frames that travel in one call. */
const BATCH = 64;

/** What became of one publish. */
export type Outcome =
	| { readonly status: 'stored'; readonly epoch: string; readonly seq: number }
	/** It surely did not happen. */
	| { readonly status: 'down' | 'full' }
	/** The store answered that it would not. */
	| { readonly status: 'refused'; readonly error: unknown }
	| { readonly status: 'unknown' };

export interface PublisherOptions {
	readonly link: Link;
	readonly clock: Clock;
	/** Frames that are kept of a topic. */
	readonly size: number;
	/** Seconds that frames are kept after the last one. */
	readonly retention: number;
	/** Publishes of one topic that may wait; more are refused. */
	readonly waiting: number;
	/** Milliseconds for which a publish whose answer was lost is asked about again. */
	readonly retryFor: number;
	keysOf(topic: string): TopicKeys;
	unpublished(): string;
	/** Frames are in the store, in the order of their topic. */
	stored(topic: string, broadcast: Broadcast): void;
}

/** Seconds that the position of a topic is kept after the last frame. */
const REMEMBER = 30 * 24 * 60 * 60;

interface Waiting extends Stored {
	settle(outcome: Outcome): void;
}

interface Lane {
	readonly topic: string;
	readonly keys: TopicKeys;
	readonly waiting: Waiting[];
	isBusy: boolean;
}

export class Publisher {
	readonly #options: PublisherOptions;
	readonly #lanes: Map<string, Lane> = new Map();
	/** Topics of which something was delivered that the store does not have. */
	readonly #holed: Set<string> = new Set();
	readonly #forget: () => void;
	#isClosed: boolean = false;

	constructor(options: PublisherOptions) {
		this.#options = options;
		this.#forget = options.link.onUp(() => {
			for (const topic of this.#holed) this.#begin(this.#lane(topic));
		});
	}

	publish(topic: string, frame: Stored): Promise<Outcome> {
		const lane = this.#lane(topic);
		return new Promise((settle) => {
			if (lane.waiting.length >= this.#options.waiting) return settle({ status: 'full' });
			lane.waiting.push({ ...frame, settle });
			this.#begin(lane);
		});
	}

	/** Once the store is there again, the topic begins anew for all who follow it. */
	markHoled(topic: string): void {
		this.#holed.add(topic);
	}

	close(): void {
		this.#isClosed = true;
		this.#forget();
		for (const { waiting } of this.#lanes.values()) {
			for (const { settle } of waiting.splice(0)) settle({ status: 'down' });
		}
	}

	#lane(topic: string): Lane {
		let lane = this.#lanes.get(topic);
		if (lane === undefined) {
			lane = { topic, keys: this.#options.keysOf(topic), waiting: [], isBusy: false };
			this.#lanes.set(topic, lane);
		}
		return lane;
	}

	/** What is published in one tick travels together. */
	#begin(lane: Lane): void {
		if (lane.isBusy) return;
		lane.isBusy = true;
		queueMicrotask(() => void this.#run(lane));
	}

	async #run(lane: Lane): Promise<void> {
		do {
			const batch = lane.waiting.splice(0, BATCH);
			if (this.#holed.has(lane.topic)) await this.#renew(lane);
			if (batch.length > 0) await this.#send(lane, batch);
		} while (lane.waiting.length > 0);
		lane.isBusy = false;
		this.#lanes.delete(lane.topic);
	}

	async #send({ topic, keys }: Lane, batch: readonly Waiting[]): Promise<void> {
		const { clock, link, size, retention } = this.#options;
		const lines = batch.map(writeLine);
		const deadline = clock.now() + this.#options.retryFor;
		const settle = (outcome: Outcome): void => {
			for (const waiting of batch) waiting.settle(outcome);
		};
		/** It was sent, and what became of it is not known. */
		let isSent = false;
		while (!this.#isClosed) {
			if (!link.isUp && !isSent) return settle({ status: 'down' });
			if (link.isUp) {
				const { run } = link;
				const about = [keys.channel, run, randomId(), this.#options.unpublished()];
				const times = [size, retention, REMEMBER, isSent ? 1 : 0];
				try {
					const answer = await append(
						link.client,
						[keys.meta, keys.log],
						[...about, ...times, ...lines]
					);
					return this.#stored(topic, batch, answer as [string, number[], string]);
				} catch (error) {
					// Not executed, as another server answers than was thought: there will be a connection to it.
					if (isAnswer(error, 'RTRUN') || isAnswer(error, 'READONLY')) link.renew();
					else if (error instanceof ReplyError) return settle({ status: 'refused', error });
					else isSent = true;
				}
			}
			if (clock.now() >= deadline) return settle({ status: isSent ? 'unknown' : 'down' });
			await this.#up(deadline);
		}
		settle({ status: isSent ? 'unknown' : 'down' });
	}

	#stored(
		topic: string,
		batch: readonly Waiting[],
		[epoch, numbers, lineage]: [string, number[], string]
	): void {
		const frames = batch.map((waiting, index) => ({ ...waiting, seq: numbers[index]! }));
		this.#options.stored(topic, { epoch, lineage: readLineage(lineage), frames });
		for (const { settle, seq } of frames) settle({ status: 'stored', epoch, seq });
	}

	async #renew({ topic, keys }: Lane): Promise<void> {
		const { link } = this.#options;
		if (!link.isUp) return;
		try {
			await renew(link.client, [keys.meta], [keys.channel, link.run, randomId(), REMEMBER]);
			this.#holed.delete(topic);
		} catch {
			// It is tried again before the topic's next publish, and when the connection is up again.
		}
	}

	/** Resolves when the connection is up, after a short wait where it is, or at the deadline. */
	#up(deadline: number): Promise<void> {
		const { clock, link } = this.#options;
		return new Promise((resolve) => {
			const wait = Math.max(1, Math.min(link.isUp ? 50 : Infinity, deadline - clock.now()));
			let forget: (() => void) | undefined;
			const done = (): void => {
				cancel();
				forget?.();
				resolve();
			};
			const cancel = clock.after(wait, done);
			if (!link.isUp) forget = link.onUp(done);
		});
	}
}

function isAnswer(error: unknown, code: string): boolean {
	return error instanceof ReplyError && String((error as Error).message).startsWith(code);
}
