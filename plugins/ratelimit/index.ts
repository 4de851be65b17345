/** Rate limits: how much one user, session or address may ask for. */

import {
	definePlugin,
	isThenable,
	LiveError,
	type Connection,
	type MaybePromise,
	type Plugin
} from 'svelte-realtime/kernel';
import type { Check } from 'svelte-realtime/plugins/rpc';
import { checkBudget, checkWhole } from './budget.ts';
import type { LimitedDeclaration } from './declare.ts';
import { userIdOf } from '../user-id.ts';
import { isVisited, rememberAddress, visitorOf } from './identity.ts';
import { memoryRateLimits } from '../memory-rate-limits.ts';
import type { Budget, RateLimitPolicy, RateLimitStore, RateLimitVerdict } from './port.ts';

export { rateLimited, type FunctionLimit } from './declare.ts';
export { memoryRateLimits, type MemoryStoreOptions } from '../memory-rate-limits.ts';
export type {
	Budget,
	RateLimitPolicy,
	RateLimitStore,
	RateLimitVerdict,
	VerdictSource
} from './port.ts';

export interface RateLimitOptions {
	/**
	 * What one identity may call and subscribe to; `false`: as much as it likes, but for functions
	 * with a limit of their own. @default 100 at once, refilled at 50 a second
	 */
	calls?: Budget | false;
	/** Identities that one limit counts at a time. @default 5000 */
	identities?: number;
}

/** What to take, and from how much. */
export interface Taking extends Budget {
	/** Points to take; 0 only looks. @default 1 */
	readonly cost?: number;
}

/** Counts what somebody does too much of. */
export interface RateLimit {
	/**
	 * Takes from the budget of `key`; refused, it has taken nothing. Keys of one budget share nothing
	 * with those of another.
	 *
	 * @example
	 * const { allowed } = await ctx.ratelimit.take(`mail:${ctx.user.id}`, { points: 5, window: 60_000 });
	 * @throws {RealtimeError} RT_OPTION_INVALID when an option is not a whole number in its range.
	 */
	take(key: string, options: Taking): MaybePromise<RateLimitVerdict>;
	/** Whom the limits take a connection for: the user's `id`, else the session, else the address. */
	identityOf(connection: Connection): string;
}

declare module 'svelte-realtime/kernel' {
	interface Capabilities {
		ratelimit: RateLimit;
	}
}

const CALLS: Budget = { points: 100, window: 2000 };

/**
 * Limits how much one identity may call and subscribe to.
 *
 * Requires `rpc`; uses `ratelimit.store` where a plugin provides it. Past the limit a call is
 * answered RATE_LIMITED with `retryAfter`, before its arguments are looked at.
 *
 * @throws {RealtimeError} RT_OPTION_INVALID when an option is not a whole number in its range.
 * @example realtime.config.ts: preset: single({ ratelimit: { calls: { points: 20, window: 1000 } } })
 */
export function ratelimit(options: RateLimitOptions = {}): Plugin<'rpc', 'ratelimit'> {
	const { calls = CALLS, identities = 5000 } = options;
	checkWhole(identities, { name: 'identities', where: 'ratelimit()', from: 1, to: Infinity });
	const common = calls && { name: 'calls', ...checkBudget(calls, 'ratelimit()') };

	return definePlugin({
		name: 'ratelimit',
		requires: ['rpc'],
		optional: ['ratelimit.store'],
		provides: ['ratelimit'],
		setup(kernel) {
			const { clock } = kernel;
			const rpc = kernel.use('rpc');
			const store: RateLimitStore =
				kernel.find('ratelimit.store') ?? memoryRateLimits({ identities });

			kernel.hook(
				'upgrade',
				({ purpose, data, request }) => {
					if (purpose === 'socket') rememberAddress(data, request.ip);
				},
				{ order: 'pre' }
			);

			/**
			 * An ordinary client that only follows streams has no session, and may share its address with an
			 * office: it is counted by its connection, which is as much its own to choose as a session.
			 */
			function identify(connection: Connection, kind: string): string {
				const id = userIdOf(connection);
				if (id === undefined && kind === 'stream' && rpc.sessionOf(connection) === undefined) {
					return `connection ${connection.id}`;
				}
				const visitor = visitorOf(connection);
				if (id !== undefined) {
					if (visitor === undefined) return `user ${id}`;
					if (visitor.userId !== id) {
						visitor.userId = id;
						visitor.userKey = `user ${id}`;
					}
					return visitor.userKey;
				}
				if (visitor?.sessionKey !== undefined) return visitor.sessionKey;
				const session = rpc.sessionOf(connection);
				if (session === undefined) return `address ${visitor?.address}`;
				const key = `session ${session}`;
				if (visitor !== undefined) visitor.sessionKey = key;
				return key;
			}

			function demand(
				connection: Connection,
				key: string,
				policy: RateLimitPolicy
			): MaybePromise<void> {
				const verdict = store.take(key, 1, policy, clock.now());
				if (isThenable(verdict)) return verdict.then((late) => judge(connection, late));
				return judge(connection, verdict);
			}

			function judge(connection: Connection, { allowed, retryAfterMs }: RateLimitVerdict): void {
				if (allowed) return;
				kernel.limited('ratelimit.calls', connection);
				throw new LiveError('RATE_LIMITED', undefined, { retryAfter: retryAfterMs });
			}

			const check: Check = (ctx, declaration, { connection, kind, isChecked }) => {
				// What a page loads while it is rendered belongs to the request for the page.
				if (isChecked || !isVisited(connection)) return;
				const { rateLimit } = declaration as LimitedDeclaration;
				if (rateLimit === undefined && common === false) return;
				const own = rateLimit?.key?.(ctx);
				const key = own == null ? identify(connection, kind) : `key ${own}`;
				if (rateLimit === undefined) return demand(connection, key, common as RateLimitPolicy);
				const { points, window } = rateLimit;
				return demand(connection, key, { name: `of ${ctx.path}`, points, window });
			};
			kernel.attach(() => rpc.before(check));

			kernel.provide('ratelimit', {
				take(key, { points, window, cost = 1 }) {
					checkBudget({ points, window }, 'ratelimit.take()');
					checkWhole(cost, { name: 'cost', where: 'ratelimit.take()', from: 0, to: points });
					const policy = { name: `take ${points} ${window}`, points, window };
					return store.take(key, cost, policy, clock.now());
				},
				identityOf: (connection) => identify(connection, 'rpc')
			});
		}
	});
}
