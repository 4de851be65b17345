/** Sends publishes to the store: those of a topic one after the other, however long one takes. */

import type { Clock } from 'svelte-realtime/kernel';
import { writeLine, type Broadcast, type Stored } from '../log-line.ts';
import type { Answer } from './answer.ts';
import { Appends, BATCH, type AppendsOptions } from './appends.ts';
import { failureOf } from './failure.ts';
import { Holes } from './holes.ts';
import type { TopicKeys } from './keys.ts';
import type { Lane, Outcome, Waiting } from './lane.ts';
import { renew, SEARCH, TOUCH } from './scripts.ts';
import { Touched } from './touched.ts';
import { PAUSE, untilUp } from './until-up.ts';

/** Milliseconds that what is under way has to arrive when the instance goes. */
const FAREWELL = 1000;
/** Bytes of the objects around a line, roughly. */
const OVERHEAD = 200;

export interface PublisherOptions extends AppendsOptions {
	readonly clock: Clock;
	/** Publishes of one topic that may wait for those before them; more are refused. */
	readonly waiting: number;
	/** Milliseconds for which a publish whose answer was lost is asked about again. */
	readonly retryFor: number;
	/** Where publishes wait for the store to come back; undefined = they do not. */
	readonly outbox: { readonly bytes: number; readonly age: number } | undefined;
	keysOf(topic: string): TopicKeys;
	/** Renews everything. */
	renewAll(): Promise<void>;
	/** The number of a followed topic's latest frame; 0 where it is not followed. */
	known(topic: string): number;
	/** Frames are in the store, in the order of their topic. */
	stored(topic: string, broadcast: Broadcast): void;
	report(error: unknown): void;
}

export class Publisher {
	readonly #options: PublisherOptions;
	readonly #lanes: Map<string, Lane> = new Map();
	readonly #appends: Appends;
	readonly #holes: Holes;
	readonly #touched: Touched;
	readonly #forget: () => void;
	/** Bytes that wait. */
	#held: number = 0;
	#isClosing: boolean = false;
	#isClosed: boolean = false;
	#idle: () => void = () => {};

	constructor(options: PublisherOptions) {
		this.#options = options;
		this.#appends = new Appends(options);
		this.#holes = new Holes(options.renewAll);
		this.#touched = new Touched(options.clock, options.retention / 16, options.keysOf);
		this.#forget = options.link.onUp(() => this.heal());
	}

