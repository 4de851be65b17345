/** One derived value: of one declaration, and of one list of arguments. */

import type { Clock, MaybePromise } from 'svelte-realtime/kernel';
import { followAll, type Follow } from '../following.ts';
import type { ValueCell } from './cell.ts';
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
	readonly cell: ValueCell;
	readonly hub: Hub;
	readonly follow: Follow | undefined;
	readonly clock: Clock;
	/** Is told why it could not be worked out anew. */
	readonly failed: (cause: unknown) => void;
	/** Keeps those alive that it is derived from, if they are derived too; the result lets them go. */
	readonly keep: (topics: readonly string[]) => () => void;
}

export class Derivation {
	readonly path: string;
	readonly cell: ValueCell;
	/** Those who follow it. */
	count: number = 0;
	readonly #options: DerivationOptions;
	#facts: DerivedFacts;
	#settle: Settle;
	#sources: readonly string[] = [];
	#unlisten: () => void = () => {};
	#letGo: () => void = () => {};
	/** From when everything that happens in the sources is heard. */
	#hears: MaybePromise<unknown> = undefined;
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
	 * Works the value out from now on, or from when it is this instance's turn.
	 *
	 * @throws {RealtimeError} RT_OPTION_INVALID when its sources are none; and what their function throws.
	 */
	begin(): void {
		this.#name();
		this.cell.attend({
			begin: () => {
				this.#listen();
				if (this.#hears) this.#firstly().catch(this.#options.failed);
			},
			rest: () => this.#rest()
		});
	}

	/** From when there is a value. @throws what working it out throws. */
	ready(): MaybePromise<void> {
		if (this.cell.isCurrent) return this.cell.told();
		return this.cell.isOwn ? this.#firstly() : this.#wait();
	}

	/** The declaration is another, as after a save: those who follow it get what that makes of it. */
	replace(facts: DerivedFacts): void {
		this.#settle.end();
		this.#unlisten();
		const letGo = this.#letGo;
		this.#facts = facts;
		this.#settle = this.#settled();
		this.#name();
		if (this.cell.isOwn) this.#listen();
		letGo();
		this.#settle.poke();
	}

	end(): void {
		this.#isEnded = true;
		this.#settle.end();
		this.#rest();
		this.cell.end();
	}

	#name(): void {
		const { args, context, cell } = this.#options;
		const { sources } = this.#facts;
		const topics = typeof sources === 'function' ? sources(context() as never, ...args) : sources;
		checkSources(`live.derived() at "${this.path}"`, topics);
		this.#sources = topics.filter((topic) => topic !== cell.topic);
	}

	/** Listens, from before the value is first worked out, so that no change is missed. */
	#listen(): void {
		const { hub, keep, follow, clock } = this.#options;
		const lost = (): void => this.#settle.poke();
		const followed = followAll(follow, this.#sources, { clock, lost });
		const unlisten = hub.listen(this.#sources, (frame) => {
			followed.heard(frame);
			this.#settle.poke();
		});
		this.#hears = followed.ready;
		this.#unlisten = () => {
			unlisten();
			followed.end();
		};
		this.#letGo = keep(this.#sources);
	}

	#rest(): void {
		this.#unlisten();
		this.#letGo();
		this.#first = undefined;
	}

	#firstly(): Promise<void> {
		return (this.#first ??= this.#compute().finally(() => void (this.#first = undefined)));
	}

	/** Until there is a value of another instance's, or it is this one's turn. */
	async #wait(): Promise<void> {
		while (!this.cell.isCurrent) {
			if (this.cell.isOwn) return this.#firstly();
			await this.cell.changed();
		}
	}

	#settled(): Settle {
		const { clock, failed } = this.#options;
		const run = (): Promise<void> => this.#compute().catch(failed);
		return new Settle({ clock, debounce: this.#facts.debounce, run });
	}

	#compute(): Promise<void> {
		const { args, context } = this.#options;
		const compute = async (): Promise<void> => {
			if (this.#hears) await this.#hears;
			if (this.#isEnded || !this.cell.isOwn) return;
			const value = await this.#facts.compute(context() as never, ...args);
			if (!this.#isEnded) return this.cell.set(value);
		};
		const done = this.#line.then(compute);
		this.#line = done.catch(() => {});
		return done;
	}
}
