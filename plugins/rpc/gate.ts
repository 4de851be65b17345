/** `live.gate()`: asks before one live function, or stream, whether its caller may. */

import { isThenable, LiveError, RealtimeError, type MaybePromise } from 'svelte-realtime/kernel';
import type { LiveContext } from './context.ts';
import type { LiveFunction } from './declare.ts';
import { wrapped, type LiveExport } from '../wrap.ts';

/**
 * What the question is handed: the context, and the arguments once they are checked. A function that
 * is called with more than that says so: the bytes of an upload come after the question.
 */
type ArgsOf<Live> = Live extends { '~live': { checked: infer Args extends readonly unknown[] } }
	? Args
	: Live extends (ctx: never, ...args: infer Args) => unknown
		? Args
		: never;

const WRAPPER = {
	name: 'live.gate()',
	wanted: 'a function, and a function made by live() or a stream made by live.stream()'
};

/**
 * The same live function, or stream, for those for whom `may` says `true`; anybody else gets
 * FORBIDDEN, and nothing of it runs. It is asked each time: also for the next page of a stream, and
 * when a client comes back to it.
 *
 * @param may Asked with the context and the checked arguments; may be asynchronous.
 * @throws {RealtimeError} RT_LIVE_ARGUMENTS.
 * @example export const audit = live.gate((ctx) => ctx.user?.role === 'admin', live.stream('audit', load));
 */
export function gated<Live extends LiveExport>(
	may: (ctx: LiveContext, ...args: ArgsOf<Live>) => MaybePromise<boolean>,
	live: Live
): Live;
/** The same around a bare function, which is live then. */
export function gated<Args extends readonly unknown[], Result>(
	may: (ctx: LiveContext, ...args: NoInfer<Args>) => MaybePromise<boolean>,
	handler: (ctx: LiveContext, ...args: Args) => Result
): LiveFunction<Args, Result>;
export function gated(
	may: (ctx: never, ...args: never[]) => MaybePromise<boolean>,
	live: unknown
): LiveExport {
	if (typeof may !== 'function') {
		throw new RealtimeError('RT_LIVE_ARGUMENTS', [WRAPPER.name, typeof may, WRAPPER.wanted]);
	}
	return wrapped(WRAPPER, live, ({ guard: inner }) => ({
		guard: (ctx: never, ...args: never[]): MaybePromise<boolean | void> => {
			const next = (answer: unknown): MaybePromise<boolean | void> => {
				if (answer !== true) throw new LiveError('FORBIDDEN');
				return inner?.(ctx, ...args);
			};
			const answer = may(ctx, ...args);
			return isThenable(answer) ? Promise.resolve(answer).then(next) : next(answer);
		}
	}));
}
