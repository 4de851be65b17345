/** `stream.when(condition)`: a stream that is followed only while a condition holds. */

import { get, toStore, type Readable } from 'svelte/store';
import { INACTIVE, storeOf, streamPrototype, type Handled, type StreamStore } from './store.ts';

/** What a stream can depend on: a fixed answer, a store, or a function that reads state of runes. */
export type Condition = boolean | Readable<unknown> | (() => unknown);

/** Gives all streams `when`. */
export function installWhen(): void {
	Object.assign(streamPrototype, {
		when(this: StreamStore<unknown> & Handled, condition: Condition) {
			return conditional(this, condition);
		}
	});
}

function conditional({ '~stream': stream }: Handled, condition: Condition): StreamStore<unknown> {
	const { holds, watch } = readerOf(condition);
	const store = storeOf(
		{},
		{
			host: stream.host,
			find: () => (holds() ? stream.find() : undefined),
			state: () => (holds() ? stream.state() : INACTIVE),
			retain(listener) {
				let leave: (() => void) | undefined;
				let isNew = true;
				const unwatch = watch((isHolding) => {
					if (isHolding === (leave !== undefined)) return;
					leave?.();
					leave = isHolding ? stream.retain(listener) : undefined;
					if (!isNew) listener();
				});
				isNew = false;
				return () => {
					unwatch();
					leave?.();
				};
			}
		}
	);
	// What is not followed has nothing to wait for: its value is `undefined` by definition.
	const { then } = store;
	store.then = ((...handlers: []) =>
		holds() ? then.apply(store, handlers) : Promise.resolve(undefined).then(...handlers)) as never;
	return store;
}

interface Reader {
	holds(): boolean;
	/** Calls `run` at once, and on every change. */
	watch(run: (isHolding: boolean) => void): () => void;
}

function readerOf(condition: Condition): Reader {
	if (typeof condition === 'object' || (typeof condition === 'function' && isStore(condition))) {
		return readerOfStore(condition as Readable<unknown>);
	}
	if (typeof condition === 'function') {
		return {
			// At once, so that an effect which reads the stream depends on the state as well.
			holds: () => Boolean(condition()),
			watch: (run) => toStore(condition).subscribe((value) => run(Boolean(value)))
		};
	}
	return {
		holds: () => condition,
		watch(run) {
			run(condition);
			return () => {};
		}
	};
}

/** A store is asked only where nobody subscribes to it anyway: it may have to begin for that. */
function readerOfStore(store: Readable<unknown>): Reader {
	let readers = 0;
	let latest = false;
	return {
		holds: () => (readers > 0 ? latest : Boolean(get(store))),
		watch(run) {
			readers += 1;
			const unsubscribe = store.subscribe((value) => run((latest = Boolean(value))));
			return () => {
				readers -= 1;
				unsubscribe();
			};
		}
	};
}

function isStore(value: object): value is Readable<unknown> {
	return 'subscribe' in value;
}
