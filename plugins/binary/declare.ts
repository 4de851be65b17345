/** `live.binary()`: declares a function that is handed bytes. */

import type { StandardSchemaV1 } from '@standard-schema/spec';
import { declared, RealtimeError, type Declaration } from 'svelte-realtime/kernel';
import type { LiveContext } from 'svelte-realtime/plugins/rpc';
import { checkCount } from '../checks.ts';
import { isSchema } from '../validate.ts';

export interface LiveBinaryOptions {
	/** Bytes of one upload; a larger one is PAYLOAD_TOO_LARGE, before any of them is sent. @default 10485760 */
	maxSize?: number;
	/** The function is handed a stream, and begins with the first byte; else with the last. @default false */
	stream?: boolean;
}

/** The bytes as they come: an `AsyncIterable` too. They come as fast as they are read. */
export type UploadStream = ReadableStream<Uint8Array<ArrayBuffer>>;

/** What the function is handed: all bytes in memory of their own, or a stream of them. */
export type UploadData<Options> = Options extends { stream: true }
	? UploadStream
	: Uint8Array<ArrayBuffer>;

export interface BinaryDeclaration extends Declaration {
	readonly kind: 'binary';
	/** Bytes. */
	readonly maxSize: number;
	readonly stream: boolean;
	readonly handler: (
		ctx: LiveContext,
		data: Uint8Array<ArrayBuffer> | UploadStream,
		...args: unknown[]
	) => unknown;
}

/** A function that browsers upload to through `$live/*`, and servers call like any other. */
export interface LiveBinary<
	Data,
	Args extends readonly unknown[],
	Result,
	Input extends readonly unknown[] = Args
> {
	(ctx: LiveContext, data: Data, ...args: Args): Result;
	readonly '~live': BinaryDeclaration & {
		/** Type only: what a client passes after the bytes. */
		readonly args: Input;
		/** Type only: the same once it is checked, as gates are handed it. */
		readonly checked: Args;
		/** Type only: what a client gets. */
		readonly result: Awaited<Result>;
	};
}

const MAX_SIZE = 10 * 1024 * 1024;

/**
 * Declares a function that is handed bytes, and further arguments as they come.
 *
 * @throws {RealtimeError} RT_LIVE_ARGUMENTS, RT_OPTION_INVALID.
 * @example export const avatar = live.binary((ctx, data, name: string) => store(ctx.user, name, data));
 */
export function binary<
	Args extends readonly unknown[],
	Result,
	const Options extends LiveBinaryOptions = {}
>(
	handler: (ctx: LiveContext, data: UploadData<Options>, ...args: Args) => Result,
	options?: Options
): LiveBinary<UploadData<Options>, Args, Result>;
/** The first argument after the bytes is checked by a Standard Schema, before any byte is sent. */
export function binary<
	Schema extends StandardSchemaV1,
	Rest extends readonly unknown[],
	Result,
	const Options extends LiveBinaryOptions = {}
>(
	schema: Schema,
	handler: (
		ctx: LiveContext,
		data: UploadData<Options>,
		input: StandardSchemaV1.InferOutput<Schema>,
		...rest: Rest
	) => Result,
	options?: Options
): LiveBinary<
	UploadData<Options>,
	[input: StandardSchemaV1.InferOutput<Schema>, ...rest: Rest],
	Result,
	[input: StandardSchemaV1.InferInput<Schema>, ...rest: Rest]
>;
export function binary(...given: readonly unknown[]): unknown {
	const schema = typeof given[1] === 'function' ? given[0] : undefined;
	const [handler, options = {}] = schema === undefined ? given : given.slice(1);
	const { maxSize = MAX_SIZE, stream = false } = options as LiveBinaryOptions;
	if (typeof handler !== 'function') {
		const wanted = 'a function, or a schema and a function, and options';
		throw new RealtimeError('RT_LIVE_ARGUMENTS', ['live.binary()', typeof handler, wanted]);
	}
	if (schema !== undefined && !isSchema(schema)) {
		const wanted = 'a Standard Schema (valibot, zod, arktype) before the function';
		const what = 'something that is no schema';
		throw new RealtimeError('RT_LIVE_ARGUMENTS', ['live.binary()', what, wanted]);
	}
	checkCount('maxSize', 'live.binary()', maxSize);
	if (typeof stream !== 'boolean') {
		const slots = ['stream', 'live.binary()', String(stream), 'true or false'];
		throw new RealtimeError('RT_OPTION_INVALID', slots);
	}
	const run = handler as (...args: never[]) => unknown;
	return declared(run, { kind: 'binary', schema, handler, maxSize, stream });
}
