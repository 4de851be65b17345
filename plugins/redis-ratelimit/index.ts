/** Rate limits in Redis: all instances take from one budget. */

import { createHash } from 'node:crypto';
import { definePlugin, isLiveError, type Plugin } from 'svelte-realtime/kernel';
import type {} from 'svelte-realtime/plugins/instances';
import type { RateLimitPolicy, RateLimitVerdict } from 'svelte-realtime/plugins/ratelimit';
import type {} from 'svelte-realtime/plugins/redis';
import { checkCount, checkOption, checkTime } from '../checks.ts';
import { memoryRateLimits } from '../memory-rate-limits.ts';
import { tagged } from '../redis-keys.ts';
import { createRefusals } from './refusals.ts';
import { take } from './scripts.ts';

export interface RedisRateLimitOptions {
	/**
	 * What becomes of a take while Redis is away. `closed` refuses it; `local` gives each instance its
	 * share of the budget, in its own memory; `open` allows it. @default 'closed'
	 */
	outage?: 'closed' | 'local' | 'open';
	/** Milliseconds after which whom `closed` has refused is told to ask again. @default 1000 */
	retryAfter?: number;
	/** Identities that `local` counts of one limit. @default 5000 */
	identities?: number;
}

/** Characters up to which a key is written out: who looks into Redis sees whose it is. */
const LEGIBLE = 64;
/** Milliseconds within which a failure that is none of the connection is reported once. */
const QUIET = 60_000;

/**
 * Keeps rate limits in Redis: provides `ratelimit.store`. One command for each take, by the time of
 * Redis; a take is answered whatever becomes of it, and `source` says by whom.
 *
 * @throws {RealtimeError} RT_OPTION_INVALID
 */
export function redisRateLimit(
	options: RedisRateLimitOptions = {}
): Plugin<'redis', 'ratelimit.store'> {
	const { outage = 'closed', retryAfter = 1000, identities = 5000 } = options;
	const isPolicy = outage === 'closed' || outage === 'local' || outage === 'open';
	checkOption(isPolicy, 'outage', 'redisRateLimit()', outage, "'closed', 'local' or 'open'");
	checkTime('retryAfter', 'redisRateLimit()', retryAfter, 1);
	checkCount('identities', 'redisRateLimit()', identities);

	return definePlugin({
		name: 'redis-ratelimit',
		requires: ['redis'],
		optional: ['instances'],
		provides: ['ratelimit.store'],
		setup(kernel) {
			const redis = kernel.use('redis');
			const { clock } = kernel;
			const refusals = createRefusals();
			const own = memoryRateLimits({ identities });
			/** Instances that a budget was last known to be shared by. */
			let instances = 1;
			let reported = -Infinity;

			/** The share of this instance; where there are more instances than points, one in more time. */
			function shareOf({ name, points, window }: RateLimitPolicy): RateLimitPolicy {
				if (instances <= points) return { name, points: Math.floor(points / instances), window };
				return { name, points: 1, window: window * Math.ceil(instances / points) };
			}

			/** What there is to say while nobody can be asked. */
			async function alone(
				key: string,
				cost: number,
				policy: RateLimitPolicy
			): Promise<RateLimitVerdict> {
				if (outage === 'open') {
					return { allowed: true, remaining: policy.points, retryAfterMs: 0, source: 'local' };
				}
				if (outage === 'closed') {
					return { allowed: false, remaining: 0, retryAfterMs: retryAfter, source: 'failClosed' };
				}
				try {
					instances = (await kernel.find('instances')?.alive())?.length || 1;
				} catch {
					// It is away as well: as many as there were.
				}
				return own.take(key, cost, shareOf(policy), clock.now());
			}

			function report(error: unknown): void {
				// That it is away is said by the connection; anything else by nobody, and by each call again.
				const now = clock.now();
				if (isLiveError(error) || Math.abs(now - reported) < QUIET) return;
				reported = now;
				kernel.report(error);
			}

			async function ask(
				key: string,
				cost: number,
				policy: RateLimitPolicy
			): Promise<RateLimitVerdict> {
				const { points, window } = policy;
				const budget = budgetOf(key, policy);
				const from = clock.now();
				const refused = cost === 1 ? refusals.find(budget, from) : undefined;
				if (refused !== undefined) return refused;
				try {
					const answer = await redis.run('ratelimit', (client) =>
						take(client, [tagged(redis.prefix, budget)], [points, window, cost])
					);
					const [allowed, remaining, retryAfterMs] = answer as [number, number, number];
					if (allowed === 0 && cost === 1) refusals.keep(budget, from, retryAfterMs);
					return { allowed: allowed === 1, remaining, retryAfterMs, source: 'shared' };
				} catch (error) {
					report(error);
					return alone(key, cost, policy);
				}
			}

			kernel.provide('ratelimit.store', { take: ask });
		}
	});
}

/** Names the budget of a key. A policy that changes begins anew; long keys are not kept as they are. */
function budgetOf(key: string, { name, points, window }: RateLimitPolicy): string {
	const of = `limit ${name} ${points} ${window}`;
	if (key.length <= LEGIBLE) return `${of}: ${key}`;
	return `${of}# ${createHash('sha256').update(key).digest('base64url')}`;
}
