/** `live.presence()`: declares who is here, which browsers follow. */

import type { StandardSchemaV1 } from '@standard-schema/spec';
import {
	chain,
	declared,
	isLiveError,
	RealtimeError,
	type Guard,
	type LiveError,
	type MaybePromise
} from 'svelte-realtime/kernel';
import type { LiveContext, RegisteredUser } from 'svelte-realtime/plugins/rpc';
import type { StreamDeclaration } from 'svelte-realtime/plugins/streams';
import { isSchema } from '../validate.ts';
import type { Presence } from './index.ts';
import type { Member } from './port.ts';
import { pick, PUBLIC, type PublicUser } from './select.ts';
import { NAMESPACE } from './watched.ts';

/** What may stand for somebody who is not to be listed. */
type Unlisted = null | undefined | false;

export interface PresenceStreamOptions<
	Args extends readonly unknown[] = readonly unknown[],
	Data = PublicUser,
	Schema extends StandardSchemaV1 = never
> {
	/**
	 * What is said about a member, for everybody to see. Who gets `null`, `undefined` or `false` watches
	 * without being listed. @default what `select` lets through of `ctx.user`
	 */
	data?(ctx: LiveContext, ...args: Args): MaybePromise<Data | Unlisted>;
	/**
	 * The only fields that go out. @default all that `data` returns; of `ctx.user` itself `id`, `name`,
	 * `avatar` and `color`
	 */
	select?: readonly string[];
	/** Checks what members say about themselves. Without it they cannot say anything. */
	state?: Schema;
	/** Asked before anything else happens: `false` refuses with FORBIDDEN. */
	guard?(ctx: LiveContext, ...args: Args): MaybePromise<boolean | void>;
}

export interface PresenceDeclaration extends StreamDeclaration {
	readonly flavour: 'presence';
	/** Checks what members say about themselves; see PresenceStreamOptions. */
	readonly state: StandardSchemaV1 | undefined;
	/** Why whoever follows with this `ctx` is not listed. */
	refused(ctx: LiveContext): LiveError | undefined;
}

/** Who is here, which browsers follow through `$live/*`. Called on the server it lists the members. */
export interface LivePresence<
	Args extends readonly unknown[],
	Data,
	State = never,
	StateInput = State,
	Dynamic extends boolean = boolean
> {
	(ctx: LiveContext, ...args: Args): MaybePromise<readonly Member<Data, State>[]>;
	readonly '~live': PresenceDeclaration & {
		/** Type only. */
		readonly args: Args;
		/** Type only. */
		readonly value: readonly Member<Data, State>[];
		/** Type only: what a client passes to `update`. */
		readonly stateInput: StateInput;
		/** Type only: the topic is made from arguments, so the client's stream is a function of them. */
		readonly dynamic: Dynamic;
	};
}

type InputOf<Schema extends StandardSchemaV1> = [Schema] extends [never]
	? never
	: StandardSchemaV1.InferInput<Schema>;
type OutputOf<Schema extends StandardSchemaV1> = [Schema] extends [never]
	? never
	: StandardSchemaV1.InferOutput<Schema>;

/** Declares who is in one topic. */
export function livePresence<Data = PublicUser, Schema extends StandardSchemaV1 = never>(
	topic: string,
	options?: PresenceStreamOptions<[], Data, Schema>
): LivePresence<[], Data, OutputOf<Schema>, InputOf<Schema>, false>;
/** Declares who is in the topic that the arguments name. */
export function livePresence<
	Args extends readonly unknown[],
	Data = PublicUser,
	Schema extends StandardSchemaV1 = never
>(
	topic: (ctx: LiveContext, ...args: Args) => string,
	options?: PresenceStreamOptions<NoInfer<Args>, Data, Schema>
): LivePresence<Args, Data, OutputOf<Schema>, InputOf<Schema>, true>;
export function livePresence(topic: unknown, options: object = {}): unknown {
	if (typeof topic !== 'string' && typeof topic !== 'function') {
		const wanted = 'a topic name, or a function that makes one from the arguments';
		throw new RealtimeError('RT_LIVE_ARGUMENTS', ['live.presence()', typeof topic, wanted]);
	}
	return presenceStream(topic as Topic, { ...options, join: true });
}

type Topic = string | ((ctx: LiveContext, ...args: never[]) => string);

