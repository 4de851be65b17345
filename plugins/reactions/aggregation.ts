/** One aggregate: what its fields are, and what is shown of them. */

import {
	isThenable,
	LiveError,
	type Clock,
	type MaybePromise,
	type PublishedContext
} from 'svelte-realtime/kernel';
import { followAll, type Follow } from '../following.ts';
import type { ValueCell } from './cell.ts';
import type { AggregateFacts, ReactionContext } from './facts.ts';
import type { Hub } from './hub.ts';
import { Settle } from './settle.ts';

/** Milliseconds until a snapshot that failed is tried again; twice as long each time, up to MOST. */
const LEAST = 1000;
const MOST = 30_000;

export interface AggregationOptions {
	readonly facts: AggregateFacts;
	readonly context: () => ReactionContext;
	readonly cell: ValueCell;
	readonly hub: Hub;
	readonly follow: Follow | undefined;
	readonly clock: Clock;
	readonly failed: (cause: unknown) => void;
	readonly keep: (topics: readonly string[]) => () => void;
}

type State = Record<string, unknown>;

export class Aggregation {
	readonly cell: ValueCell;
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
	/** How often it was this instance's turn: what was begun in an earlier one is nothing any more. */
	#turn: number = 0;
	/** From when everything that happens in the sources is heard. */
	#hears: MaybePromise<unknown> = undefined;

	constructor(options: AggregationOptions) {
		const { facts, clock } = options;
		this.cell = options.cell;
		this.#options = options;
		this.#settle = new Settle({ clock, debounce: facts.debounce, run: () => this.#show() });
		this.cell.attend({ begin: () => this.#start(), rest: () => this.#rest() });
	}

	/** From when it has been loaded. @throws {LiveError} SERVICE_UNAVAILABLE */
	ready(): MaybePromise<void> {
		if (this.#state !== undefined) return this.cell.told();
		if (!this.cell.isOwn) {
			return this.cell.isCurrent ? undefined : this.cell.changed().then(() => this.ready());
		}
		const check = (): void => {
			if (this.#state !== undefined) return;
			const what = 'What it begins with could not be loaded.';
			throw new LiveError('SERVICE_UNAVAILABLE', what, { retryAfter: this.#delay });
		};
		if (this.#loading === undefined) return check();
		return this.#loading.then(check).then(() => this.cell.told());
	}

	end(): void {
		this.#isEnded = true;
		this.#settle.end();
		this.#rest();
	}

	#start(): void {
		const { facts, hub, keep, follow, clock } = this.#options;
		const lost = (): void => {
			// Without a snapshot nothing tells what it was.
			if (!facts.snapshot || !this.cell.isOwn) return;
			this.#rest();
			this.#start();
		};
		const followed = followAll(follow, facts.sources, { clock, lost });
		const unlisten = hub.listen(facts.sources, (frame) => {
			followed.heard(frame);
			this.#hear(frame);
		});
		this.#hears = followed.ready;
		this.#ends = [unlisten, keep(facts.sources), () => followed.end()];
		this.#load();
	}

	/** What there was is another instance's to go on with. */
	#rest(): void {
		for (const end of this.#ends.splice(0)) end();
		this.#turn += 1;
		this.#state = this.#waiting = undefined;
	}

	#load(): void {
		const { facts, context, clock, failed, cell } = this.#options;
		const turn = this.#turn;
		this.#waiting = [];
		if (facts.snapshot === undefined && !this.#hears) return this.#begin({});
		const loaded = async (): Promise<void> => {
			try {
				if (this.#hears) await this.#hears;
				// Without a snapshot it goes on from what was told last.
				const snapshot = facts.snapshot ? await facts.snapshot(context()) : cell.last();
				if (turn === this.#turn) this.#begin((snapshot ?? {}) as Readonly<State>);
			} catch (error) {
				if (turn !== this.#turn) return;
				this.#waiting = undefined;
				failed(error);
				if (this.#isEnded) return;
				this.#ends[3] = clock.after(this.#delay, () => this.#load());
				this.#delay = Math.min(this.#delay * 2, MOST);
			} finally {
				if (turn === this.#turn) this.#loading = undefined;
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
			if (this.#isEnded || this.#state === undefined) return;
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
		if (this.#state === undefined) return;
		const { fields } = this.#options.facts;
		const view: State = { ...this.#state };
		for (const [name, { compute }] of Object.entries(fields)) {
			if (!compute) continue;
			const before = this.#shown[name];
			view[name] = this.#try(() => synchronous(compute(view as never))) ?? before;
		}
		this.#shown = view;
		this.#try(() => void this.cell.set(view));
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
