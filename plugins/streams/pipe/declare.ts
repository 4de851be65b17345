/** `pipe()`: the same stream with its items filtered, sorted, limited, and joined with others. */

import {
	chain,
	declarationOf,
	declared,
	RealtimeError,
	type MaybePromise
} from 'svelte-realtime/kernel';
import type { LiveContext } from 'svelte-realtime/plugins/rpc';
import { checkOption } from '../../checks.ts';
import type { LiveStream, StreamDeclaration } from '../declare.ts';
import type { Page } from '../paging.ts';
import type { Pipes, Step } from './facts.ts';
import type { Direction, Sort } from './order.ts';
import { transformed } from './transform.ts';

/** Items on their way through a pipe, with the arguments of their stream. Type only. */
export interface Flow<Item, Args extends readonly unknown[]> {
	readonly item: Item;
	readonly args: (take: (...args: Args) => void) => void;
}

/**
 * What `pipe()` does with the items of a stream: made by `pipe.filter`, `sort`, `limit` and `join`. Its
 * being a function is for the types, which go from one to the next that way.
 */
export interface Transform<In, Out, Args extends readonly unknown[]> {
	(flow: Flow<In, Args>): Flow<Out, Args>;
	readonly '~pipe': Step | SortStep | LimitStep;
}

/** A transform of what the one before it has made. */
type Next<From, To> = ((flow: From) => To) & { readonly '~pipe': Step | SortStep | LimitStep };

interface SortStep extends Sort {
	readonly by: 'sort';
}

interface LimitStep {
	readonly by: 'limit';
	readonly count: number;
}

/** What came of an item's field: `null` where there is nothing for it. */
export type Joined<Item, As extends string, Value> = Omit<Item, As> & {
	readonly [Name in As]: Value | null;
};

type Items = readonly unknown[];
type Loaded<Result, Item> = Result extends Page<unknown> ? Page<Item> : Item[];

/** A stream whose value is a list. */
type ListStream = ((...args: never[]) => unknown) & {
	readonly '~live': StreamDeclaration & {
		readonly args: Items;
		readonly value: Items;
		readonly dynamic: boolean;
	};
};
type Args<S extends ListStream> = S['~live']['args'];
type Begun<S> = S extends ListStream ? Flow<S['~live']['value'][number], Args<S>> : never;
type ItemOf<Ended> = Ended extends { readonly item: infer Item } ? Item : never;

/** The same stream with other items. */
type Piped<S, Ended> = S extends ListStream
	? LiveStream<
			Args<S>,
			ItemOf<Ended>[],
			S['~live']['dynamic'],
			Loaded<Awaited<ReturnType<S>>, ItemOf<Ended>>
		>
	: never;

