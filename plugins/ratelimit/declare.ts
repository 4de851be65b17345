/** `live.rateLimit()`: gives a live function a budget of its own. */

import {
	declarationOf,
	declared,
	RealtimeError,
	type Declaration,
	type Guard
} from 'svelte-realtime/kernel';
import type { LiveContext } from 'svelte-realtime/plugins/rpc';
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
export function rateLimited<Live extends (...args: never[]) => unknown>(
	limit: FunctionLimit,
	live: Live
): Live {
	const declaration = declarationOf(live);
	if (declaration === undefined || declaration.parts !== undefined) {
		const wanted = 'a limit, and a function made by live() or a stream made by live.stream()';
		throw new RealtimeError('RT_LIVE_ARGUMENTS', ['live.rateLimit()', typeof live, wanted]);
	}
	const rateLimit = { ...limit, ...checkBudget(limit, 'live.rateLimit()') };
	const guard = enforced(declaration.guard);
	return declared(live, { ...declaration, rateLimit, guard }) as Live;
}

/** Nothing runs where no plugin looks at the limit. */
function enforced(guard: Guard | undefined): Guard {
	return (ctx: never, ...args: never[]) => {
		if ((ctx as { ratelimit?: unknown }).ratelimit === undefined) {
			throw new RealtimeError('RT_CAPABILITY_MISSING', ['live.rateLimit()', 'ratelimit']);
		}
		return guard?.(ctx, ...args);
	};
}
