/** `live.derived()`, `live.aggregate()`, `live.effect()`: declare what follows from events. */

import {
	declared,
	LiveError,
	RealtimeError,
	type Declaration,
	type MaybePromise
} from 'svelte-realtime/kernel';
import type { LiveContext } from 'svelte-realtime/plugins/rpc';
import type { LiveStream } from 'svelte-realtime/plugins/streams';
import { checkOption, checkTime } from '../checks.ts';
import type {
	AggregateFacts,
	DerivedContext,
	DerivedFacts,
	EffectFacts,
	ReactionContext,
	ReactionFacts
} from './facts.ts';
import type { Reactions } from './index.ts';

interface FollowedOptions<Args extends readonly unknown[]> {
	/** Its name. With arguments, or `perUser`, what tells one from the other is put behind it. @default its path */
	topic?: string;
	/** Milliseconds of silence in its sources that are waited for. @default 0: once for each tick */
	debounce?: number;
	/** May somebody follow it? `false` refuses with FORBIDDEN, an error with itself. */
	guard?: (ctx: LiveContext, ...args: Args) => MaybePromise<boolean | void>;
}

export interface DerivedOptions<
	Args extends readonly unknown[],
	PerUser extends boolean
> extends FollowedOptions<Args> {
	/** How its events change it; there is one way. @default 'set' */
	merge?: 'set';
	/**
	 * Each user has a value of their own, and `ctx.user` is that user. Else one value is shared by all
	 * who follow it, and is worked out for nobody in particular. @default false
	 */
	perUser?: PerUser;
}

/** Declares a value that is worked out anew when something happens in one of its sources. */
export function derived<Value, const PerUser extends boolean = false>(
	sources: readonly string[],
	compute: (ctx: DerivedContext<PerUser>) => MaybePromise<Value>,
	options?: DerivedOptions<[], PerUser>
): LiveStream<[], Value, false>;
/** Declares such a value per arguments: its sources are made of them, by a synchronous function. */
export function derived<
	Args extends readonly unknown[],
	Value,
	const PerUser extends boolean = false
>(
	sources: (ctx: DerivedContext<PerUser>, ...args: Args) => readonly string[],
	compute: (ctx: DerivedContext<PerUser>, ...args: Args) => MaybePromise<Value>,
	options?: DerivedOptions<NoInfer<Args>, PerUser>
): LiveStream<Args, Value, true>;
export function derived(
	sources: unknown,
	compute: unknown,
	options: DerivedOptions<never, boolean> = {}
): unknown {
	const owner = 'live.derived()';
	const { topic, debounce = 0, perUser = false, merge = 'set' } = options;
	if (typeof sources !== 'function') checkSources(owner, sources);
	checkFunction(owner, compute, 'topics, or a function that names them, and a function');
	checkOption(merge === 'set', 'merge', owner, merge, "'set'");
	checkOption(typeof perUser === 'boolean', 'perUser', owner, perUser, 'true or false');
	checkFollowed(owner, topic, debounce);
	const facts = { is: 'derived', sources, compute, topic, perUser, debounce };
	return followed(compute as never, facts as DerivedFacts, options.guard);
}

/** One field of an aggregate. */
export interface Field<Value> {
	/** What it begins with: a value, or a function that makes one. */
	init?: Value | (() => Value);
	/** What it is after an event; synchronous. */
	// `any`: what is published to a topic is known to the app only.
	reduce?(value: Value, event: string, data: unknown): Value;
	/** What is shown of it, from all fields; those above it are as they are shown. */
	// `any`: naming the type of all fields here would keep each from being inferred.
	compute?(state: unknown): Value;
}

export interface AggregateOptions<Value> extends FollowedOptions<[]> {
	/** What the fields are at the start; those that it leaves out begin with `init`. */
	snapshot?: (ctx: ReactionContext) => MaybePromise<Partial<Value>>;
}