/** The stream, with up to six transforms, each of what the one before it has made. */
export interface Pipe {
	<S, A>(stream: S & ListStream, first: Next<Begun<S>, A>): Piped<S, A>;
	<S, A, B>(stream: S & ListStream, first: Next<Begun<S>, A>, second: Next<A, B>): Piped<S, B>;
	<S, A, B, C>(
		stream: S & ListStream,
		first: Next<Begun<S>, A>,
		second: Next<A, B>,
		third: Next<B, C>
	): Piped<S, C>;
	<S, A, B, C, D>(
		stream: S & ListStream,
		first: Next<Begun<S>, A>,
		second: Next<A, B>,
		third: Next<B, C>,
		fourth: Next<C, D>
	): Piped<S, D>;
	<S, A, B, C, D, E>(
		stream: S & ListStream,
		first: Next<Begun<S>, A>,
		second: Next<A, B>,
		third: Next<B, C>,
		fourth: Next<C, D>,
		fifth: Next<D, E>
	): Piped<S, E>;
	<S, A, B, C, D, E, F>(
		stream: S & ListStream,
		first: Next<Begun<S>, A>,
		second: Next<A, B>,
		third: Next<B, C>,
		fourth: Next<C, D>,
		fifth: Next<D, E>,
		sixth: Next<E, F>
	): Piped<S, F>;
	/**
	 * Keeps the items for which `test` says yes.
	 *
	 * Everybody with the same arguments gets the same frames, so it is asked about the item and the
	 * arguments, not about who asks: what depends on the person belongs into the topic or a guard.
	 *
	 * @param test Synchronous; the same answer for the same item, always.
	 */
	filter<In, With extends Items>(
		test: (item: In, ...args: With) => boolean
	): Transform<In, In, With>;
	/**
	 * Orders the items by a field; those of a later `sort` are ordered by that, and by this where it does
	 * not tell them apart, as when one sorts twice. Equal ones stand in the order of their keys, and what
	 * has no value there is last.
	 *
	 * @param dir @default 'asc'
	 */
	sort<In, With extends Items>(field: keyof In & string, dir?: Direction): Transform<In, In, With>;
	/** Keeps the first items: whole numbers from 1. A list that events change has to be sorted for it. */
	limit<In, With extends Items>(count: number): Transform<In, In, With>;
	/**
	 * Puts what belongs to the value of a field beside it; where that is missing, or nothing belongs to
	 * it, `null`. Each value is looked up once for what is loaded, and once for an event.
	 *
	 * @param resolve May be asynchronous. What it fails with is reported; the stream is then asked for again.
	 */
	join<
		In,
		With extends Items,
		const Field extends keyof In & string,
		const As extends string,
		Value
	>(
		field: Field,
		resolve: (
			value: NonNullable<In[Field]>,
			...args: With
		) => MaybePromise<Value | null | undefined>,
		as: As
	): Transform<In, Joined<In, As, Value>, With>;
	/** The same with one question for all values: the results in the order of these. */
	join<
		In,
		With extends Items,
		const Field extends keyof In & string,
		const As extends string,
		Value
	>(
		field: Field,
		resolve: (
			values: readonly NonNullable<In[Field]>[],
			...args: With
		) => MaybePromise<readonly (Value | null | undefined)[]>,
		as: As,
		options: { readonly batch: true }
	): Transform<In, Joined<In, As, Value>, With>;
}

type Fn = (...args: unknown[]) => unknown;

/**
 * The same stream with its items transformed, on every way in which they reach a page: loaded, page
 * by page, missed, or as they happen.
 *
 * @throws {RealtimeError} RT_LIVE_ARGUMENTS for what is no stream of a list; RT_OPTION_INVALID for what a
 * transform cannot be made of, or cannot come after.
 * @example export const open = pipe(todos, pipe.filter((todo) => !todo.done), pipe.sort('due'));
 */
export const pipe: Pipe = Object.assign(piped as never, {
	filter: ((test: unknown) => {
		checkOption(typeof test === 'function', 'test', 'pipe.filter()', test, 'a function');
		return step({ by: 'filter', test });
	}) as never,
	sort: ((field: unknown, dir: unknown = 'asc') => {
		checkOption(typeof field === 'string', 'field', 'pipe.sort()', field, 'the name of a field');
		checkOption(dir === 'asc' || dir === 'desc', 'dir', 'pipe.sort()', dir, "'asc' or 'desc'");
		return step({ by: 'sort', field, dir });
	}) as never,
	limit: ((count: unknown) => {
		const isCount = Number.isSafeInteger(count) && (count as number) > 0;
		checkOption(isCount, 'count', 'pipe.limit()', count, 'a whole number from 1');
		return step({ by: 'limit', count });
	}) as never,
	join: ((field: unknown, resolve: Fn, as: unknown, { batch = false } = {}) => {
		checkOption(typeof field === 'string', 'field', 'pipe.join()', field, 'the name of a field');
		checkOption(typeof resolve === 'function', 'resolver', 'pipe.join()', resolve, 'a function');
		const isName = typeof as === 'string' && as !== '__proto__' && as !== '';
		checkOption(isName, 'as', 'pipe.join()', as, 'the name of a field');
		const each = (values: readonly unknown[], args: readonly unknown[]): unknown =>
			Promise.all(values.map((value) => resolve(value, ...args)));
		const all = (values: readonly unknown[], args: readonly unknown[]): unknown =>
			resolve(values, ...args);
		return step({ by: 'join', field, as, resolve: batch ? all : each });
	}) as never
});

