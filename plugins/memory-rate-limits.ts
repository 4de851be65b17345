/** The rate limits of one process. */

import { Budgets } from './budgets.ts';
import type { RateLimitPolicy, RateLimitStore } from './ratelimit/port.ts';

export interface MemoryStoreOptions {
	/** Keys that are counted at a time, for each policy. */
	readonly identities: number;
}

/** Policies that are remembered; what an app writes down has far fewer. */
const POLICIES = 1000;

export function memoryRateLimits({ identities }: MemoryStoreOptions): RateLimitStore {
	const tables = new Map<string, Budgets>();
	/** The table of the policy that was asked for last: nearly always the one of all calls. */
	let latest: { readonly policy: RateLimitPolicy; readonly table: Budgets } | undefined;

	function open(policy: RateLimitPolicy, now: number): Budgets {
		tables.delete(policy.name);
		if (tables.size >= POLICIES) tables.delete(tables.keys().next().value!);
		const table = new Budgets(policy, identities, now);
		tables.set(policy.name, table);
		// It may be the one that went.
		latest = undefined;
		return table;
	}

	return {
		take(key, cost, policy, now) {
			if (latest?.policy === policy) return latest.table.take(key, cost, now);
			const known = tables.get(policy.name);
			// A module that is written anew in dev may have another budget under the name.
			const isKnown = known?.points === policy.points && known.window === policy.window;
			const table = isKnown ? known : open(policy, now);
			latest = { policy, table };
			return table.take(key, cost, now);
		}
	};
}