/** Declares a value that every event of its sources adds to. */
export function aggregate<Value>(
	source: string | readonly string[],
	fields: { readonly [Name in keyof Value]: Field<Value[Name]> },
	options: AggregateOptions<NoInfer<Value>> = {}
): LiveStream<[], Value, false> {
	const owner = 'live.aggregate()';
	const { topic, snapshot, debounce = 0 } = options;
	const sources = typeof source === 'string' ? [source] : source;
	checkSources(owner, sources);
	const list = typeof fields === 'object' && fields !== null ? Object.values(fields) : [];
	const areFields = list.every((field) => typeof field === 'object' && field !== null);
	checkOption(list.length > 0 && areFields, 'fields', owner, fields, 'an object of fields');
	if (snapshot !== undefined) checkFunction(owner, snapshot, 'a function for snapshot');
	checkFollowed(owner, topic, debounce);
	const facts = { is: 'aggregate', sources, fields, topic, snapshot, debounce };
	const run = (ctx: LiveContext): unknown => reactionsOf(ctx)['~value'](facts as AggregateFacts);
	return followed(run as never, facts as AggregateFacts, options.guard) as never;
}

export interface EffectOptions {
	/** Milliseconds of silence that are waited for; the last event of each burst is told. @default 0: every event */
	debounce?: number;
}

export interface EffectDeclaration extends Declaration {
	readonly kind: 'effect';
	readonly reaction: EffectFacts;
}

/** What the server does when something happens. Called on the server it is done at once. */
export interface LiveEffect<Data> {
	(event: string, data: Data, ctx: ReactionContext): unknown;
	readonly '~live': EffectDeclaration;
}

/** Declares what is done after each event of its sources; whoever publishes does not wait for it. */
export function effect<Data = unknown>(
	sources: string | readonly string[],
	run: (event: string, data: Data, ctx: ReactionContext) => unknown,
	{ debounce = 0 }: EffectOptions = {}
): LiveEffect<Data> {
	const owner = 'live.effect()';
	const topics = typeof sources === 'string' ? [sources] : sources;
	checkSources(owner, topics);
	checkFunction(owner, run, 'topics and a function');
	checkTime('debounce', owner, debounce);
	const reaction = { is: 'effect', sources: topics, run, debounce };
	return declared(run as never, { kind: 'effect', schema: undefined, reaction }) as never;
}

/** A stream whose values come from the plugin, by `feed`. */
function followed(run: never, reaction: DerivedFacts | AggregateFacts, guard: unknown): never {
	return declared(run, {
		kind: 'stream',
		schema: undefined,
		guard,
		reaction,
		topic: (ctx: LiveContext, ...args: unknown[]) =>
			reactionsOf(ctx)['~topic'](ctx, reaction, args),
		feed: (ctx: LiveContext, topic: string) => reactionsOf(ctx)['~feed'](ctx, topic),
		loader: () => {
			throw new LiveError('INVALID_REQUEST', 'It has no pages.');
		},
		merge: { merge: 'set', key: 'id', prepend: false, max: 0 },
		delta: undefined
	}) as never;
}

/** What a declaration says of topics, if it does. */
export function reactionOf(declaration: Declaration): ReactionFacts | undefined {
	return (declaration as Partial<EffectDeclaration>).reaction;
}

/** @throws {RealtimeError} RT_CAPABILITY_MISSING */
function reactionsOf(ctx: LiveContext): Reactions {
	const { reactions } = ctx as { reactions?: Reactions };
	if (reactions !== undefined) return reactions;
	throw new RealtimeError('RT_CAPABILITY_MISSING', ['live.derived()', 'reactions']);
}

/** @throws {RealtimeError} RT_OPTION_INVALID when these are no names of topics. */
export function checkSources(owner: string, sources: unknown): void {
	const areNames =
		Array.isArray(sources) &&
		sources.length > 0 &&
		sources.every((name) => typeof name === 'string' && name !== '' && !name.endsWith('*'));
	const shown = Array.isArray(sources) ? JSON.stringify(sources) : String(sources);
	checkOption(areNames, 'sources', owner, shown, "a list of one or more topics, without '*'");
}

function checkFollowed(owner: string, topic: unknown, debounce: number): void {
	const isTopic =
		topic === undefined || (typeof topic === 'string' && topic !== '' && !topic.startsWith('__'));
	checkOption(isTopic, 'topic', owner, topic, "a name that does not begin with '__'");
	checkTime('debounce', owner, debounce);
}

function checkFunction(owner: string, value: unknown, wanted: string): void {
	if (typeof value === 'function') return;
	throw new RealtimeError('RT_LIVE_ARGUMENTS', [owner, typeof value, wanted]);
}
