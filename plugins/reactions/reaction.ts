/** One effect: what is done after events. */

import { isThenable, type Clock, type PublishedContext } from 'svelte-realtime/kernel';
import type { EffectFacts, ReactionContext } from './facts.ts';
import type { Hub } from './hub.ts';
import { Settle } from './settle.ts';

export interface ReactionOptions {
	readonly facts: EffectFacts;
	readonly context: () => ReactionContext;
	readonly hub: Hub;
	readonly clock: Clock;
	readonly failed: (cause: unknown) => void;
	/** Whether a topic's events are made on every instance, and carried to none. */
	readonly isOwn: (topic: string) => boolean;
	readonly keep: (topics: readonly string[]) => () => void;
}

export class Reaction {
	readonly #options: ReactionOptions;
	readonly #settle: Settle;
	readonly #ends: readonly (() => void)[];
	#last: PublishedContext | undefined = undefined;

	constructor(options: ReactionOptions) {
		const { facts, hub, clock, keep, isOwn } = options;
		const { sources, debounce } = facts;
		this.#options = options;
		this.#settle = new Settle({ clock, debounce, run: () => this.#run(this.#last!) });
		const hear = (frame: PublishedContext): void => {
			// Where it was published it is heard as well: once in all, not once on each instance.
			if (frame.origin === 'remote' && !isOwn(frame.topic)) return;
			if (debounce === 0) return queueMicrotask(() => void this.#run(frame));
			this.#last = frame;
			this.#settle.poke();
		};
		this.#ends = [hub.listen(sources, hear), keep(sources)];
	}

	/** @param isFlushed What waits for silence is done now, instead of not at all. */
	end(isFlushed: boolean): void {
		if (isFlushed) this.#settle.flush();
		this.#settle.end();
		for (const end of this.#ends) end();
	}

	#run({ event, data }: PublishedContext): unknown {
		const { facts, context, failed } = this.#options;
		try {
			const result = facts.run(event, data, context());
			return isThenable(result) ? Promise.resolve(result).catch(failed) : result;
		} catch (error) {
			return failed(error);
		}
	}
}
