/** `live.room()`: data, presence, cursors and actions of one place, in one declaration. */

import type { StandardSchemaV1 } from '@standard-schema/spec';
import {
	declarationOf,
	declared,
	RealtimeError,
	type Declaration,
	type Guard,
	type MaybePromise
} from 'svelte-realtime/kernel';
import {
	cursorsStream,
	type CursorsStreamOptions,
	type LiveCursors,
	type PublicUser as PublicCursor
} from 'svelte-realtime/plugins/cursors';
import {
	presenceStream,
	type LivePresence,
	type PresenceStreamOptions,
	type PublicUser as PublicMember
} from 'svelte-realtime/plugins/presence';
import type { LiveContext, LiveFunction } from 'svelte-realtime/plugins/rpc';
import {
	stream,
	type LiveStream,
	type StreamDeclaration,
	type StreamOptions
} from 'svelte-realtime/plugins/streams';
import type { ActionArgs } from './action.ts';
import { roomContext, type RoomContext } from './context.ts';

/** What can be done in a room: the arguments of its topic come first, then what is passed. */
export type RoomActions = Readonly<
	// `any`: each action has arguments of its own.
	Record<string, (ctx: RoomContext, ...args: any[]) => unknown>
>;

/**
 * `Args`, without being a place to infer them from. `NoInfer` of a tuple is no tuple to the compiler:
 * behind it a function that takes fewer arguments would not fit.
 */
type Settled<Args extends readonly unknown[]> = Args extends infer Known extends readonly unknown[]
	? Known
	: never;

type RoomPresence<Args extends readonly unknown[]> =
	true | Omit<PresenceStreamOptions<Args, unknown, StandardSchemaV1>, 'guard'>;
type RoomCursors = true | Omit<CursorsStreamOptions<never[]>, 'guard'>;

export interface RoomOptions<
	Args extends readonly unknown[],
	Value,
	Who extends RoomPresence<Settled<Args>> | undefined,
	Where extends RoomCursors | undefined,
	Actions
> extends Omit<StreamOptions<Settled<Args>, NoInfer<Value>>, 'version' | 'migrate'> {
	/** Which room it is: its topic, or a synchronous function that makes it from the arguments. */
	topic: string | ((ctx: LiveContext, ...args: Args) => string);
	/** Loads the room's data. */
	init: (ctx: LiveContext, ...args: Settled<Args>) => MaybePromise<Value>;
	/**
	 * Asked before anything else happens, whatever part of the room is asked for: `false` refuses with
	 * FORBIDDEN, an error with itself.
	 */
	guard?: (ctx: LiveContext, ...args: Settled<Args>) => MaybePromise<boolean | void>;
	/** Who is here: all who follow the data. `true`, or the options of `live.presence()`. */
	presence?: Who;
	/** Where they point at. `true`, or the options of `live.cursors()`. */
	cursors?: Where;
	/** What can be done here. */
	actions?: Actions;
	/**
	 * How many arguments the topic has. @default as many as its function has parameters behind `ctx`;
	 * those with a default and `...rest` do not count
	 */
	topicArgs?: number;
	/** A connection follows the data. It has passed the guard, and the data is loaded. */
	onJoin?: (ctx: RoomContext, ...args: Settled<Args>) => MaybePromise<void>;
	/** It does not any more. Once for each `onJoin`. */
	onLeave?: (ctx: RoomContext, ...args: Settled<Args>) => MaybePromise<void>;
}

/** The room's parts, as what they would be if they were exported one by one; those left out are not there. */
type RoomParts<Args extends readonly unknown[], Value, Who, Where, Actions> = {
	readonly data: LiveStream<Args, Value, IsDynamic<Args>>;
} & (undefined extends Who ? unknown : { readonly presence: PresenceOf<Args, Who> }) &
	(undefined extends Where ? unknown : { readonly cursors: CursorsOf<Args, Where> }) &
	(string extends keyof Actions ? unknown : ActionParts<Actions>);

type ActionParts<Actions> = {
	readonly [Name in keyof Actions]: Actions[Name] extends (...args: never[]) => infer Result
		? LiveFunction<ActionArgs<Actions[Name]>, Result>
		: never;
};

type IsDynamic<Args extends readonly unknown[]> = Args extends readonly [] ? false : true;

type OutputOf<Options, Name extends string> =
	Options extends Record<Name, infer Schema extends StandardSchemaV1>
		? StandardSchemaV1.InferOutput<Schema>
		: never;
type InputOf<Options, Name extends string> =
	Options extends Record<Name, infer Schema extends StandardSchemaV1>
		? StandardSchemaV1.InferInput<Schema>
		: never;

type PresenceOf<Args extends readonly unknown[], Who> = LivePresence<
	Args,
	Who extends { data(...args: never[]): MaybePromise<infer Data> }
		? Exclude<Data, null | undefined | false>
		: PublicMember,
	OutputOf<Who, 'state'>,
	InputOf<Who, 'state'>,
	IsDynamic<Args>
>;

type CursorsOf<Args extends readonly unknown[], Where> = LiveCursors<
	Args,
	Where extends { data: StandardSchemaV1 } ? OutputOf<Where, 'data'> : unknown,
	Where extends { user(...args: never[]): infer User } ? User : PublicCursor,
	IsDynamic<Args>,
	Where extends { data: StandardSchemaV1 } ? InputOf<Where, 'data'> : unknown
>;

