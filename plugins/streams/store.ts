import { createSubscriber } from 'svelte/reactivity';
import type { ClientKernel } from '../../kernel/client/index.ts';
import type { Position } from '../../kernel/contexts.ts';
import type { LiveError } from '../../kernel/live-error.ts';
import type { Follower, StreamState } from './follower.ts';
import type { DataOf, Operation } from './operation.ts';
import type { Seed } from './seed.ts';
import type { Condition } from './when.ts';

/**
 * A stream as the page sees it: a Svelte store of its value, and the same in getters that react in
 * runes. It is followed while somebody subscribes, or an effect reads it.
 */
export interface StreamStore<Value> extends PromiseLike<Value> {
	/** Calls `run` with the value now and whenever it changes; `undefined` until it is loaded. */
	subscribe(run: (value: Value | undefined) => void): () => void;
	/** The value; `undefined` until it is loaded. An error never replaces it. */
	readonly current: Value | undefined;
	/** Why the stream is not there, or not going on. */
	readonly error: LiveError | undefined;
	/** Neither a value nor an error is there yet. */
	readonly loading: boolean;
	/** There is a value. */
	readonly ready: boolean;
	/** The server sends every change as it happens. */
	readonly connected: boolean;
	/** There is a value, and the server may have a newer one. */
	readonly stale: boolean;
	/** Where in the topic's history the value stands. */
	readonly position: Position | undefined;
	/** There are more pages than those that are here; `false` where the loader has no pages. */
	readonly hasMore: boolean;
	/**
	 * Loads the next page of a list into its place: `true` when it is there, `false` where there is none,
	 * or nothing to continue. While one is being loaded, the same promise again. A connection that is
	 * lost meanwhile is waited for.
	 *
	 * @throws {LiveError} why the page cannot be had; asking again may help.
	 */
	loadMore(): Promise<boolean>;
	/**
	 * Shows an event at once, over what the server has confirmed, and keeps it over whatever comes next.
	 *
	 * It ends when the stream holds an event of the same name for the same key, or one that a call named
	 * by it has published; with `confirm()`; with `rollback()`. The stream is followed until then.
	 *
	 * @param event As the server would publish it.
	 */
	optimistic<Event extends string>(event: Event, data: DataOf<Value, Event>): Operation;
	/**
	 * The same stream, followed only while a condition holds, and `undefined` otherwise.
	 *
	 * @param condition A fixed answer, a store, or a function that reads state of runes.
	 */
	when(condition: Condition): StreamStore<Value | undefined>;
	/**
	 * The value and every later one; whoever takes long gets the newest, not all of them. Ends when the
	 * stream is closed, and throws the error that ends it.
	 */
	[Symbol.asyncIterator](): AsyncIterator<Value, void, undefined>;
	/** Ends the stream now. Who reads it keeps the value; the next one to come begins it again. */
	close(): void;
}

/** Which stream. */
export interface StreamAddress {
	readonly path: string;
	readonly args: readonly unknown[];
	/** Equal for equal streams. */
	readonly key: string;
}

/** What a store needs of those who follow the streams. */
export interface StoreHost {
	readonly kernel: ClientKernel;
	find(key: string): Follower | undefined;
	/** The stream's follower; a new one is reached through `store` from then on. */
	acquire(address: StreamAddress, store: StreamStore<unknown>): Follower;
}

/** What stands behind a store; features that are added to stores find it under `~stream`. */
export interface StreamHandle {
	readonly host: () => StoreHost;
	/** Who follows the stream, while it is followed. */
	find(): Follower | undefined;
	/** What there is to see of it, whether it is followed or not. */
	state(): StreamState;
	/** Adds a reader, for whom the stream is followed. */
	retain(listener: () => void): () => void;
	/** Tells the effect that reads from its reader; made on first use. */
	track?: () => void;
}

/** A store as its own members see it. */
export interface Handled {
	readonly '~stream': StreamHandle;
}

/** Milliseconds that a stream goes on after `await`, for the component that reads it next. */
const GRACE = 1000;

/** The state, read so that an effect runs again when it changes. */
export function read(store: object): StreamState {
	const handle = (store as Handled)['~stream'];
	(handle.track ??= createSubscriber(handle.retain))();
	return handle.state();
}

/** Members that features add. */
type Added = 'optimistic' | 'hasMore' | 'loadMore' | 'when' | typeof Symbol.asyncIterator;

/**
 * What all stores and stubs of streams inherit from. A feature adds its members here, and every store
 * has them from then on, also one that was made before.
 */
export const streamPrototype: object = {
	// Of the stubs, which are functions as well.
	__proto__: Function.prototype,
	subscribe(run) {
		const { state, retain } = this['~stream'];
		let shown: unknown = retain; // equal to no value
		const show = (): void => {
			const { value } = state();
			if (value !== shown) run((shown = value));
		};
		const leave = retain(show);
		show();
		return leave;
	},
	// A stream is awaited like Kit's live queries: for its first value.
	then(resolved, rejected) {
		const { state, retain, host } = this['~stream'];
		return new Promise((resolve, reject) => {
			if (state().ready) return resolve(state().value);
			let settled = false;
			const check = (): void => {
				const { ready, value, error } = state();
				if (settled || !(ready || error)) return;
				settled = true;
				if (ready) resolve(value);
				else reject(error);
				host().kernel.clock.after(GRACE, leave);
			};
			const leave = retain(check);
			check();
		}).then(resolved, rejected);
	},
	close() {
		this['~stream'].find()?.stop();
	},
	get current() {
		return read(this).value;
	},
	get error() {
		return read(this).error;
	},
	get loading() {
		return read(this).loading;
	},
	get ready() {
		return read(this).ready;
	},
	get connected() {
		return read(this).connected;
	},
	get stale() {
		return read(this).stale;
	},
	get position() {
		return read(this).position;
	}
} as Omit<StreamStore<unknown>, Added> & ThisType<StreamStore<unknown> & Handled>;

/** What there is to see of a stream that is not followed, and not waited for. */
export const INACTIVE: StreamState = {
	value: undefined,
	error: undefined,
	loading: false,
	ready: false,
	connected: false,
	stale: false,
	position: undefined
};

/** Makes `target` the store of what `handle` stands for. */
export function storeOf<T extends object>(
	target: T,
	handle: StreamHandle
): T & StreamStore<unknown> {
	(target as { '~stream'?: StreamHandle })['~stream'] = handle;
	return Object.setPrototypeOf(target, streamPrototype) as T & StreamStore<unknown>;
}

/**
 * Makes the handle of a stream, which costs nothing until it is used.
 *
 * @param target Becomes the store.
 * @param seed What the server rendered, to begin with.
 */
export function createStore<T extends object>(
	host: () => StoreHost,
	address: StreamAddress,
	target: T,
	seed?: Seed | false
): T & StreamStore<unknown> {
	const ready = !!seed;
	const idle = { ...seed, ready, stale: ready, loading: !ready, connected: false } as StreamState;
	const find = (): Follower | undefined => host().find(address.key);
	const store = storeOf(target, {
		host,
		find,
		state() {
			const follower = find();
			return follower && (follower.ready || !ready) ? follower : idle;
		},
		retain(listener) {
			const follower = host().acquire(address, store);
			if (seed) follower.adopt(seed);
			return follower.add(listener);
		}
	});
	return store;
}