/** What makes up a stream of members, of whatever plugin. */
export interface PresencePart extends Omit<
	PresenceStreamOptions<never[], unknown, StandardSchemaV1>,
	'guard'
> {
	guard?: Guard | undefined;
	/** Whoever follows is listed; else something else lists members, by `ctx.presence.join()`. */
	join: boolean;
}

/** How one follower stands. */
interface Entrance {
	readonly unwatch: () => void;
	hasJoined: boolean;
	isOver: boolean;
	refused: LiveError | undefined;
}

/** Makes a stream of who is in a topic; the value that it loads and its events come from `ctx.presence`. */
export function presenceStream(
	topic: Topic,
	{ join, guard, state, ...options }: PresencePart
): (...args: never[]) => unknown {
	checkOptions(options, state);
	const entrances = new WeakMap<LiveContext, Entrance>();

	function enter(ctx: LiveContext, name: string, args: readonly unknown[]): MaybePromise<void> {
		const { connection } = ctx;
		const presence = presenceOf(ctx);
		const unwatch = presence.watch(name, connection);
		const entrance: Entrance = { unwatch, hasJoined: false, isOver: false, refused: undefined };
		entrances.set(ctx, entrance);
		if (!join) return;
		return chain(memberData(ctx, args, options), (data) => {
			if (entrance.isOver || data === undefined) return;
			try {
				presence.join(name, connection, data);
				entrance.hasJoined = true;
			} catch (error) {
				// That there is no room is counted where it happens; the follower goes on watching.
				if (!isLiveError(error) || error.code !== 'SERVICE_UNAVAILABLE') throw error;
				entrance.refused = error;
			}
		});
	}

	function leave(ctx: LiveContext, name: string): void {
		const entrance = entrances.get(ctx);
		if (entrance === undefined) return;
		entrance.isOver = true;
		if (entrance.hasJoined) presenceOf(ctx).leave(name, ctx.connection);
		entrance.unwatch();
	}

	const list = (ctx: LiveContext, ...args: never[]): MaybePromise<readonly Member[]> =>
		presenceOf(ctx).list(typeof topic === 'string' ? topic : topic(ctx, ...args));
	const declaration = {
		kind: 'stream',
		flavour: 'presence',
		schema: undefined,
		guard,
		topic,
		loader: list,
		merge: { merge: 'presence', key: 'key', prepend: false, max: 0 },
		delta: undefined,
		namespace: NAMESPACE,
		state,
		feed: (ctx: LiveContext, name: string) => presenceOf(ctx).follow(name),
		onSubscribe: enter,
		onUnsubscribe: leave,
		refused: (ctx: LiveContext) => entrances.get(ctx)?.refused
	};
	return declared(list as never, declaration);
}

/** What is said about a member; undefined: it is not to be listed. */
function memberData(
	ctx: LiveContext,
	args: readonly unknown[],
	{ data, select }: Pick<PresencePart, 'data' | 'select'>
): MaybePromise<unknown> {
	const user: unknown = ctx.user as RegisteredUser;
	return chain(data ? data(ctx, ...(args as never[])) : (user ?? {}), (given: unknown) => {
		if (given === null || given === undefined || given === false) return undefined;
		// A whole user is never what somebody meant to show to everybody.
		const fields = select ?? (given === user ? PUBLIC : undefined);
		return fields ? pick(given, fields) : given;
	});
}

/** @throws {RealtimeError} RT_CAPABILITY_MISSING */
function presenceOf(ctx: LiveContext): Presence {
	const { presence } = ctx as { presence?: Presence };
	if (presence) return presence;
	throw new RealtimeError('RT_CAPABILITY_MISSING', ['live.presence()', 'presence']);
}

function checkOptions(
	{ data, select }: Pick<PresencePart, 'data' | 'select'>,
	state: StandardSchemaV1 | undefined
): void {
	const check = (isRight: boolean, name: string, value: unknown, wanted: string): void => {
		if (isRight) return;
		throw new RealtimeError('RT_OPTION_INVALID', [name, 'live.presence()', String(value), wanted]);
	};
	check(data === undefined || typeof data === 'function', 'data', data, 'a function');
	const isList = Array.isArray(select) && select.every((name) => typeof name === 'string');
	check(select === undefined || isList, 'select', select, 'a list of field names');
	check(state === undefined || isSchema(state), 'state', state, 'a Standard Schema');
}
