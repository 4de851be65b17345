/** Upgrades that came to nothing, by who asked for them. */

import type { Clock } from 'svelte-realtime/kernel';
import { Budgets } from '../budgets.ts';
import type { Visitor } from './visitor.ts';

export interface Failures {
	/** Milliseconds until a visitor may try again; 0 for now. */
	wait(visitor: Visitor): number;
	/** Counts an upgrade. */
	count(visitor: Visitor): void;
	/** Counts a connection that ended early. */
	early(visitor: Visitor): void;
}

export interface FailureLimits {
	/** Failures of one visitor in a window. */
	readonly visitor: number;
	/** Failures of one address in a window. */
	readonly address: number;
	/** Milliseconds. */
	readonly window: number;
}

/** Visitors, and networks, that are counted at a time; of those beyond, nothing is remembered. */
const KEYS = 10_000;

export function failures({ visitor, address, window }: FailureLimits, clock: Clock): Failures {
	const now = clock.now();
	const visitors = new Budgets({ points: visitor, window }, KEYS, now);
	const networks = new Budgets({ points: address, window }, KEYS, now);

	return {
		wait: (who) =>
			Math.max(visitors.wait(who.visitor, clock.now()), networks.wait(who.network, clock.now())),
		count(who) {
			visitors.take(who.visitor, 1, clock.now());
			networks.take(who.network, 1, clock.now());
		},
		early: (who) => void networks.take(who.network, 1, clock.now())
	};
}
