/** Revocations that every instance hears of, over a logged topic that each of them follows. */

import { isThenable, type Clock, type PluginKernel, type Position } from 'svelte-realtime/kernel';
import type { LogEntry, ReplayLog, Tail } from 'svelte-realtime/plugins/replay';
import type { RevokeMode } from './users.ts';

/** A revocation as it is told. */
export interface Told {
	/** A user's id, or a connection's. */
	readonly whose: { readonly user: string } | { readonly connection: string };
	readonly mode: RevokeMode;
	readonly reason?: string | undefined;
}

export interface EverywhereOptions {
	readonly kernel: Pick<
		PluginKernel<never, never>,
		'clock' | 'hook' | 'instanceId' | 'report' | 'values'
	>;
	/** One that all instances share. */
	readonly log: SharedLog;
	/** Hears of what was revoked on another instance, once. */
	heard(told: Told): void;
	/** Somebody may have been revoked whom nobody knows: the log does not reach back to what was heard. */
	missed(): void;
}

export type SharedLog = ReplayLog & Required<Pick<ReplayLog, 'publish'>>;

const TOPIC = '__identity';
const EVENT = 'revoked';
/** Milliseconds after which the topic is looked at, whether or not anything came. */
const LOOK = 250;
/** Milliseconds after which what could not be told is told again. */
const RETRY = 500;

export class Everywhere {
	readonly #options: EverywhereOptions;
	#tail: Tail | undefined = undefined;
	/** Up to where it was heard. */
	#at: Position = { epoch: '', seq: 0 };
	#isEnded: boolean = false;

	constructor(options: EverywhereOptions) {
		const { kernel } = options;
		this.#options = options;
		kernel.hook('ready', () => this.#follow());
		kernel.hook('published', () => this.#look(), { topics: TOPIC });
		kernel.hook('shutdown', () => {
			this.#isEnded = true;
			this.#tail?.close();
		});
		// A history that begins anew tells nobody so, and nothing may come behind it.
		kernel.clock.every(LOOK, () => this.#look());
	}

	/** Tells all instances, again where that fails: a revocation is not given up. */
	tell(told: Told): void {
		const { kernel, log } = this.#options;
		const value = kernel.values.encode({ ...told, from: kernel.instanceId }, TOPIC);
		const attempt = async (): Promise<void> => {
			try {
				const { status } = await log.publish(TOPIC, EVENT, value);
				if (status === 'ok') return;
			} catch (error) {
				kernel.report(error);
			}
			// Said twice it is the same.
			if (!this.#isEnded) kernel.clock.after(RETRY, () => void attempt());
		};
		void attempt();
	}

	async #follow(): Promise<void> {
		const followed = this.#options.log.follow(TOPIC);
		const tail = isThenable(followed) ? await followed : followed;
		this.#at = tail.head();
		this.#tail = tail;
	}

	#look(): void {
		if (!this.#tail) return;
		const missed = this.#tail.since(this.#at);
		if (missed.length === 0) return;
		this.#at = this.#tail.head();
		if (typeof missed === 'string') return this.#options.missed();
		for (const entry of missed) this.#hear(entry);
	}

	#hear({ value }: LogEntry): void {
		const { kernel, heard } = this.#options;
		try {
			const told = kernel.values.read(value) as Told & { readonly from: string };
			if (told.from !== kernel.instanceId) heard(told);
		} catch (error) {
			// Somebody else has written there.
			kernel.report(error);
		}
	}
}

/** Connections that are asked at once, and milliseconds until the next ones are. */
const AT_ONCE = 100;
const PAUSE = 20;

/** Does something with all of many, not in one go. */
export function inTurn<T>(clock: Clock, all: Iterable<T>, task: (one: T) => void): void {
	const rest = [...all];
	const next = (): void => {
		for (const one of rest.splice(0, AT_ONCE)) task(one);
		if (rest.length > 0) clock.after(PAUSE, next);
	};
	next();
}
