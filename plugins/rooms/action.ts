/** What can be done in a room. */

import type { StandardSchemaV1 } from '@standard-schema/spec';
import { declared, RealtimeError, type Declaration } from 'svelte-realtime/kernel';
import { isSchema } from '../validate.ts';
import type { RoomContext } from './context.ts';

export interface ActionDeclaration extends Declaration {
	readonly kind: 'action';
}

/** A function of a room whose payload is checked. */
export interface Action<Args extends readonly unknown[], Result, Input extends readonly unknown[]> {
	(ctx: RoomContext, ...args: Args): Result;
	readonly '~live': ActionDeclaration & {
		/** Type only: what a client passes. */
		readonly args: Input;
	};
}

/**
 * Declares an action whose payload, the first argument after those of the room's topic, is checked by
 * a Standard Schema. What fails is answered with VALIDATION and the schema's issues.
 *
 * @example rename: live.room.action(Rename, (ctx, input) => { … })
 */
export function action<Schema extends StandardSchemaV1, Rest extends readonly unknown[], Result>(
	schema: Schema,
	run: (ctx: RoomContext, input: StandardSchemaV1.InferOutput<Schema>, ...rest: Rest) => Result
): Action<
	[input: StandardSchemaV1.InferOutput<Schema>, ...rest: Rest],
	Result,
	[input: StandardSchemaV1.InferInput<Schema>, ...rest: Rest]
>;
/** Declares an action of a room whose topic has arguments: they come before the payload. */
export function action<Args extends readonly unknown[], Result>(
	schema: StandardSchemaV1,
	run: (ctx: RoomContext, ...args: Args) => Result
): Action<Args, Result, Args>;
export function action(schema: StandardSchemaV1, run: (...args: never[]) => unknown): unknown {
	if (typeof run !== 'function' || !isSchema(schema)) {
		const wanted = 'a Standard Schema (valibot, zod, arktype) and a function';
		throw new RealtimeError('RT_LIVE_ARGUMENTS', ['live.room.action()', typeof schema, wanted]);
	}
	return declared(run, { kind: 'action', schema });
}

/** What a client passes to an action. */
export type ActionArgs<Run> = Run extends {
	'~live': { args: infer Args extends readonly unknown[] };
}
	? Args
	: Run extends (ctx: never, ...args: infer Args) => unknown
		? Args
		: never;
