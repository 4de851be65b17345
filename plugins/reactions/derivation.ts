/** One derived value: of one declaration, and of one list of arguments. */

import type { Clock, MaybePromise } from 'svelte-realtime/kernel';
import type { Cell } from './cell.ts';
import { checkSources } from './declare.ts';
import type { DerivedFacts } from './facts.ts';
import type { Hub } from './hub.ts';
import { Settle } from './settle.ts';

export interface DerivationOptions {
	/** Of the export that was asked for. */
	readonly path: string;
	readonly facts: DerivedFacts;
	readonly args: readonly unknown[];
	readonly context: () => unknown;
	readonly cell: Cell;
	readonly hub: Hub;
	readonly clock: Clock;
	/** Is told why it could not be worked out anew. */
	readonly failed: (cause: unknown) => void;
	/** Keeps those alive that it is derived from, if they are derived too; the result lets them go. */
	readonly keep: (topics: readonly string[]) => () => void;
}

export class Derivation {
	readonly path: string;
	readonly cell: Cell;
	/** Those who follow it. */
	count: number = 0;
	readonly #options: DerivationOptions;
	#facts: DerivedFacts;
	#settle: Settle;
	#unlisten: () => void = () => {};
	#letGo: () => void = () => {};
	/** Everything that is worked out waits here for what is before it. */
	#line: Promise<unknown> = Promise.resolve();
	#first: Promise<void> | undefined = undefined;
	#isEnded: boolean = false;

	constructor(options: DerivationOptions) {
		this.path = options.path;
		this.cell = options.cell;
		this.#options = options;
		this.#facts = options.facts;
		this.#settle = this.#settled();
	}

	get facts(): DerivedFacts {
		return this.#facts;
	}

	/**
	 * Listens, from before the value is first worked out, so that no change is missed.
	 *
	 * @throws {RealtimeError} RT_OPTION_INVALID when its sources are none; and what their function throws.
	 */
	listen(): void {
		const { args, context, hub, keep, cell } = this.#options;
		const { sources } = this.#facts;
		const topics = typeof sources === 'function' ? sources(context() as never, ...args) : sources;
		checkSources(`live.derived() at "${this.path}"`, topics);
		const others = topics.filter((topic) => topic !== cell.topic);
		this.#unlisten = hub.listen(others, () => this.#settle.poke());
		this.#letGo = keep(others);
	}

	/** From when there is a value. @throws what working it out throws. */
	ready(): MaybePromise<void> {
		if (!this.cell.isEmpty) return;
		this.#first ??= this.#compute().finally(() => void (this.#first = undefined));
		return this.#first;
	}

	/** The declaration is another, as after a save: those who follow it get what that makes of it. */
	replace(facts: DerivedFacts): void {
		this.#settle.end();
		this.#unlisten();
		const letGo = this.#letGo;
		this.#facts = facts;
		this.#settle = this.#settled();
		this.listen();
		letGo();
		this.#settle.poke();
	}

	end(): void {
		this.#isEnded = true;
		this.#settle.end();
		this.#unlisten();
		this.#letGo();
	}

	#settled(): Settle {
		const { clock, failed } = this.#options;
		const run = (): Promise<void> => this.#compute().catch(failed);
		return new Settle({ clock, debounce: this.#facts.debounce, run });
	}

	#compute(): Promise<void> {
		const { args, context } = this.#options;
		const compute = async (): Promise<void> => {
			if (this.#isEnded) return;
			const value = await this.#facts.compute(context() as never, ...args);
			if (!this.#isEnded) this.cell.set(value);
		};
		const done = this.#line.then(compute);
		this.#line = done.catch(() => {});
		return done;
	}
}
