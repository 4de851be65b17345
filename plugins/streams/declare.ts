/** `live.stream()`: declares a value that browsers follow. */

import {
	declared,
	RealtimeError,
	type Declaration,
	type MaybePromise
} from 'svelte-realtime/kernel';
import type { Tail } from 'svelte-realtime/plugins/replay';
import type { LiveContext } from 'svelte-realtime/plugins/rpc';
import { contextOf, type RequestOptions } from '../request-options.ts';
import type { MergeName, MergeOptions, PagePlace } from './frames.ts';
import type { Listed } from './paging.ts';
import type { Pipes } from './pipe/facts.ts';
import { checkVersions, type Migrations } from './versions.ts';

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
> extends RequestOptions {
	/**
	 * How events change the value: `crud` keeps a list by `created`, `updated`, `deleted`; `latest`
	 * appends every event; `set` replaces the value; `presence` keeps a list by `join`, `update`,
	 * `leave`, and `cursor` by `update`, `remove`. @default 'crud'
	 */
	merge?: MergeName;
	/** Field that identifies an item of a list. @default 'id'; 'key' for presence and cursor */
	key?: string;
	/** New items go first. @default false */
	prepend?: boolean;
	/** Most items kept; 0 = all. @default 0 for crud, 50 for latest */
	max?: number;
	/**
	 * Where the next page goes of a loader that returns `{ data, hasMore, cursor }`: after the pages
	 * before it, or before them. Such a list is not cut to `max`, and has no use for `delta`.
	 * @default 'after'; 'before' for latest without prepend
	 */
	place?: PagePlace;
	/** How to bring a client up to date that was away for longer than the log reaches back. */
	delta?: DeltaOptions<Args, Value>;
	/**
	 * The version of the shape of its items, or of its value with `set`: to be raised by one with every
	 * change that pages could trip over that are open somewhere. A number that is written out, since the
	 * stub in the page is made of it. @default 1
	 */
	version?: number;
	/**
	 * What older pages get: by version, a synchronous function that makes an item of it out of one of the
	 * next newer version; none may be left out between the oldest and the present one. A page that is
	 * older than that, or that a function fails for, is told with STALE that it has to be reloaded.
	 *
	 * The key of an item keeps its name and its value.
	 */
	migrate?: Migrations;
}

/** Where the value of a stream and its numbered events come from, if not from a loader and the log. */
export interface Feed {
	/** The latest events of the topic. Its head belongs to the value that `value()` returns then. */
	readonly tail: Tail;
	/** The value as it is now. */
	value(): unknown;
}

export interface StreamDeclaration extends Declaration {
	readonly kind: 'stream';
	/**
	 * Stands before the topic's name, where the stream tells something about a topic that is not the
	 * topic's own events. Begins with `__`. The gates of the topic itself are asked too.
	 */
	readonly namespace?: string;
	/** For the topic without its namespace. */
	feed?(ctx: LiveContext, topic: string): MaybePromise<Feed>;
	/** The connection follows the topic (named without its namespace). */
	onSubscribe?(ctx: LiveContext, topic: string, args: readonly unknown[]): MaybePromise<void>;
	/** It does not any more; called once for each `onSubscribe`, if only since the connection is gone. */
	onUnsubscribe?(ctx: LiveContext, topic: string, args: readonly unknown[]): MaybePromise<void>;
	readonly topic: string | ((ctx: LiveContext, ...args: unknown[]) => string);
	/** `null` = the value is what the log holds. */
	readonly loader: ((ctx: LiveContext, ...args: unknown[]) => unknown) | null;
	readonly merge: MergeOptions;
	readonly place?: PagePlace | undefined;
	readonly delta: DeltaOptions | undefined;
	readonly version?: number | undefined;
	readonly migrate?: Migrations | undefined;
	/** What `pipe()` does with its items. */
	readonly pipes?: Pipes | undefined;
}

/** A stream, which browsers follow through `$live/*`. Called on the server it runs its loader. */
export interface LiveStream<
	Args extends readonly unknown[],
	Value,
	Dynamic extends boolean = boolean,
	Result = Value
> {
	(ctx: LiveContext, ...args: Args): MaybePromise<Result>;
	readonly '~live': StreamDeclaration & {
		/** Type only. */
		readonly args: Args;
		/** Type only. */
		readonly value: Value;
		/** Type only: the topic is made from arguments, so the client's stream is a function of them. */
		readonly dynamic: Dynamic;
	};
}

