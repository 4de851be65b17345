/** `live.stream()`: declares a value that browsers follow. */

import {
	declared,
	RealtimeError,
	type Declaration,
	type MaybePromise
} from 'svelte-realtime/kernel';
import type { LiveContext } from 'svelte-realtime/plugins/rpc';
import type { MergeName, MergeOptions } from './frames.ts';

/** An item that is gone, in what `diff` returns. */
export interface Deleted {
	/** `true`: it is gone. */
	readonly _deleted: boolean;
	/** Its key is what counts. */
	readonly [field: string]: unknown;
}

/** What `diff` may return: items for a list, the value for `set`; nothing where it cannot say. */
export type Diff<Value> =
	(Value extends readonly (infer Item)[] ? readonly (Item | Deleted)[] : Value) | null | undefined;

/**
 * Tells a client that was away for longer than the log reaches back what has changed, instead of
 * loading everything again.
 */
export interface DeltaOptions<
	Args extends readonly unknown[] = readonly unknown[],
	Value = unknown
> {
	/**
	 * The version of the value, as JSON: a number that every change raises, the time of the latest
	 * change as text. It is read before the loader or `diff` runs.
	 */
	version(ctx: LiveContext, ...args: Args): MaybePromise<unknown>;
	/**
	 * What has changed since a version: items that are new or different, and `{ id, _deleted: true }`
	 * for those that are gone. `null`, `undefined` or an error: everything is loaded again.
	 *
	 * @param since What a client says its version is: to be checked like any other input.
	 */
	diff(since: unknown, ctx: LiveContext, ...args: Args): MaybePromise<Diff<Value>>;
}

export interface StreamOptions<
	Args extends readonly unknown[] = readonly never[],
	Value = unknown
> {
	/**
	 * How events change the value: `crud` keeps a list by `created`, `updated`, `deleted`; `latest`
	 * appends every event; `set` replaces the value. @default 'crud'
	 */
	merge?: MergeName;
	/** Field that identifies an item of a list. @default 'id' */
	key?: string;
	/** New items go first. @default false */
	prepend?: boolean;
	/** Most items kept; 0 = all. @default 0 for crud, 50 for latest */
	max?: number;
	/** How to bring a client up to date that was away for longer than the log reaches back. */
	delta?: DeltaOptions<Args, Value>;
}

export interface StreamDeclaration extends Declaration {
	readonly kind: 'stream';
	readonly topic: string | ((ctx: LiveContext, ...args: unknown[]) => string);
	/** `null` = the value is what the log holds. */
	readonly loader: ((ctx: LiveContext, ...args: unknown[]) => unknown) | null;
	readonly merge: MergeOptions;
	readonly delta: DeltaOptions | undefined;
}

/** A stream, which browsers follow through `$live/*`. Called on the server it runs its loader. */
export interface LiveStream<
	Args extends readonly unknown[],
	Value,
	Dynamic extends boolean = boolean
> {
	(ctx: LiveContext, ...args: Args): MaybePromise<Value>;
	readonly '~live': StreamDeclaration & {
		/** Type only. */
		readonly args: Args;
		/** Type only. */
		readonly value: Value;
		/** Type only: the topic is made from arguments, so the client's stream is a function of them. */
		readonly dynamic: Dynamic;
	};
}

/** Declares a stream of one topic. */
export function stream<Value>(
	topic: string,
	loader: (ctx: LiveContext) => MaybePromise<Value>,
	options?: StreamOptions<[], NoInfer<Value>>
): LiveStream<[], Value, false>;
/** Declares a stream whose value is what the topic's log holds: the latest `max` events. */
export function stream<Item>(
	topic: string,
	loader: null,
	options: StreamOptions & { merge: 'latest'; delta?: never }
): LiveStream<[], Item[], false>;
/** Declares a stream per arguments: the topic is made of them, by a synchronous function. */
export function stream<Args extends readonly unknown[], Value>(
	topic: (ctx: LiveContext, ...args: Args) => string,
	loader: (ctx: LiveContext, ...args: Args) => MaybePromise<Value>,
	options?: StreamOptions<NoInfer<Args>, NoInfer<Value>>
): LiveStream<Args, Value, true>;
export function stream(topic: unknown, loader: unknown, options: StreamOptions = {}): unknown {
	if (typeof topic !== 'string' && typeof topic !== 'function') {
		const wanted = 'a topic name, or a function that makes one from the arguments';
		throw new RealtimeError('RT_LIVE_ARGUMENTS', ['live.stream()', typeof topic, wanted]);
	}
	const { merge = 'crud', key = 'id', prepend = false } = options;
	const max = options.max ?? (merge === 'latest' ? 50 : 0);
	if (typeof loader !== 'function' && !(loader === null && merge === 'latest')) {
		const wanted = "a loader; or null with { merge: 'latest' }, for what the log holds";
		throw new RealtimeError('RT_LIVE_ARGUMENTS', ['live.stream()', typeof loader, wanted]);
	}
	if (!['crud', 'latest', 'set'].includes(merge)) {
		const wanted = "'crud', 'latest' or 'set'";
		throw new RealtimeError('RT_OPTION_INVALID', ['merge', 'live.stream()', merge, wanted]);
	}
	if (!Number.isSafeInteger(max) || max < 0) {
		const wanted = 'a whole number from 0';
		throw new RealtimeError('RT_OPTION_INVALID', ['max', 'live.stream()', max, wanted]);
	}
	const { delta } = options;
	const isDelta = typeof delta?.version === 'function' && typeof delta.diff === 'function';
	if (delta !== undefined && (loader === null || !isDelta)) {
		const wanted = '{ version, diff }, two functions beside a loader';
		throw new RealtimeError('RT_OPTION_INVALID', ['delta', 'live.stream()', String(delta), wanted]);
	}
	const run = (loader ?? (() => [])) as (...args: never[]) => unknown;
	const declaration = { kind: 'stream', schema: undefined, topic, loader };
	return declared(run, { ...declaration, merge: { merge, key, prepend, max }, delta });
}
