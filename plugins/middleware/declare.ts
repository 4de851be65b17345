/** `live.middleware()`: a middleware of the whole app, declared in a live module. */

import {
	declared,
	RealtimeError,
	type Declaration,
	type MaybePromise
} from 'svelte-realtime/kernel';
import type { LiveContext } from 'svelte-realtime/plugins/rpc';
import type { Outcome } from './outcome.ts';

/**
 * Runs around every call and every subscription of the app, whichever module it stands in; `ctx.path`
 * says what it is around of. It returns what `next()` came to, or `answer(value)`, or throws.
 */
export type DeclaredMiddleware = (
	ctx: LiveContext,
	next: () => MaybePromise<Outcome>
) => MaybePromise<Outcome>;

export interface MiddlewareDeclaration extends Declaration {
	readonly kind: 'middleware';
	readonly handler: DeclaredMiddleware;
}

/** A middleware of the app. No client can call it. */
export interface LiveMiddleware extends DeclaredMiddleware {
	readonly '~live': MiddlewareDeclaration;
}

/**
 * Declares a middleware. Those of the config are around all that modules declare; these stand in the
 * order of their paths, the first one outermost.
 *
 * @throws {RealtimeError} RT_LIVE_ARGUMENTS for what is no function.
 * @example export const timed = live.middleware(async (ctx, next) => {
 * 	const begun = performance.now();
 * 	const outcome = await next();
 * 	console.log(ctx.path, performance.now() - begun);
 * 	return outcome;
 * });
 */
export function liveMiddleware(handler: DeclaredMiddleware): LiveMiddleware {
	if (typeof handler !== 'function') {
		const wanted = 'a function that returns what next() came to';
		throw new RealtimeError('RT_LIVE_ARGUMENTS', ['live.middleware()', typeof handler, wanted]);
	}
	const declaration = { kind: 'middleware', schema: undefined, handler };
	return declared(handler as (...args: never[]) => unknown, declaration) as LiveMiddleware;
}

/** The middleware of all modules, by path, in the order in which they run. */
export function middlewareIn(
	paths: ReadonlyMap<string, Declaration>
): readonly (readonly [path: string, run: DeclaredMiddleware])[] {
	const found = [...paths].flatMap(([path, declaration]) =>
		declaration.kind === 'middleware'
			? [[path, (declaration as MiddlewareDeclaration).handler] as const]
			: []
	);
	return found.sort(([one], [other]) => (one < other ? -1 : 1));
}
