/** Telling what becomes of invocations, to those who count them. */

import {
	isThenable,
	type Clock,
	type Declaration,
	type MaybePromise
} from 'svelte-realtime/kernel';
import type { Invocation, Run } from './invocation.ts';

/** How one invocation ended: a call, a subscription, a page of a list, a page that is rendered. */
export interface Settlement {
	readonly kind: string;
	/** As it was asked for: it may be the path of nothing, and may be no text. */
	readonly path: unknown;
	/** Milliseconds from its frame to its end. */
	readonly duration: number;
	/** Why it was refused, or failed. */
	readonly failure: { readonly error: unknown } | undefined;
}

/** Hears of invocations once they have ended. What it throws is reported, and changes nothing. */
export type Observer = (settlement: Settlement) => void;

type Invoke = <D extends Declaration, R>(invocation: Invocation, run: Run<D, R>) => MaybePromise<R>;

interface Host {
	readonly clock: Clock;
	report(error: unknown): void;
}

/** The same `invoke`, which tells the observers; with none of them it costs nothing. */
export function observed(invoke: Invoke, observers: readonly Observer[], host: Host): Invoke {
	function tell(settlement: Settlement): void {
		for (const observer of observers) {
			try {
				observer(settlement);
			} catch (error) {
				host.report(error);
			}
		}
	}

	return (invocation, run) => {
		if (observers.length === 0) return invoke(invocation, run);
		const { kind, path } = invocation;
		const begun = host.clock.now();
		const settled = (failure?: { readonly error: unknown }): void =>
			tell({ kind, path, duration: host.clock.now() - begun, failure });
		try {
			const result = invoke(invocation, run);
			if (isThenable(result)) {
				result.then(
					() => settled(),
					(error: unknown) => settled({ error })
				);
			} else settled();
			return result;
		} catch (error) {
			settled({ error });
			throw error;
		}
	};
}
