/** `live.channel()`: declares a topic with a schema for each of its events. */

import {
	chain,
	declarationOf,
	RealtimeError,
	declared,
	type MaybePromise,
	type PublishResult,
	type TopicClass
} from 'svelte-realtime/kernel';
import type { LiveContext } from 'svelte-realtime/plugins/rpc';
import { stream, type StreamDeclaration } from 'svelte-realtime/plugins/streams';
import {
	checkEvents,
	mayPublish,
	type DataArgs,
	type EventInput,
	type EventInputs,
	type EventOutputs,
	type EventSchemas,
	type PublishRule
} from '../events.ts';
import type { Channels } from './index.ts';

/** How the events of a channel make its value. */
export type ChannelMerge = 'set' | 'latest' | 'crud' | 'none';

/** Decides about each event of a client's. A method, so that it need not name all arguments. */
type Decide<Args extends readonly unknown[], Name> = {
	decide(ctx: LiveContext, event: Name, ...args: Args): MaybePromise<boolean>;
}['decide'];

export interface ChannelOptions<
	Args extends readonly unknown[],
	Events extends EventSchemas,
	Said extends keyof Events,
	Merge
> {
	/** Event name → what checks its data (valibot, zod, arktype); `null`: any data. No others are published. */
	events: Events;
	/**
	 * What clients may publish: `true` for every event, a list of them, or a function that answers
	 * `true` for each. @default nothing
	 */
	publish?: true | readonly Said[] | Decide<Args, keyof Events & string>;
	/** Asked before anything else happens: `false` refuses with FORBIDDEN, an error with itself. */
	guard?(ctx: LiveContext, ...args: Args): MaybePromise<boolean | void>;
	/**
	 * How events make the value: `set` replaces it by the data of the newest, `latest` keeps a list of
	 * them, `crud` one by `created`, `updated`, `deleted`; `none` leaves it `null`. @default 'set'
	 */
	merge?: Merge;
	/** Field that identifies an item of a list. @default 'id' */
	key?: string;
	/** New items of a list go first. @default false */
	prepend?: boolean;
	/** Most items kept; 0 = all. @default 0 for crud, 50 for latest */
	max?: number;
	/**
	 * `logged` events are numbered, and sent again to who was away; `ephemeral` ones are heard by who is
	 * there. The config's `topics` stand above it. @default 'logged'
	 */
	class?: TopicClass;
	/**
	 * The topics of a channel with arguments: a prefix that ends in `*`. All of them are checked from the
	 * start; without it a topic is once it has been followed, or published to through the channel. An
	 * `ephemeral` channel needs it.
	 */
	topics?: string;
}

/** What the plugin needs to know of a channel. */
export interface ChannelFacts {
	/** Its one topic; absent where it is made from arguments. */
	readonly topic: string | undefined;
	/** Its topics, where it says. */
	readonly topics: string | undefined;
	readonly class: TopicClass;
	readonly events: EventSchemas;
}

export interface ChannelDeclaration extends StreamDeclaration {
	readonly flavour: 'channel';
	readonly channel: ChannelFacts;
}

/** What a channel shows: what has happened since it is followed. */
export type ChannelValue<Events, Merge> = Merge extends 'set'
	? EventOutputs<Events>[keyof Events] | null
	: Merge extends 'none'
		? null
		: Merge extends 'latest'
			? EventOutputs<Events>[keyof Events][]
			: unknown[];

/** A topic with checked events, which browsers follow through `$live/*`. */
export interface LiveChannel<
	Args extends readonly unknown[],
	Events extends EventSchemas,
	Said extends keyof Events = keyof Events,
	Merge = 'set',
	Dynamic extends boolean = boolean
> {
	/** The value that it begins with. */
	(ctx: LiveContext, ...args: Args): ChannelValue<Events, Merge>;
	/**
	 * Checks an event and publishes what its schema made of the data. The arguments of the topic come
	 * last. The result may be ignored or waited for.
	 *
	 * @throws {LiveError} INVALID_REQUEST for an event that there is not, VALIDATION with the issues; a
	 * promise that rejects where the schema is asynchronous. Nothing is published then.
	 */
	publish<Name extends keyof Events & string>(
		ctx: LiveContext,
		event: Name,
		...rest: Args extends readonly []
			? DataArgs<EventInput<Events[Name]>>
			: [data: EventInput<Events[Name]>, ...args: Args]
	): MaybePromise<PublishResult>;
	readonly '~live': ChannelDeclaration & {
		/** Type only. */
		readonly args: Args;
		/** Type only. */
		readonly value: ChannelValue<Events, Merge>;
		/** Type only: the topic is made from arguments, so the client's channel is a function of them. */
		readonly dynamic: Dynamic;
		/** Type only: what a client hears. */
		readonly heard: EventOutputs<Events>;
		/** Type only: what a client may publish. */
		readonly said: EventInputs<Pick<Events, Said>>;
	};
}

type Topic = string | ((ctx: LiveContext, ...args: never[]) => string);
type AnyOptions = ChannelOptions<readonly unknown[], EventSchemas, string, ChannelMerge>;

