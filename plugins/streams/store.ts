import { createSubscriber } from 'svelte/reactivity';
import type { Position } from '../../kernel/contexts.ts';
import type { LiveError } from '../../kernel/live-error.ts';
import type { Follower, StreamState } from './follower.ts';
import type { Seed } from './seed.ts';

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
	find(key: string): Follower | undefined;
	/** The stream's follower; a new one is reached through `store` from then on. */
	acquire(address: StreamAddress, store: StreamStore<unknown>): Follower;
	/** Runs `task` after this many milliseconds. */
	after(delay: number, task: () => void): void;
}

/** Milliseconds that a stream goes on after `await`, for the component that reads it next. */
const GRACE = 1000;

/**
 * Makes the handle of a stream, which costs nothing until it is used.
 *
 * @param seed What the server rendered, to begin with.
 */
export function createStore(
	host: () => StoreHost,
	address: StreamAddress,
	seed?: Seed
): StreamStore<unknown> {
	const idle: StreamState = {
		value: seed?.value,
		error: undefined,
		loading: seed === undefined,
		ready: seed !== undefined,
		connected: false,
		stale: seed !== undefined,
		position: seed?.position
	};
	let track: (() => void) | undefined;

	const state = (): StreamState => {
		const follower = host().find(address.key);
		return follower && (follower.ready || !seed) ? follower : idle;
	};

	function retain(listener: () => void): () => void {
		const follower = host().acquire(address, store);
		if (seed) follower.adopt(seed);
		return follower.add(listener);
	}

	function read<K extends keyof StreamState>(name: K): StreamState[K] {
		track ??= createSubscriber(retain);
		track();
		return state()[name];
	}

	const methods: Pick<StreamStore<unknown>, 'subscribe' | 'then' | 'close'> = {
		subscribe(run) {
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
			return new Promise((resolve, reject) => {
				if (state().ready) return resolve(state().value);
				let leave = (): void => {};
				let settled = false;
				const check = (): void => {
					const { ready, value, error } = state();
					if (settled || !(ready || error)) return;
					settled = true;
					if (ready) resolve(value);
					else reject(error);
					host().after(GRACE, leave);
				};
				leave = retain(check);
				check();
			}).then(resolved, rejected);
		},
		close() {
			host().find(address.key)?.stop();
		}
	};
	const store = methods as StreamStore<unknown>;
	for (const name in idle) {
		Object.defineProperty(store, name === 'value' ? 'current' : name, {
			get: () => read(name as keyof StreamState),
			enumerable: true,
			configurable: true
		});
	}
	return store;
}
