/** One aggregate: what its fields are, and what is shown of them. */

import {
	isThenable,
	LiveError,
	type Clock,
	type MaybePromise,
	type PublishedContext
} from 'svelte-realtime/kernel';
import type { Cell } from './cell.ts';
import type { AggregateFacts, ReactionContext } from './facts.ts';
import type { Hub } from './hub.ts';
import { Settle } from './settle.ts';

/** Milliseconds until a snapshot that failed is tried again; twice as long each time, up to MOST. */
const LEAST = 1000;
const MOST = 30_000;

export interface AggregationOptions {
	readonly facts: AggregateFacts;
	readonly context: () => ReactionContext;
	readonly cell: Cell;
	readonly hub: Hub;
	readonly clock: Clock;
	readonly failed: (cause: unknown) => void;
	readonly keep: (topics: readonly string[]) => () => void;
}

type State = Record<string, unknown>;

export class Aggregation {
	readonly cell: Cell;
	readonly #options: AggregationOptions;
	readonly #settle: Settle;
	/** Undefined until it is loaded. */
	#state: State | undefined = undefined;
	/** What is shown; a field that cannot be worked out is shown as it was. */
	#shown: State = {};
	/** Events that wait for the state; undefined where they are in the next snapshot anyway. */
	#waiting: PublishedContext[] | undefined = undefined;
	#loading: Promise<void> | undefined = undefined;
	#delay: number = LEAST;
	#ends: (() => void)[] = [];
	#isEnded: boolean = false;

	constructor(options: AggregationOptions) {
		const { facts, clock, hub, keep } = options;
		this.cell = options.cell;
		this.#options = options;
		this.#settle = new Settle({ clock, debounce: facts.debounce, run: () => this.#show() });
		this.#ends = [hub.listen(facts.sources, (frame) => this.#hear(frame)), keep(facts.sources)];
		this.#load();
	}

	/** From when it has been loaded. @throws {LiveError} SERVICE_UNAVAILABLE */
	ready(): MaybePromise<void> {
		if (this.#state !== undefined) return;
		const check = (): void => {
			if (this.#state !== undefined) return;
			const what = 'What it begins with could not be loaded.';
			throw new LiveError('SERVICE_UNAVAILABLE', what, { retryAfter: this.#delay });
		};
		return this.#loading === undefined ? check() : this.#loading.then(check);
	}

	end(): void {
		this.#isEnded = true;
		this.#settle.end();
		for (const end of this.#ends) end();
	}

	#load(): void {
		const { facts, context, clock, failed } = this.#options;
		this.#waiting = [];
		if (facts.snapshot === undefined) return this.#begin({});
		const loaded = async (): Promise<void> => {
			try {
				this.#begin((await facts.snapshot!(context())) ?? {});
			} catch (error) {
				this.#waiting = undefined;
				failed(error);
				if (this.#isEnded) return;
				this.#ends[2] = clock.after(this.#delay, () => this.#load());
				this.#delay = Math.min(this.#delay * 2, MOST);
			} finally {
				this.#loading = undefined;
			}
		};
		this.#loading = loaded();
	}

	/** What happened while the snapshot was loaded comes after it. */
	#begin(snapshot: Readonly<State>): void {
		if (this.#isEnded) return;
		const state: State = {};
		for (const [name, { init }] of Object.entries(this.#options.facts.fields)) {
			const isGiven = Object.hasOwn(snapshot, name);
			const first = typeof init === 'function' ? (init as () => unknown)() : structuredClone(init);
			state[name] = isGiven ? snapshot[name] : first;
		}
		this.#state = state;
		this.#reduce();
		this.#show();
	}

	#hear(frame: PublishedContext): void {
		if (this.#waiting === undefined) return;
		this.#waiting.push(frame);
		if (this.#state === undefined || this.#waiting.length > 1) return;
		// Not in the tick of the publisher: what it costs, and what it publishes itself, is not theirs.
		queueMicrotask(() => {
			if (this.#isEnded) return;
			this.#reduce();
			this.#settle.poke();
		});
	}

	#reduce(): void {
		const frames = this.#waiting ?? [];
		const state = this.#state!;
		this.#waiting = [];
		for (const { event, data } of frames) {
			for (const [name, { reduce }] of Object.entries(this.#options.facts.fields)) {
				if (!reduce) continue;
				this.#try(
					() => (state[name] = synchronous(reduce(state[name] as never, event, data as never)))
				);
			}
		}
	}

	#show(): void {
		const { fields } = this.#options.facts;
		const view: State = { ...this.#state };
		for (const [name, { compute }] of Object.entries(fields)) {
			if (!compute) continue;
			const before = this.#shown[name];
			view[name] = this.#try(() => synchronous(compute(view as never))) ?? before;
		}
		this.#shown = view;
		this.#try(() => this.cell.set(view));
	}

	/** What one field throws is nothing to the others, and nothing to who published. */
	#try<T>(task: () => T): T | undefined {
		try {
			return task();
		} catch (error) {
			this.#options.failed(error);
			return undefined;
		}
	}
}

/** @throws {TypeError} for a promise, which would stand where the value belongs. */
function synchronous(value: unknown): unknown {
	if (!isThenable(value)) return value;
	value.then(undefined, () => {});
	throw new TypeError(
		'A field of an aggregate is worked out synchronously, and this was a promise.'
	);
}