function piped(stream: unknown, ...given: readonly unknown[]): unknown {
	const declaration = declarationOf(stream) as StreamDeclaration | undefined;
	const { merge } = declaration?.merge ?? {};
	const { flavour } = (declaration ?? {}) as { flavour?: string };
	const isList = merge === 'crud' || merge === 'latest' || merge === 'set';
	if (declaration?.kind !== 'stream' || flavour !== undefined || declaration.parts || !isList) {
		const what = declaration ? `live.${flavour ?? declaration.kind}()` : typeof stream;
		const wanted = 'a stream made by live.stream() whose value is a list, and transforms';
		throw new RealtimeError('RT_LIVE_ARGUMENTS', ['pipe()', what, wanted]);
	}
	const before = declaration.pipes ?? NONE;
	const pipes = given.reduce(added, before);
	const isOrdered = merge === 'set' || pipes.sorts.length > 0;
	const wanted = 'behind pipe.sort(), or left out for the `max` of the stream';
	checkOption(pipes.limit === 0 || isOrdered, 'limit', 'pipe()', pipes.limit, wanted);
	if (merge !== 'set' && pipes.sorts.length > 0) {
		checkOption(
			merge === 'crud',
			'sort',
			'pipe()',
			merge,
			"left out with { merge: 'latest' }, which has an order"
		);
		const max = 'left out where pipe.sort() decides which items are first: use pipe.limit()';
		checkOption(declaration.merge.max === 0, 'max', 'pipe()', declaration.merge.max, max);
	}
	// What the stream itself returns is transformed by what it is piped through already.
	const own = given.reduce(added, NONE);
	const further = { ...own, sorts: own.sorts.length > 0 ? pipes.sorts : [] };
	const { merge: merging } = declaration;
	const run = (ctx: LiveContext, ...args: unknown[]): unknown =>
		chain((stream as Fn)(ctx, ...args) as MaybePromise<unknown>, (value) =>
			transformed(value, { pipes: further, args, merge: merging, most: further.limit })
		);
	return declared(run as never, { ...declaration, pipes });
}

/** The identity, as its type says; what it stands for is beside it. */
function step(does: object): unknown {
	return Object.assign((flow: unknown): unknown => flow, { '~pipe': does });
}

const NONE: Pipes = { steps: [], sorts: [], limit: 0, late: [] };

/** @throws {RealtimeError} RT_LIVE_ARGUMENTS, RT_OPTION_INVALID */
function added(pipes: Pipes, given: unknown): Pipes {
	const step = (given as Partial<Transform<unknown, unknown, []>> | undefined)?.['~pipe'];
	if (step === undefined) {
		const wanted = 'a stream, and what pipe.filter, pipe.sort, pipe.limit and pipe.join return';
		throw new RealtimeError('RT_LIVE_ARGUMENTS', ['pipe()', typeof given, wanted]);
	}
	const { steps, sorts, late } = pipes;
	const isLate = pipes.limit > 0;
	if (step.by === 'join') {
		return isLate ? { ...pipes, late: [...late, step] } : { ...pipes, steps: [...steps, step] };
	}
	const wanted = 'in front of the limit: behind it there would be less, or something else';
	checkOption(!isLate, step.by, 'pipe()', 'behind pipe.limit()', wanted);
	if (step.by === 'filter') return { ...pipes, steps: [...steps, step] };
	if (step.by === 'limit') return { ...pipes, limit: step.count };
	const { field, dir } = step;
	return { ...pipes, sorts: [{ field, dir }, ...sorts] };
}
