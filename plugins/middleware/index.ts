/** Middleware: the app's own functions around every call and every stream. */

import {
	definePlugin,
	isThenable,
	RealtimeError,
	type MaybePromise,
	type Plugin
} from 'svelte-realtime/kernel';
import type { LiveContext, RunningCall } from 'svelte-realtime/plugins/rpc';

/** What a middleware is around of. */
export interface MiddlewareCall {
	/** The very one that the live function is handed. */
	readonly ctx: LiveContext;
	/** `module/function`. */
	readonly path: string;
	/** `rpc`, `stream`. */
	readonly kind: string;
	/** Checked, and authorised. */
	readonly args: readonly unknown[];
}

/** What something came to. Only `next()` and `answer()` make one, so that a forgotten `return` shows. */
export class Outcome<Value = unknown> {
	readonly value: Value;

	constructor(value: Value) {
		this.value = value;
	}
}

/**
 * Runs around calls and subscriptions. It returns what `next()` came to, or `answer(value)`, or
 * throws; `next()` runs the rest, once, and throws what that throws.
 *
 * @example
 * const timed: Middleware = async ({ path }, next) => {
 * 	const begun = performance.now();
 * 	const outcome = await next();
 * 	console.log(path, performance.now() - begun);
 * 	return outcome;
 * };
 */
export type Middleware = (
	call: MiddlewareCall,
	next: () => MaybePromise<Outcome>
) => MaybePromise<Outcome>;

/** Answers a call with something else than its function did. A stream is never answered so. */
export function answer<Value>(value: Value): Outcome<Value> {
	return new Outcome(value);
}

/**
 * Puts functions around every call and every subscription, the first one outermost, after the
 * arguments were checked and the guard said yes.
 *
 * A middleware that forgets to return, or calls `next()` again, fails that one call: it is reported
 * by its name, and the caller gets INTERNAL_ERROR.
 *
 * @throws {RealtimeError} RT_OPTION_INVALID for what is no function.
 * @example realtime.config.ts: plugins: [middleware(timed, audited)]
 */
export function middleware(...functions: readonly Middleware[]): Plugin<'rpc', never> {
	for (const [index, run] of functions.entries()) {
		if (typeof run === 'function') continue;
		const what = [`#${index + 1}`, 'middleware()', String(run), 'a function'];
		throw new RealtimeError('RT_OPTION_INVALID', what);
	}
	return definePlugin({
		name: 'middleware',
		requires: ['rpc'],
		setup(kernel) {
			const rpc = kernel.use('rpc');
			for (const [index, run] of functions.entries()) {
				rpc.around(around(run, run.name || `#${index + 1}`));
			}
		}
	});
}

type Around = (call: RunningCall, next: () => MaybePromise<unknown>) => MaybePromise<unknown>;

function around(run: Middleware, name: string): Around {
	return ({ ctx, declaration, args }, next) => {
		const { path } = ctx;
		const { kind } = declaration;
		let own: Outcome | undefined;
		let isCalled = false;

		const settle = (value: unknown): Outcome => (own = new Outcome(value));
		const runRest = (): MaybePromise<Outcome> => {
			if (isCalled) throw new RealtimeError('RT_MIDDLEWARE_TWICE', [name, path]);
			isCalled = true;
			const result = next();
			if (!isThenable(result)) return settle(result);
			const outcome = Promise.resolve(result).then(settle);
			// Where the middleware has forgotten it, its failure must not end the process.
			outcome.catch(() => {});
			return outcome;
		};
		const valueOf = (outcome: unknown): unknown => {
			// What a stream comes to is its subscription, which nothing else can stand for.
			if (outcome instanceof Outcome && (kind === 'rpc' || outcome === own)) return outcome.value;
			throw new RealtimeError('RT_MIDDLEWARE_RETURN', [name, describe(outcome), path]);
		};

		const returned: unknown = run({ ctx, path, kind, args }, runRest);
		return isThenable(returned) ? Promise.resolve(returned).then(valueOf) : valueOf(returned);
	};
}

function describe(value: unknown): string {
	if (value instanceof Outcome) return 'an answer of its own';
	return value === undefined ? 'nothing' : `a ${typeof value}`;
}
