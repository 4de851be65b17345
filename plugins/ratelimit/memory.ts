/** The rate limits of one process. */

import { Budgets } from '../budgets.ts';
import type { RateLimitPolicy, RateLimitStore } from './port.ts';

export interface MemoryStoreOptions {
	/** Keys that are counted at a time, for each policy. */
	readonly identities: number;
}

/** Policies that are remembered; what an app writes down has far fewer. */
const POLICIES = 1000;

export function memoryRateLimits({ identities }: MemoryStoreOptions): RateLimitStore {
	const tables = new Map<string, Budgets>();

	function open(policy: RateLimitPolicy, now: number): Budgets {
		tables.delete(policy.name);
		if (tables.size >= POLICIES) tables.delete(tables.keys().next().value!);
		const table = new Budgets(policy, identities, now);
		tables.set(policy.name, table);
		return table;
	}

	return {
		take(key, cost, policy, now) {
			const table = tables.get(policy.name);
			// A module that is written anew in dev may have another budget under the name.
			const isKnown = table?.points === policy.points && table.window === policy.window;
			return (isKnown ? table : open(policy, now)).take(key, cost, now);
		}
	};
}