/** Declares a channel of one topic. */
export function channel<
	const Events extends EventSchemas,
	Said extends keyof NoInfer<Events> = keyof Events,
	const Merge extends ChannelMerge = 'set'
>(
	topic: string,
	options: ChannelOptions<[], Events, Said, Merge>
): LiveChannel<[], Events, Said, Merge, false>;
/** Declares a channel per arguments: the topic is made of them, by a synchronous function. */
export function channel<
	Args extends readonly unknown[],
	const Events extends EventSchemas,
	Said extends keyof NoInfer<Events> = keyof Events,
	const Merge extends ChannelMerge = 'set'
>(
	topic: (ctx: LiveContext, ...args: Args) => string,
	options: ChannelOptions<Args, Events, Said, Merge>
): LiveChannel<Args, Events, Said, Merge, true>;
export function channel(topic: Topic, options: AnyOptions): unknown {
	checkOptions(topic, options);
	const { events, merge = 'set', key, prepend, max } = options;
	const begin = (): unknown => (merge === 'set' || merge === 'none' ? null : []);
	const list = declarationOf(
		stream('channel', begin, {
			merge: merge === 'none' ? 'set' : merge,
			key,
			prepend,
			max
		} as never)
	) as StreamDeclaration;

	const facts: ChannelFacts = {
		topic: typeof topic === 'string' ? topic : undefined,
		topics: options.topics,
		class: options.class ?? 'logged',
		events
	};
	const live = declared(begin, {
		...list,
		flavour: 'channel',
		channel: facts,
		guard: options.guard,
		// Whoever asks for a topic makes it known, before anything can be read or published there.
		topic: (ctx: LiveContext, ...args: never[]) =>
			channelsOf(ctx)['~topic'](facts, typeof topic === 'string' ? topic : topic(ctx, ...args)),
		merge: { ...list.merge, merge, names: Object.keys(events) },
		parts: { publish: publishPart(options, () => declarationOf(live) as ChannelDeclaration) }
	});
	return Object.assign(live, {
		publish: (ctx: LiveContext, event: unknown, data: unknown, ...args: unknown[]) =>
			channelsOf(ctx)['~publish'](ctx, declarationOf(live) as ChannelDeclaration, {
				event,
				data,
				args
			})
	});
}

/** What a client that publishes calls: the event, its data, then the arguments of the topic. */
function publishPart(
	{ guard, publish: rule, events }: AnyOptions,
	self: () => ChannelDeclaration
): unknown {
	const handler = (
		ctx: LiveContext,
		event: unknown,
		data: unknown,
		...args: unknown[]
	): MaybePromise<void> => channelsOf(ctx)['~receive'](ctx, self(), { event, data, args });
	return declared(handler as never, {
		kind: 'rpc',
		schema: undefined,
		handler,
		guard: (ctx: LiveContext, event: unknown, data: unknown, ...args: unknown[]) =>
			chain(guard?.(ctx, ...args), (answer) =>
				answer === false
					? false
					: mayPublish(rule as PublishRule | undefined, events, ctx, { event, data, args })
			)
	});
}

/** @throws {RealtimeError} RT_CAPABILITY_MISSING */
function channelsOf(ctx: LiveContext): Channels {
	const { channels } = ctx as { channels?: Channels };
	if (channels !== undefined) return channels;
	throw new RealtimeError('RT_CAPABILITY_MISSING', ['live.channel()', 'channels']);
}

function checkOptions(topic: unknown, options: Partial<AnyOptions> | undefined): void {
	if (typeof topic !== 'string' && typeof topic !== 'function') {
		const wanted = 'a topic name, or a function that makes one from the arguments';
		throw new RealtimeError('RT_LIVE_ARGUMENTS', ['live.channel()', typeof topic, wanted]);
	}
	const { events, publish, topics, class: topicClass = 'logged', merge = 'set' } = options ?? {};
	checkEvents(events, publish, 'live.channel()');
	const check = (isRight: boolean, name: string, value: unknown, wanted: string): void => {
		if (isRight) return;
		throw new RealtimeError('RT_OPTION_INVALID', [name, 'live.channel()', String(value), wanted]);
	};
	const merges = ['set', 'latest', 'crud', 'none'];
	check(merges.includes(merge), 'merge', merge, merges.map((name) => `'${name}'`).join(', '));
	const classes = ['logged', 'ephemeral'];
	check(classes.includes(topicClass), 'class', topicClass, "'logged' or 'ephemeral'");
	const isPattern = typeof topics === 'string' && topics.length > 1 && topics.endsWith('*');
	const isFitting = typeof topic === 'function' && isPattern;
	const wanted = "a prefix ending in '*', beside a topic that is made from arguments";
	check(topics === undefined || isFitting, 'topics', topics, wanted);
	const isKnown = typeof topic === 'string' || topicClass === 'logged' || topics !== undefined;
	check(isKnown, 'topics', topics, `${wanted}: an ephemeral channel needs it`);
}