const MERGES: readonly MergeName[] = ['crud', 'latest', 'set', 'presence', 'cursor'];

/** Declares a stream of one topic by a strategy that has no pages. */
export function stream<Value>(
	topic: string,
	loader: (ctx: LiveContext) => MaybePromise<Value>,
	options: StreamOptions<[], NoInfer<Value>> & { merge: 'set' | 'presence' | 'cursor' }
): LiveStream<[], Value, false>;
/** Declares a stream of one topic. A loader that gives it page by page returns a `Page`. */
export function stream<Value>(
	topic: string,
	loader: (ctx: LiveContext) => MaybePromise<Value>,
	options?: StreamOptions<[], Listed<NoInfer<Value>>>
): LiveStream<[], Listed<Value>, false, Value>;
/** Declares a stream whose value is what the topic's log holds: the latest `max` events. */
export function stream<Item>(
	topic: string,
	loader: null,
	options: StreamOptions & { merge: 'latest'; delta?: never }
): LiveStream<[], Item[], false>;
/** Declares a stream per arguments by a strategy that has no pages. */
export function stream<Args extends readonly unknown[], Value>(
	topic: (ctx: LiveContext, ...args: Args) => string,
	loader: (ctx: LiveContext, ...args: Args) => MaybePromise<Value>,
	options: StreamOptions<NoInfer<Args>, NoInfer<Value>> & { merge: 'set' | 'presence' | 'cursor' }
): LiveStream<Args, Value, true>;
/** Declares a stream per arguments: the topic is made of them, by a synchronous function. */
export function stream<Args extends readonly unknown[], Value>(
	topic: (ctx: LiveContext, ...args: Args) => string,
	loader: (ctx: LiveContext, ...args: Args) => MaybePromise<Value>,
	options?: StreamOptions<NoInfer<Args>, Listed<NoInfer<Value>>>
): LiveStream<Args, Listed<Value>, true, Value>;
export function stream(topic: unknown, loader: unknown, options: StreamOptions = {}): unknown {
	if (typeof topic !== 'string' && typeof topic !== 'function') {
		const wanted = 'a topic name, or a function that makes one from the arguments';
		throw new RealtimeError('RT_LIVE_ARGUMENTS', ['live.stream()', typeof topic, wanted]);
	}
	const { merge = 'crud', prepend = false } = options;
	const key = options.key ?? (merge === 'presence' || merge === 'cursor' ? 'key' : 'id');
	const max = options.max ?? (merge === 'latest' ? 50 : 0);
	if (typeof loader !== 'function' && !(loader === null && merge === 'latest')) {
		const wanted = "a loader; or null with { merge: 'latest' }, for what the log holds";
		throw new RealtimeError('RT_LIVE_ARGUMENTS', ['live.stream()', typeof loader, wanted]);
	}
	if (!MERGES.includes(merge)) {
		const wanted = MERGES.map((name) => `'${name}'`).join(', ');
		throw new RealtimeError('RT_OPTION_INVALID', ['merge', 'live.stream()', merge, wanted]);
	}
	if (!Number.isSafeInteger(max) || max < 0) {
		const wanted = 'a whole number from 0';
		throw new RealtimeError('RT_OPTION_INVALID', ['max', 'live.stream()', max, wanted]);
	}
	const { delta, place } = options;
	if (place !== undefined && place !== 'after' && place !== 'before') {
		const wanted = "'after' or 'before'";
		throw new RealtimeError('RT_OPTION_INVALID', ['place', 'live.stream()', place, wanted]);
	}
	const isDelta = typeof delta?.version === 'function' && typeof delta.diff === 'function';
	if (delta !== undefined && (loader === null || !isDelta)) {
		const wanted = '{ version, diff }, two functions beside a loader';
		throw new RealtimeError('RT_OPTION_INVALID', ['delta', 'live.stream()', String(delta), wanted]);
	}
	checkVersions(options, merge);
	const run = (loader ?? (() => [])) as (...args: never[]) => unknown;
	const declaration = { kind: 'stream', schema: undefined, topic, loader };
	// What is no list has no end that could be cut off.
	const merging = { merge, key, prepend, max: merge === 'set' ? 0 : max };
	const { version, migrate } = options;
	const context = contextOf(options, 'live.stream()');
	return declared(run, { ...declaration, merge: merging, place, delta, version, migrate, context });
}
