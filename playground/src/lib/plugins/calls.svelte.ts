/** Several calls at once, and what each of them came to. */

import { LiveError } from 'svelte-realtime/client';
import type { Chip } from './Chips.svelte';

export interface Calls<Result> {
	readonly chips: readonly Chip[];
	/** Begins them all, and settles when all are over. */
	run(calls: readonly (() => Promise<Result>)[]): Promise<void>;
}

/** @param say Says in a few words what a call came to. */
export function createCalls<Result>(say: (result: Result) => string): Calls<Result> {
	let chips = $state<Chip[]>([]);

	async function chipOf(call: () => Promise<Result>): Promise<Chip> {
		try {
			return { text: say(await call()), came: 'good' };
		} catch (error) {
			if (!(error instanceof LiveError)) throw error;
			return { text: error.code, came: 'bad' };
		}
	}

	return {
		get chips() {
			return chips;
		},
		async run(calls) {
			const own: Chip[] = calls.map(() => ({ text: 'waits' }));
			chips = own;
			await Promise.all(
				calls.map(async (call, index) => {
					const chip = await chipOf(call);
					if (chips.length === calls.length) chips[index] = chip;
				})
			);
		}
	};
}
