/** `live.rateLimit()`: gives a live function a budget of its own. */

import type { Declaration } from 'svelte-realtime/kernel';
import type { LiveContext, LiveFunction } from 'svelte-realtime/plugins/rpc';
import { wrapped, type LiveExport } from '../wrap.ts';
import { checkBudget } from './budget.ts';
import type { Budget } from './port.ts';

/** The budget of one function, or stream, for each identity. */
export interface FunctionLimit extends Budget {
	/**
	 * Who takes from it; nothing for the default identity. Asked before the arguments are looked at.
	 *
	 * @default the user, else the session, else the address
	 */
	key?(ctx: LiveContext): string | null | undefined;
}

/** A declaration that has a budget of its own. */
export interface LimitedDeclaration extends Declaration {
	readonly rateLimit?: FunctionLimit;
}

/**
 * The same live function, or stream, with a budget of its own: calls past it are answered
 * RATE_LIMITED with `retryAfter`. It stands in for the default limit, so it can be wider as well.
 *
 * @example export const send = live.rateLimit({ points: 5, window: 10_000 }, live(schema, handler));
 * @throws {RealtimeError} RT_LIVE_ARGUMENTS, RT_OPTION_INVALID.
 */
export function rateLimited<Live extends LiveExport>(limit: FunctionLimit, live: Live): Live;
/** The same around a bare function, which is live then. */
export function rateLimited<Args extends readonly unknown[], Result>(
	limit: FunctionLimit,
	handler: (ctx: LiveContext, ...args: Args) => Result
): LiveFunction<Args, Result>;
export function rateLimited(limit: FunctionLimit, live: unknown): LiveExport {
	const wrapper = {
		name: 'live.rateLimit()',
		wanted: 'a limit, and a function made by live() or a stream made by live.stream()',
		needs: 'ratelimit'
	};
	return wrapped(wrapper, live, () => ({
		rateLimit: { ...limit, ...checkBudget(limit, wrapper.name) }
	}));
}
