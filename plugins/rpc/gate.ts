/** `live.gate()`: asks before one live function, or stream, whether its caller may. */

import {
	declarationOf,
	declared,
	isThenable,
	LiveError,
	RealtimeError,
	type MaybePromise
} from 'svelte-realtime/kernel';
import type { LiveContext } from './context.ts';

/** What the question is handed: the context, and the arguments once they are checked. */
type ArgsOf<Live> = Live extends (ctx: never, ...args: infer Args) => unknown ? Args : never;

/**
 * The same live function, or stream, for those for whom `may` says `true`; anybody else gets
 * FORBIDDEN, and nothing of it runs. It is asked each time: also for the next page of a stream, and
 * when a client comes back to it.
 *
 * @param may Asked with the context and the checked arguments; may be asynchronous.
 * @throws {RealtimeError} RT_LIVE_ARGUMENTS.
 * @example export const audit = live.gate((ctx) => ctx.user?.role === 'admin', live.stream('audit', load));
 */
export function gated<Live extends (...args: never[]) => unknown>(
	may: (ctx: LiveContext, ...args: ArgsOf<Live>) => MaybePromise<boolean>,
	live: Live
): Live {
	const declaration = declarationOf(live);
	const isOne = declaration !== undefined && declaration.parts === undefined;
	if (typeof may !== 'function' || !isOne) {
		const wanted = 'a function, and a function made by live() or a stream made by live.stream()';
		const given = typeof may === 'function' ? typeof live : typeof may;
		throw new RealtimeError('RT_LIVE_ARGUMENTS', ['live.gate()', given, wanted]);
	}
	const inner = declaration.guard;
	const guard = (ctx: never, ...args: never[]): MaybePromise<boolean | void> => {
		const next = (answer: unknown): MaybePromise<boolean | void> => {
			if (answer !== true) throw new LiveError('FORBIDDEN');
			return inner?.(ctx, ...args);
		};
		const answer = may(ctx, ...(args as ArgsOf<Live>));
		return isThenable(answer) ? Promise.resolve(answer).then(next) : next(answer);
	};
	return declared(live, { ...declaration, guard }) as Live;
}
