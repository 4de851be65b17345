/** `live.validated()`: `live()` with a schema, under a name of its own that other wrappers go with. */

import type { StandardSchemaV1 } from '@standard-schema/spec';
import { RealtimeError } from 'svelte-realtime/kernel';
import { isSchema } from '../validate.ts';
import type { LiveContext } from './context.ts';
import type { LiveFunction } from './declare.ts';
import { wrapped } from '../wrap.ts';

/**
 * The same as `live(schema, handler)`; what it stands around may be live already, as in
 * `live.validated(schema, live.rateLimit(limit, handler))`. Its first argument is checked.
 *
 * @throws {RealtimeError} RT_LIVE_ARGUMENTS for what is no Standard Schema, for what is no function, and
 * for a function that has a schema.
 */
export function validated<Schema extends StandardSchemaV1, Rest extends readonly unknown[], Result>(
	schema: Schema,
	live: ((
		ctx: LiveContext,
		input: StandardSchemaV1.InferOutput<Schema>,
		...rest: Rest
	) => Result) & { readonly '~live'?: { readonly kind: 'rpc' } }
): LiveFunction<
	[input: StandardSchemaV1.InferOutput<Schema>, ...rest: Rest],
	Result,
	[input: StandardSchemaV1.InferInput<Schema>, ...rest: Rest]
> {
	const wanted = 'a Standard Schema (valibot, zod, arktype), and a function without one';
	const wrapper = { name: 'live.validated()', wanted, kinds: ['rpc'] };
	const refuse = (given: string): never => {
		throw new RealtimeError('RT_LIVE_ARGUMENTS', [wrapper.name, given, wanted]);
	};
	if (!isSchema(schema)) refuse('something that is no schema');
	return wrapped(wrapper, live, (declaration) =>
		declaration.schema ? refuse('a function that has a schema') : { schema }
	) as never;
}
