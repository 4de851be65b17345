/** `live.stream()`: declares a value that browsers follow. */

import {
	declared,
	RealtimeError,
	type Declaration,
	type MaybePromise
} from 'svelte-realtime/kernel';
import type { LiveContext } from 'svelte-realtime/plugins/rpc';
import type { MergeName, MergeOptions } from './frames.ts';

export interface StreamOptions {
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
}

export interface StreamDeclaration extends Declaration {
	readonly kind: 'stream';
	readonly topic: string | ((ctx: LiveContext, ...args: unknown[]) => string);
	/** `null` = the value is what the log holds. */
	readonly loader: ((ctx: LiveContext, ...args: unknown[]) => unknown) | null;
	readonly merge: MergeOptions;
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
	options?: StreamOptions
): LiveStream<[], Value, false>;
/** Declares a stream whose value is what the topic's log holds: the latest `max` events. */
export function stream<Item>(
	topic: string,
	loader: null,
	options: StreamOptions & { merge: 'latest' }
): LiveStream<[], Item[], false>;
/** Declares a stream per arguments: the topic is made of them, by a synchronous function. */
export function stream<Args extends readonly unknown[], Value>(
	topic: (ctx: LiveContext, ...args: Args) => string,
	loader: (ctx: LiveContext, ...args: Args) => MaybePromise<Value>,
	options?: StreamOptions
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
	const run = (loader ?? (() => [])) as (...args: never[]) => unknown;
	const declaration = { kind: 'stream', schema: undefined, topic, loader };
	return declared(run, { ...declaration, merge: { merge, key, prepend, max } });
}
