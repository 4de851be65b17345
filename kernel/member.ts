/** One plugin in one kernel, with everything that it has registered: it goes as a whole. */

import { steadyTime, systemClock, type Clock } from './clock.ts';
import type { HookTable } from './hooks.ts';
import type { Plugin } from './plugin.ts';
import { Asker } from './wish.ts';

export interface Service {
	readonly plugin: string;
	readonly service: unknown;
}

/** Capability → who provides it. */
export type Services = Map<string, Service>;

const nothing = (): void => {};

/**
 * A plugin that is set up beside a running server is first only prepared: what it registers has an
 * effect when it goes live, all at once, and none at all when its setup fails.
 */
export class Member {
	readonly plugin: Plugin;
	/** Where it looks for services: those of the server that it is, or is going to be, part of. */
	services: Services;
	/** Milliseconds that `setup` and `ready` took; undefined before they are through. */
	bootTime: number | undefined = undefined;
	/** Its handlers, as long as it is only prepared. */
	prepared: HookTable | undefined;
	/** The topics that connections ask for through it. */
	readonly asker: Asker = new Asker();
	/** It has been taken out: it registers nothing any more. */
	isGone: boolean = false;
	readonly #waiting: Set<() => void> = new Set();
	readonly #registered: Set<() => void> = new Set();
	readonly #timers: Set<() => void> = new Set();
	#isStopped: boolean = false;

	constructor(plugin: Plugin, services: Services, prepared: HookTable | undefined) {
		this.plugin = plugin;
		this.services = services;
		this.prepared = prepared;
	}

	/** Puts something in, now or when the plugin goes live; the result takes it out. */
	register(put: () => () => void): () => void {
		if (this.isGone) return nothing;
		let takeOut = nothing;
		const enter = (): void => void (takeOut = put());
		const end = (): void => {
			this.#waiting.delete(enter);
			if (this.#registered.delete(end)) takeOut();
		};
		this.#registered.add(end);
		if (this.prepared) this.#waiting.add(enter);
		else enter();
		return end;
	}

	/** What it has prepared takes effect. */
	goLive(services: Services): void {
		this.services = services;
		this.prepared = undefined;
		for (const enter of this.#waiting) enter();
		this.#waiting.clear();
	}

	/** Takes out all that it has registered. Its timers run on until `stop()`. */
	takeOut(): void {
		this.isGone = true;
		for (const end of [...this.#registered]) end();
	}

	/** Nothing of it happens by itself any more. */
	stop(): void {
		this.takeOut();
		this.#isStopped = true;
		for (const cancel of [...this.#timers]) cancel();
	}

	/** A clock whose timers end with the plugin. */
	clock(clock: Clock): Clock {
		const record = (start: (done: () => void) => () => void): (() => void) => {
			if (this.#isStopped) return nothing;
			let stop = nothing;
			const cancel = (): void => {
				if (this.#timers.delete(cancel)) stop();
			};
			this.#timers.add(cancel);
			stop = start(() => this.#timers.delete(cancel));
			return cancel;
		};
		return {
			now: () => clock.now(),
			steady: clock === systemClock ? steadyTime : () => clock.steady?.() ?? clock.now(),
			after: (delay, task) =>
				record((done) =>
					clock.after(delay, () => {
						done();
						task();
					})
				),
			every: (period, task) => record(() => clock.every(period, task))
		};
	}
}