/** A place that people share, which browsers enter through `$live/*`. On the server it loads the data. */
export interface LiveRoom<Args extends readonly unknown[], Value, Parts> {
	(ctx: LiveContext, ...args: Args): MaybePromise<Value>;
	readonly '~live': Omit<Declaration, 'parts'> & {
		readonly kind: 'room';
		readonly parts: Parts;
	};
}

/** Options as they are when nothing is known of their types. */
type AnyOptions = RoomOptions<
	readonly unknown[],
	unknown,
	RoomPresence<readonly unknown[]>,
	RoomCursors,
	RoomActions
>;

/** Names that mean something else on a room, or on every object that is awaited. */
const TAKEN = ['data', 'presence', 'cursors', 'then'];

/**
 * Declares a place that people share.
 *
 * A room is nothing but its parts, which each go through the same gate: whoever may not enter learns
 * nothing, is seen by nobody and can do nothing.
 *
 * @throws {RealtimeError} RT_OPTION_INVALID naming the option.
 */
export function room<
	Value,
	const Who extends RoomPresence<Settled<Args>> | undefined,
	const Where extends RoomCursors | undefined,
	Actions extends RoomActions,
	Args extends readonly unknown[] = []
>(
	options: RoomOptions<Args, Value, Who, Where, Actions>
): LiveRoom<Args, Value, RoomParts<Args, Value, Who, Where, Actions>>;
export function room(options: AnyOptions): unknown {
	const { topic, init, guard } = options;
	checkOptions(options);
	const roomArgs = options.topicArgs ?? (typeof topic === 'string' ? 0 : topic.length - 1);
	const within = (ctx: LiveContext, args: readonly unknown[]): RoomContext =>
		roomContext(ctx, typeof topic === 'string' ? topic : topic(ctx, ...args.slice(0, roomArgs)));
	return declared(init as (...args: never[]) => unknown, {
		kind: 'room',
		schema: undefined,
		parts: {
			...placeParts(options, within),
			...actionParts(options, { roomArgs, within, guard: guard as Guard | undefined })
		}
	});
}

type Within = (ctx: LiveContext, args: readonly unknown[]) => RoomContext;

/** What is followed: the data, and who and what is to be seen there. */
function placeParts(
	{ topic, init, guard: check, presence, cursors, onJoin, onLeave, ...rest }: AnyOptions,
	within: Within
): Record<string, unknown> {
	const guard = check as Guard | undefined;
	const who = presence === true ? {} : presence;
	const where = cursors === true ? {} : cursors;
	// Whoever follows the data is listed; whoever follows the list alone watches.
	const listed = who && streamOf(presenceStream(topic as string, { ...who, join: true } as never));
	const data = streamOf(stream(topic as string, init as never, rest as never));
	const followed: Partial<StreamDeclaration> = {
		async onSubscribe(ctx, name, args) {
			await Promise.all([
				listed?.onSubscribe?.(ctx, name, args),
				onJoin?.(within(ctx, args), ...args)
			]);
		},
		async onUnsubscribe(ctx, name, args) {
			await Promise.all([
				listed?.onUnsubscribe?.(ctx, name, args),
				onLeave?.(within(ctx, args), ...args)
			]);
		}
	};
	const part = (declaration: object): unknown => declared(init as never, declaration);
	return {
		data: part({ ...data, guard, ...followed }),
		...(who && {
			presence: presenceStream(topic as string, { ...who, guard, join: false } as never)
		}),
		...(where && {
			cursors: cursorsStream(topic as string, { ...where, guard } as never)
		})
	};
}

function actionParts(
	{ actions = {} }: AnyOptions,
	room: { roomArgs: number; within: Within; guard: Guard | undefined }
): Record<string, unknown> {
	const { roomArgs, within } = room;
	const guard = room.guard as ((ctx: LiveContext, ...args: unknown[]) => unknown) | undefined;
	const parts = Object.entries(actions).map(([name, run]) => {
		const handler = (ctx: LiveContext, ...args: unknown[]): unknown =>
			run(within(ctx, args), ...(args as [never]));
		return [
			name,
			declared(handler as (...args: never[]) => unknown, {
				kind: 'rpc',
				schema: declarationOf(run)?.schema,
				schemaAt: roomArgs,
				handler,
				guard:
					guard &&
					((ctx: LiveContext, ...args: unknown[]) => guard(ctx, ...args.slice(0, roomArgs)))
			})
		];
	});
	return Object.fromEntries(parts) as Record<string, unknown>;
}

function streamOf(live: unknown): StreamDeclaration {
	return declarationOf(live) as StreamDeclaration;
}

function checkOptions({ topic, init, actions = {}, topicArgs = 0 }: AnyOptions): void {
	const check = (isRight: boolean, name: string, value: unknown, wanted: string): void => {
		if (isRight) return;
		throw new RealtimeError('RT_OPTION_INVALID', [name, 'live.room()', String(value), wanted]);
	};
	const isTopic = typeof topic === 'string' || typeof topic === 'function';
	check(isTopic, 'topic', topic, 'a topic name, or a function that makes one from the arguments');
	check(typeof init === 'function', 'init', init, 'a function that loads the data');
	const isCount = Number.isSafeInteger(topicArgs) && topicArgs >= 0;
	check(isCount, 'topicArgs', topicArgs, 'a whole number from 0');
	for (const [name, run] of Object.entries(actions)) {
		const isName = /^(?!__)\w+$/.test(name) && !TAKEN.includes(name);
		check(isName, 'actions', name, `a name of letters, and none of ${TAKEN.join(', ')}`);
		check(typeof run === 'function', `actions.${name}`, run, 'a function');
	}
}
