/** `live.breaker()`: a live function, or the loader of a stream, behind a circuit breaker. */

import { declarationOf, type Declaration, type MaybePromise } from 'svelte-realtime/kernel';
import type { LiveContext, LiveFunction } from 'svelte-realtime/plugins/rpc';
import { wrapped, type LiveExport } from '../wrap.ts';
import type { Breaker } from '../circuit.ts';

/** What stands in for the result: a value, or what makes one. */
export type Fallback<Args extends readonly unknown[], Result> =
	Awaited<Result> | ((ctx: LiveContext, ...args: Args) => MaybePromise<Awaited<Result>>);

export interface BreakerFunctionOptions<
	Args extends readonly unknown[] = readonly never[],
	Result = unknown
> {
	breaker: Breaker;
	/**
	 * What callers get while it is open, and who makes the attempt when that takes too long. A function is
	 * called with what the live function would be.
	 *
	 * @default they are answered SERVICE_UNAVAILABLE, with `retryAfter`
	 */
	fallback?: Fallback<Args, Result>;
}

/** A declaration whose work is behind a breaker. */
export interface BreakerDeclaration extends Declaration {
	readonly breaker?: Breaker;
}

type Work = (...args: never[]) => unknown;
type ArgsOf<Live> = Live extends (ctx: never, ...args: infer Args) => unknown ? Args : never;
type ResultOf<Live> = Live extends (...args: never[]) => infer Result ? Result : never;

/**
 * The same live function, or stream, whose work is left alone while it keeps failing.
 *
 * Only the work itself counts: who is refused before, by guards, schemas and limits, never gets to it.
 *
 * @throws {RealtimeError} RT_LIVE_ARGUMENTS.
 * @example export const send = live.breaker({ breaker: mails }, live(schema, (ctx, mail) => post(mail)));
 */
export function withBreaker<Live extends LiveExport>(
	options: BreakerFunctionOptions<ArgsOf<Live>, ResultOf<Live>>,
	live: Live
): Live;
/** The same around a bare function, which is live then. */
export function withBreaker<Args extends readonly unknown[], Result>(
	options: BreakerFunctionOptions<NoInfer<Args>, NoInfer<Result>>,
	handler: (ctx: LiveContext, ...args: Args) => Result
): LiveFunction<Args, Result>;
export function withBreaker(options: BreakerFunctionOptions, live: unknown): LiveExport {
	const { breaker } = options;
	const isOne = typeof breaker?.run === 'function' && isWork(live);
	const wrapper = {
		name: 'live.breaker()',
		wanted:
			'{ breaker } made by createBreaker(), and a function made by live() or a stream with a loader',
		...(!isOne && { kinds: [] })
	};
	return wrapped(wrapper, live, (declaration) => {
		const name = workOf(declaration)!;
		const work = (declaration as unknown as Record<string, Work>)[name]!;
		return { breaker, [name]: behind(options, work) };
	});
}

/** Work that is asked only while the breaker says so. */
function behind(options: BreakerFunctionOptions, work: Work): Work {
	const { breaker } = options;
	const instead = (args: never[]): unknown => {
		const fallback = options.fallback as unknown;
		return typeof fallback === 'function' ? (fallback as Work)(...args) : fallback;
	};
	return (...args) =>
		breaker.run(() => work(...args), 'fallback' in options ? () => instead(args) : undefined);
}

/** Where the work of a declaration stands; undefined where there is none, or it is not all in one place. */
function workOf(declaration: Declaration): 'handler' | 'loader' | undefined {
	const { handler, loader, feed } = declaration as Declaration & Record<string, unknown>;
	if (typeof handler === 'function') return 'handler';
	return typeof loader === 'function' && feed === undefined ? 'loader' : undefined;
}

/** Whether something can be put behind a breaker; of a bare function, it can. */
function isWork(live: unknown): boolean {
	const declaration = declarationOf(live);
	return declaration ? workOf(declaration) !== undefined : typeof live === 'function';
}
