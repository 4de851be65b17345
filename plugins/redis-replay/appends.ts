/** Takes frames to the store: those of a tick in as few calls as may be, whatever topics they are of. */

import type { Redis } from 'ioredis';
import { randomId } from 'svelte-realtime/kernel';
import type { Link } from 'svelte-realtime/plugins/redis';
import { errorOf, readAnswer, type Answer } from './answer.ts';
import type { TopicKeys } from './keys.ts';
import { append } from './scripts.ts';

/** Frames that travel in one call: Redis does nothing else meanwhile. */
export const BATCH = 64;
/** Topics of which they are. */
const TOPICS = 16;

export interface AppendsOptions {
	readonly link: Link;
	readonly broadcast: 'publish' | 'spublish';
	/** Frames that are kept of a topic. */
	readonly size: number;
	/** Milliseconds that frames are kept after the last one. */
	readonly retention: number;
	/** Runs commands over the link, behind a breaker. */
	run<T>(work: (client: Redis) => Promise<T>): Promise<T>;
	unpublished(): string;
	renewal(): string;
}

/** Frames of one topic that go out at the end of the tick. */
interface Due {
	readonly keys: TopicKeys;
	readonly after: string | number;
	readonly frames: readonly { readonly line: string }[];
	resolve(answer: Answer): void;
	reject(error: unknown): void;
}

export class Appends {
	readonly #options: AppendsOptions;
	/** Topics of one call; in a Cluster each has a slot of its own. */
	readonly #topics: number;
	/** Epochs that this instance begins: each attempt has its own, and making one costs little. */
	readonly #name: string = randomId();
	#attempts: number = 0;
	#due: Due[] = [];
	readonly #flush = (): void => {
		const due = this.#due;
		this.#due = [];
		for (let from = 0; from < due.length;) {
			let to = from;
			let count = 0;
			do count += due[to]!.frames.length;
			while ((to += 1) < due.length && to - from < this.#topics && count < BATCH);
			void this.#send(from === 0 && to === due.length ? due : due.slice(from, to));
			from = to;
		}
	};

	constructor(options: AppendsOptions) {
		this.#options = options;
		this.#topics = options.broadcast === 'spublish' ? 1 : TOPICS;
	}

	/**
	 * @param after What the script looks at before it numbers them.
	 * @throws {Error} what is in the way of them, or of the call that they were in.
	 */
	add(keys: TopicKeys, after: Due['after'], frames: Due['frames']): Promise<Answer> {
		return new Promise((resolve, reject) => {
			if (this.#due.length === 0) process.nextTick(this.#flush);
			this.#due.push({ keys, after, frames, resolve, reject });
		});
	}

	/** The name of an epoch that nobody else begins. */
	epoch(): string {
		return `${this.#name}${(this.#attempts += 1).toString(36)}`;
	}

	async #send(due: readonly Due[]): Promise<void> {
		const { run } = this.#options;
		try {
			const answer = await run((client) => this.#call(client, due));
			if (due.length === 1) return due[0]!.resolve(readAnswer(answer));
			for (const [index, { resolve, reject }] of due.entries()) {
				const own = (answer as unknown[])[index];
				const error = errorOf(own);
				if (error === undefined) resolve(readAnswer(own));
				// As if it had been alone in its call.
				else run(() => Promise.reject(error)).catch(reject);
			}
		} catch (error) {
			for (const { reject } of due) reject(error);
		}
	}

	#call(client: Redis, due: readonly Due[]): Promise<unknown> {
		const { link, broadcast, size, retention, renewal, unpublished } = this.#options;
		const rare = `${this.epoch()} ${unpublished()} ${size} ${Math.ceil(retention / 1000)}`;
		const keys: string[] = [];
		const args: (string | number)[] = [link.run, renewal(), broadcast, rare];
		for (const { keys: of, after, frames } of due) {
			keys.push(of.meta, of.log);
			args.push(after, frames.length);
			for (const { line } of frames) args.push(line);
		}
		return append(client, keys, args);
	}
}
