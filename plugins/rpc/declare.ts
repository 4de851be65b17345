/** `live()`: declares a function that browsers may call. */

import type { StandardSchemaV1 } from '@standard-schema/spec';
import { declared, RealtimeError, type Declaration } from 'svelte-realtime/kernel';
import { checkOption } from '../checks.ts';
import { contextOf, type RequestOptions } from '../request-options.ts';
import { isSchema } from '../validate.ts';
import type { LiveContext } from './context.ts';

/** What may be said of a function when it is declared. */
export interface FunctionOptions extends RequestOptions {
	/**
	 * What a call has come to is kept in `calls.store`, where a plugin provides it, so that a client that
	 * asks again is told also when the instance that ran it is gone. Costs a step of that store before
	 * each call and one after it. @default false
	 */
	durable?: boolean;
}

export interface RpcDeclaration extends Declaration {
	readonly kind: 'rpc';
	readonly durable?: boolean;
	readonly handler: (ctx: LiveContext, ...args: unknown[]) => unknown;
}

/** A function that browsers may call through `$live/*`, and servers like any other. */
export interface LiveFunction<
	Args extends readonly unknown[],
	Result,
	Input extends readonly unknown[] = Args
> {
	(ctx: LiveContext, ...args: Args): Result;
	readonly '~live': RpcDeclaration & {
		/** Type only: what a client passes. */
		readonly args: Input;
		/** Type only: what a client gets. */
		readonly result: Awaited<Result>;
	};
}

/** Declares a function that takes its arguments as they come. */
export function rpcFunction<Args extends readonly unknown[], Result>(
	handler: (ctx: LiveContext, ...args: Args) => Result,
	options?: FunctionOptions
): LiveFunction<Args, Result>;
/**
 * Declares a function whose first argument is checked by a Standard Schema (valibot, zod, arktype).
 * What fails is answered with VALIDATION and the schema's issues; the handler gets the schema's output.
 */
export function rpcFunction<
	Schema extends StandardSchemaV1,
	Rest extends readonly unknown[],
	Result
>(
	schema: Schema,
	handler: (ctx: LiveContext, input: StandardSchemaV1.InferOutput<Schema>, ...rest: Rest) => Result,
	options?: FunctionOptions
): LiveFunction<
	[input: StandardSchemaV1.InferOutput<Schema>, ...rest: Rest],
	Result,
	[input: StandardSchemaV1.InferInput<Schema>, ...rest: Rest]
>;
export function rpcFunction(first: unknown, ...rest: readonly unknown[]): unknown {
	const isChecked = typeof first !== 'function' || typeof rest[0] === 'function';
	const [schema, handler, options] =
		isChecked && rest.length > 0 ? [first, ...rest] : [undefined, first, ...rest];
	if (typeof handler !== 'function') {
		const wanted = 'a function, or a schema and a function';
		throw new RealtimeError('RT_LIVE_ARGUMENTS', ['live()', typeof handler, wanted]);
	}
	if (isChecked && !isSchema(schema)) {
		const wanted = 'a Standard Schema (valibot, zod, arktype) before the function';
		throw new RealtimeError('RT_LIVE_ARGUMENTS', ['live()', 'something that is no schema', wanted]);
	}
	const { durable = false } = (options ?? {}) as FunctionOptions;
	checkOption(typeof durable === 'boolean', 'durable', 'live()', durable, 'true or false');
	const context = contextOf(options, 'live()');
	const declaration = { kind: 'rpc', schema, handler, context, durable };
	return declared(handler as (...args: never[]) => unknown, declaration);
}
