/** `live.cursors()`: declares where those who follow a topic point at. */

import type { StandardSchemaV1 } from '@standard-schema/spec';
import {
	declared,
	RealtimeError,
	type Capabilities,
	type MaybePromise
} from 'svelte-realtime/kernel';
import type { LiveContext } from 'svelte-realtime/plugins/rpc';
import type { Feed, StreamDeclaration } from 'svelte-realtime/plugins/streams';
import { checkTime } from '../checks.ts';
import { isSchema } from '../validate.ts';
import type { Cursor } from './frames.ts';

/** Stands before the topic that the cursors are in. */
export const NAMESPACE = '__cursors:';

export interface CursorsStreamOptions<
	Args extends readonly unknown[] = readonly never[],
	Schema extends StandardSchemaV1 = StandardSchemaV1,
	User = unknown
> {
	/** Checks what a client sends of its cursor (valibot, zod, arktype), and answers at once. @default any JSON */
	data?: Schema;
	/**
	 * What others may know of the user; plain JSON. It is asked when somebody begins to follow, and
	 * sent with each move: keep it small. @default `name` and `color` of the user, where they are text
	 */
	user?(ctx: LiveContext, ...args: Args): User;
	/**
	 * Milliseconds from one frame of a topic to the next; the first move after silence is sent at once.
	 *
	 * @default that of the plugin
	 */
	interval?: number;
	/** Decides who may follow, and so move: `false` refuses with FORBIDDEN, an error with itself. */
	guard?(ctx: LiveContext, ...args: Args): MaybePromise<boolean | void>;
}

/** What the plugin needs to know of somebody who follows, and so may move. */
export interface Entrance {
	readonly data: StandardSchemaV1 | undefined;
	/** What others may know of the user. */
	readonly user: unknown;
	/** Milliseconds. */
	readonly interval: number | undefined;
}

/** Cursors, which browsers follow and move through `$live/*`. Called on the server it lists them. */
export interface LiveCursors<
	Args extends readonly unknown[],
	Data = unknown,
	User = unknown,
	Dynamic extends boolean = boolean,
	Input = Data
> {
	(ctx: LiveContext, ...args: Args): MaybePromise<readonly Cursor<Data, User>[]>;
	readonly '~live': StreamDeclaration & {
		readonly flavour: 'cursors';
		/** Type only. */
		readonly args: Args;
		/** Type only. */
		readonly value: readonly Cursor<Data, User>[];
		/** Type only. */
		readonly dynamic: Dynamic;
		/** Type only: what a client may send. */
		readonly cursor: Input;
	};
}

type Output<Schema extends StandardSchemaV1> = StandardSchemaV1.InferOutput<Schema>;
type Input<Schema extends StandardSchemaV1> = StandardSchemaV1.InferInput<Schema>;

/** What of a user others see where the declaration does not say. */
export interface PublicUser {
	readonly name?: string;
	readonly color?: string;
}

/** Declares the cursors of one topic. */
export function cursorsStream<
	Schema extends StandardSchemaV1 = StandardSchemaV1<any>,
	User = PublicUser
>(
	topic: string,
	options?: CursorsStreamOptions<[], Schema, User>
): LiveCursors<[], Output<Schema>, User, false, Input<Schema>>;
/** Declares cursors per arguments: the topic is made of them, by a synchronous function. */
export function cursorsStream<
	Args extends readonly unknown[],
	Schema extends StandardSchemaV1 = StandardSchemaV1<any>,
	User = PublicUser
>(
	topic: (ctx: LiveContext, ...args: Args) => string,
	options?: CursorsStreamOptions<NoInfer<Args>, Schema, User>
): LiveCursors<Args, Output<Schema>, User, true, Input<Schema>>;
export function cursorsStream(
	topic: unknown,
	{ data, user = publicUser, interval, guard }: CursorsStreamOptions = {}
): unknown {
	if (typeof topic !== 'string' && typeof topic !== 'function') {
		const wanted = 'a topic name, or a function that makes one from the arguments';
		throw new RealtimeError('RT_LIVE_ARGUMENTS', ['live.cursors()', typeof topic, wanted]);
	}
	if (data !== undefined && !isSchema(data)) {
		const wanted = 'a Standard Schema (valibot, zod, arktype)';
		throw new RealtimeError('RT_OPTION_INVALID', ['data', 'live.cursors()', typeof data, wanted]);
	}
	if (interval !== undefined) checkTime('interval', 'live.cursors()', interval);
	const topicOf = (ctx: LiveContext, ...args: unknown[]): string =>
		typeof topic === 'string' ? topic : (topic as (...all: unknown[]) => string)(ctx, ...args);
	const list = (ctx: LiveContext, ...args: unknown[]): unknown =>
		serviceOf(ctx).list(topicOf(ctx, ...args));
	return declared(list as (...args: never[]) => unknown, {
		kind: 'stream',
		flavour: 'cursors',
		schema: undefined,
		guard,
		topic,
		namespace: NAMESPACE,
		loader: list,
		merge: { merge: 'cursor', key: 'key', prepend: false, max: 0 },
		delta: undefined,
		feed: (ctx: LiveContext, base: string): Feed => serviceOf(ctx)['~feed'](base),
		onSubscribe: (ctx: LiveContext, base: string, args: never[]) =>
			serviceOf(ctx)['~enter'](ctx, base, { data, user: user(ctx, ...args), interval }),
		onUnsubscribe: (ctx: LiveContext) => serviceOf(ctx)['~leave'](ctx)
	});
}

/** @throws {RealtimeError} RT_CAPABILITY_MISSING where no plugin keeps cursors. */
function serviceOf(ctx: LiveContext): Capabilities['cursors'] {
	const { cursors } = ctx as { cursors?: Capabilities['cursors'] };
	if (cursors !== undefined) return cursors;
	throw new RealtimeError('RT_CAPABILITY_MISSING', ['live.cursors()', 'cursors']);
}

/** An allow-list: what an app keeps of its users is not for everybody. */
function publicUser({ user }: LiveContext): PublicUser | undefined {
	const { name, color } = (user ?? {}) as { name?: unknown; color?: unknown };
	const shown = {
		...(typeof name === 'string' && { name }),
		...(typeof color === 'string' && { color })
	};
	return Object.keys(shown).length > 0 ? shown : undefined;
}
