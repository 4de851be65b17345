/** Sends publishes to Postgres: those of a topic one after the other, however long one takes. */

import { randomId, type Clock } from 'svelte-realtime/kernel';
import type { Query } from 'svelte-realtime/plugins/postgres';
import { writeFrame } from '../frame-text.ts';
import { readLineage } from '../log-lineage.ts';
import type { Broadcast, Stored } from '../log-line.ts';
import { isUnknown } from '../postgres-failures.ts';

/** Frames that travel in one statement. */
const BATCH = 64;
/** Milliseconds between two attempts. */
const PAUSE = 50;

/** What became of one publish. */
export type Outcome =
	| { readonly status: 'stored'; readonly epoch: string; readonly seq: number }
	/** It surely did not happen. */
	| { readonly status: 'down'; readonly error: unknown }
	| { readonly status: 'full' | 'unknown' };

export interface WriterOptions {
	readonly clock: Clock;
	readonly schema: string;
	/** Frames that are kept of a topic. */
	readonly size: number;
	/** Publishes of one topic that may wait; more are refused. */
	readonly waiting: number;
	/** Milliseconds for which a publish whose answer was lost is asked about again. */
	readonly retryFor: number;
	run<T>(work: (query: Query) => Promise<T>): Promise<T>;
	/** Frames are in the store, in the order of their topic. */
	stored(topic: string, broadcast: Broadcast): void;
}

interface Waiting extends Stored {
	settle(outcome: Outcome): void;
}

interface Lane {
	readonly topic: string;
	readonly waiting: Waiting[];
}

interface Answer {
	readonly epoch: string;
	readonly numbers: readonly string[];
	readonly began: string;
}

export class Writer {
	readonly #options: WriterOptions;
	readonly #lanes: Map<string, Lane> = new Map();
	#isClosed: boolean = false;

	constructor(options: WriterOptions) {
		this.#options = options;
	}

	publish(topic: string, frame: Stored): Promise<Outcome> {
		if (this.#isClosed) {
			return Promise.resolve({ status: 'down', error: new Error('The server shuts down.') });
		}
		const lane = this.#lanes.get(topic) ?? this.#open(topic);
		return new Promise((settle) => {
			if (lane.waiting.length >= this.#options.waiting) return settle({ status: 'full' });
			lane.waiting.push({ ...frame, settle });
		});
	}

	close(): void {
		this.#isClosed = true;
	}

	/** What is published in one tick travels together. */
	#open(topic: string): Lane {
		const lane: Lane = { topic, waiting: [] };
		this.#lanes.set(topic, lane);
		queueMicrotask(() => void this.#run(lane));
		return lane;
	}

	async #run(lane: Lane): Promise<void> {
		while (lane.waiting.length > 0) await this.#send(lane.topic, lane.waiting.splice(0, BATCH));
		this.#lanes.delete(lane.topic);
	}

	async #send(topic: string, batch: readonly Waiting[]): Promise<void> {
		const { clock, retryFor } = this.#options;
		const deadline = clock.now() + retryFor;
		const settle = (outcome: Outcome): void => {
			for (const waiting of batch) waiting.settle(outcome);
		};
		/** It was sent, and what became of it is not known: it is looked for before it is stored. */
		let isSent = false;
		for (;;) {
			try {
				const searched = isSent || batch.some(({ isGiven }) => isGiven);
				return this.#stored(topic, batch, await this.#append(topic, batch, searched));
			} catch (error) {
				const { cause = error } = error as { cause?: unknown };
				isSent ||= isUnknown(cause);
				if (!isSent) return settle({ status: 'down', error });
			}
			if (this.#isClosed || clock.now() >= deadline) return settle({ status: 'unknown' });
			await new Promise<void>((resolve) => clock.after(PAUSE, resolve));
		}
	}

	async #append(topic: string, batch: readonly Waiting[], searched: boolean): Promise<Answer> {
		const { run, schema, size } = this.#options;
		const ids = batch.map(({ id }) => id);
		const lines = batch.map(writeFrame);
		const rows = await run((query) =>
			query<Answer>(`select * from ${schema}.append($1, $2, $3, $4, $5, $6)`, [
				topic,
				randomId(),
				ids,
				lines,
				size,
				searched
			])
		);
		return rows[0]!;
	}

	#stored(topic: string, batch: readonly Waiting[], { epoch, numbers, began }: Answer): void {
		const frames = batch.map((waiting, index) => ({
			...waiting,
			seq: Math.abs(Number(numbers[index]))
		}));
		// What was there before is delivered by whoever follows the topic.
		const fresh = frames.filter((_, index) => Number(numbers[index]) > 0);
		this.#options.stored(topic, { epoch, lineage: readLineage(began), frames: fresh });
		for (const { settle, seq } of frames) settle({ status: 'stored', epoch, seq });
	}
}