	publish(topic: string, frame: Stored): Promise<Outcome> {
		const { outbox, clock, waiting } = this.#options;
		if (this.#isClosing) return Promise.resolve({ status: 'down' });
		const lane = this.#lane(topic);
		const line = writeLine(frame);
		const isFull = outbox
			? this.#held + bytesOf(line) > outbox.bytes
			: lane.waiting.length >= waiting;
		if (isFull) {
			if (!lane.isBusy) this.#lanes.delete(topic);
			return Promise.resolve({ status: 'full' });
		}
		this.#held += bytesOf(line);
		const until = outbox ? clock.now() + outbox.age : 0;
		const { id, event, value, op, isGiven = false } = frame;
		return new Promise((resolve) => {
			lane.waiting.push({ id, event, value, op, isGiven, line, until, seq: 0, resolve });
			this.#begin(lane);
		});
	}

	/** Once the store is there again, the topic begins anew for all who follow it. */
	markHoled(topic: string): void {
		this.#holes.add(topic);
	}

	/** Lets the topics begin anew of which something was delivered that the store does not have. */
	heal(): void {
		if (this.#holes.isEmpty || this.#isClosing) return;
		if (this.#holes.isOverflowing) this.#holes.renewAll().catch(() => {});
		for (const topic of this.#holes.topics) this.#begin(this.#lane(topic));
	}

	/**
	 * Waits for what is under way, for a second, and refuses the rest.
	 *
	 * @returns whether all that was delivered is in the store.
	 */
	async close(): Promise<boolean> {
		const { clock, link } = this.#options;
		this.#isClosing = true;
		if (this.#lanes.size > 0 && link.isUp) {
			await new Promise<void>((resolve) => {
				const cancel = clock.after(FAREWELL, resolve);
				this.#idle = () => {
					cancel();
					resolve();
				};
			});
		}
		this.#isClosed = true;
		this.#forget();
		for (const { waiting } of this.#lanes.values()) {
			for (const one of waiting.splice(0)) this.#settle(one, { status: 'down' });
		}
		return this.#holes.isEmpty && this.#lanes.size === 0;
	}

	#lane(topic: string): Lane {
		let lane = this.#lanes.get(topic);
		if (lane === undefined) {
			lane = { topic, keys: this.#touched.keysOf(topic), waiting: [], isBusy: false };
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
		const { outbox, clock, link, known } = this.#options;
		do {
			// With an outbox nothing is sent before there is a way.
			if (outbox && !link.isUp) await this.#patience(lane);
			const batch = lane.waiting.splice(0, BATCH);
			if (!this.#holes.isEmpty) await this.#renew(lane);
			if (batch.length === 0) continue;
			const { topic } = lane;
			const seq = Math.max(known(topic), this.#touched.seq(topic));
			const before = { seq, at: clock.now() };
			try {
				this.#stored(topic, batch, await this.#append(lane, batch, undefined));
			} catch (error) {
				await this.#again(lane, batch, before, error);
			}
		} while (lane.waiting.length > 0);
		lane.isBusy = false;
		this.#lanes.delete(lane.topic);
		if (this.#lanes.size === 0) this.#idle();
	}

	/** Resolves when there is a way; what is too old until then is refused. */
	async #patience({ waiting }: Lane): Promise<void> {
		const { clock, link } = this.#options;
		while (!this.#isClosed && waiting.length > 0) {
			if (waiting[0]!.until <= clock.now()) this.#settle(waiting.shift()!, { status: 'down' });
			else if (link.isUp) return;
			else await untilUp(link, clock, waiting[0]!.until);
		}
	}

	/** What a batch comes to whose first attempt has failed. */
	async #again(
		lane: Lane,
		batch: readonly Waiting[],
		before: { readonly seq: number; readonly at: number },
		failed: unknown
	): Promise<void> {
		const { clock, link, outbox, retryFor } = this.#options;
		const { topic } = lane;
		const patience = outbox ? batch.at(-1)!.until : 0;
		const deadline = Math.max(before.at + retryFor, patience);
		const settle = (outcome: Outcome): void => {
			if (outcome.status === 'unknown') this.markHoled(topic);
			for (const waiting of batch) this.#settle(waiting, outcome);
		};
		/** It was sent, and what became of it is not known. */
		let isSent = false;
		for (let error = failed; !this.#isClosed;) {
			const failure = failureOf(error);
			if (failure === 'forgotten') return settle({ status: 'unknown' });
			if (failure === 'moved') link.renew();
			if (failure === 'unknown') isSent = true;
			if (failure === 'refused' && !isSent) return settle({ status: 'refused', error });
			if (!isSent && outbox) return this.#back(lane, batch);
			if (!isSent && failure === 'unavailable') return settle({ status: 'down' });
			if (clock.now() >= deadline) break;
			await untilUp(link, clock, deadline);
			try {
				const answer = await this.#append(lane, batch, isSent ? before.seq : undefined);
				return this.#stored(topic, batch, answer);
			} catch (again) {
				error = again;
			}
		}
		settle({ status: isSent ? 'unknown' : 'down' });
	}

	#append(lane: Lane, batch: readonly Waiting[], since: number | undefined): Promise<Answer> {
		const isNamed = batch.some(({ isGiven }) => isGiven);
		const after = since ?? (isNamed ? SEARCH : this.#touched.isDue(lane.topic) ? TOUCH : '');
		return this.#appends.add(lane.keys, after, batch);
	}

	/** It goes first when there is a way. */
	#back({ waiting }: Lane, batch: readonly Waiting[]): Promise<void> {
		waiting.unshift(...batch);
		const { clock, link } = this.#options;
		while (waiting.length > 0 && waiting[0]!.until <= clock.now()) {
			this.#settle(waiting.shift()!, { status: 'down' });
		}
		return link.isUp ? untilUp(link, clock, clock.now() + PAUSE) : Promise.resolve();
	}

	#stored(topic: string, batch: readonly Waiting[], answer: Answer): void {
		const { epoch, numbers, lineage, failed } = answer;
		let frames = batch;
		let isRepeat = false;
		for (const [index, waiting] of batch.entries()) {
			const number = typeof numbers === 'number' ? numbers + index : numbers[index]!;
			waiting.seq = Math.abs(number);
			if (number > 0) continue;
			// What somebody else has published under the same name is delivered by its own broadcast.
			if (waiting.isGiven) frames = frames.filter((frame) => frame !== waiting);
			else isRepeat = true;
		}
		this.#touched.set(topic, batch.at(-1)!.seq);
		// The others find it when they look at the topic.
		if (failed !== '') this.#options.report(new Error(`Stored, but not broadcast: ${failed}`));
		this.#options.stored(topic, { epoch, lineage, frames, isRepeat });
		for (const waiting of batch)
			this.#settle(waiting, { status: 'stored', epoch, seq: waiting.seq });
	}

	#settle({ line, resolve }: Waiting, outcome: Outcome): void {
		this.#held -= bytesOf(line);
		resolve(outcome);
	}

	async #renew({ topic, keys }: Lane): Promise<void> {
		const { link, broadcast, run, renewal } = this.#options;
		try {
			await this.#holes.renewAll();
			if (!this.#holes.has(topic)) return;
			await run((client) => {
				const args = [broadcast, keys.channel, link.run, renewal(), this.#appends.epoch()];
				return renew(client, [keys.meta, keys.log], args);
			});
			this.#holes.delete(topic);
		} catch {
			// It is tried again before the topic's next publish, and when the topics are looked at.
		}
	}
}

function bytesOf(line: string): number {
	return OVERHEAD + line.length;
}
