/** `combine(a, b, …, fn)`: a value made of several stores. */

import { createSubscriber } from 'svelte/reactivity';
import { createListeners } from '../../kernel/client/index.ts';
import type { Handled } from './store.ts';

/** Anything with Svelte's store contract. */
export interface Subscribable<Value> {
	subscribe(run: (value: Value) => void): () => void;
}

/** A store of what a function makes of other stores. */
export interface Combined<Value> extends Subscribable<Value> {
	/** The value; reacts in runes. */
	readonly current: Value;
}

type ValuesOf<Stores extends readonly Subscribable<unknown>[]> = {
	-readonly [K in keyof Stores]: Stores[K] extends Subscribable<infer Value> ? Value : never;
};

/** How to get at a store's value: at its newest, where that can be asked for. */
interface Input {
	value(): unknown;
	retain(listener: () => void): () => void;
}

/**
 * Makes one value of several stores, and follows them while somebody reads it.
 *
 * Whatever changes within one tick is taken in together: `fn` sees all stores as they are at one
 * time. It runs again only when one of its inputs is another one, and whoever reads hears of it only
 * when the result is.
 *
 * @param fn Pure; its arguments are the values, `undefined` for a stream that is not loaded.
 * @example const open = combine(todos, filter, (list, word) => list?.filter((t) => t.is(word)));
 */
export function combine<
	const Stores extends readonly [Subscribable<unknown>, ...Subscribable<unknown>[]],
	Result
>(...given: [...Stores, (...values: ValuesOf<Stores>) => Result]): Combined<Result> {
	const fn = given.at(-1) as (...values: unknown[]) => Result;
	const inputs = (given.slice(0, -1) as unknown as Stores).map(inputOf);
	const listeners = createListeners();
	let leave: (() => void)[] = [];
	let isScheduled = false;
	let values: unknown[] | undefined;
	let result: Result;

	/** The result for what the inputs are now. */
	function compute(): Result {
		const next = inputs.map((input) => input.value());
		const isSame = values && next.every((value, at) => Object.is(value, values![at]));
		if (!isSame) {
			result = fn(...next);
			values = next;
		}
		return result;
	}

	function schedule(): void {
		if (isScheduled) return;
		isScheduled = true;
		queueMicrotask(() => {
			isScheduled = false;
			if (listeners.size > 0) listeners.notify();
		});
	}

	function retain(listener: () => void): () => void {
		if (listeners.size === 0) leave = inputs.map((input) => input.retain(schedule));
		const remove = listeners.add(listener);
		return () => {
			remove();
			if (listeners.size === 0) for (const end of leave.splice(0)) end();
		};
	}

	let track: (() => void) | undefined;
	const store = {
		subscribe(run: (value: Result) => void): () => void {
			let shown: unknown = retain; // equal to no value
			const show = (): void => {
				const value = compute();
				if (!Object.is(value, shown)) run((shown = value) as Result);
			};
			const end = retain(show);
			show();
			return end;
		},
		get current() {
			(track ??= createSubscriber(retain))();
			return compute();
		},
		'~combined': { value: compute, retain } satisfies Input
	};
	return store;
}

function inputOf(store: Subscribable<unknown>): Input {
	if ('~combined' in store) return store['~combined'] as Input;
	if ('~stream' in store) {
		const { state, retain } = (store as unknown as Handled)['~stream'];
		return { value: () => state().value, retain };
	}
	return pushed(store);
}

/** A store of others only ever hands its value over. */
function pushed(store: Subscribable<unknown>): Input {
	let readers = 0;
	let latest: unknown;
	return {
		value() {
			if (readers === 0) store.subscribe((value) => (latest = value))();
			return latest;
		},
		retain(listener) {
			readers += 1;
			let isNew = true;
			const leave = store.subscribe((value) => {
				latest = value;
				if (!isNew) listener();
			});
			isNew = false;
			return () => {
				readers -= 1;
				leave();
			};
		}
	};
}
