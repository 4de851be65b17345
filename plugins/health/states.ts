/** What is known of each backend. */

import type { Clock } from 'svelte-realtime/kernel';
import type { PageHealth } from './frames.ts';

export type HealthState = 'ok' | 'degraded';

/** What else is known. */
export interface HealthDetails {
	/** What is wrong, for the operator. */
	readonly reason?: string;
	/** Of the breaker in front of it. */
	readonly breaker?: 'closed' | 'open' | 'half-open';
}

export interface HealthEntry extends HealthDetails {
	/** A backend, or `backend:operation`. */
	readonly name: string;
	readonly state: HealthState;
	/** When it became so, in milliseconds since the Unix epoch by this instance's clock. */
	readonly since: number;
}

export class States {
	readonly #clock: Clock;
	readonly #entries: Map<string, HealthEntry> = new Map();
	readonly #listeners: Set<{ readonly listener: (entry: HealthEntry) => void }> = new Set();
	/** When the whole became what it is. */
	#since: number;

	constructor(clock: Clock) {
		this.#clock = clock;
		this.#since = clock.now();
	}

	/** @returns whether something has changed. */
	set(
		name: string,
		state: HealthState,
		details: HealthDetails,
		report: (e: unknown) => void
	): boolean {
		const before = this.#entries.get(name);
		const isSame = before?.state === state;
		if (isSame && before.breaker === details.breaker && before.reason === details.reason) {
			return false;
		}
		const whole = this.#state();
		const since = isSame ? before.since : this.#clock.now();
		const entry = { name, state, since, ...details };
		this.#entries.set(name, entry);
		if (this.#state() !== whole) this.#since = this.#clock.now();
		for (const { listener } of [...this.#listeners]) {
			try {
				listener(entry);
			} catch (error) {
				report(error);
			}
		}
		return true;
	}

	all(): readonly HealthEntry[] {
		return [...this.#entries.values()];
	}

	watch(listener: (entry: HealthEntry) => void): () => void {
		const entry = { listener };
		this.#listeners.add(entry);
		return () => void this.#listeners.delete(entry);
	}

	/** What a page is told: which backends, and neither what for nor why. */
	forPages(): PageHealth {
		const degraded = this.all().filter(({ state }) => state === 'degraded');
		const what = [...new Set(degraded.map(({ name }) => name.split(':', 1)[0]!))].sort();
		return { state: this.#state(), what, for: Math.max(0, this.#clock.now() - this.#since) };
	}

	#state(): HealthState {
		return this.all().some(({ state }) => state === 'degraded') ? 'degraded' : 'ok';
	}
}
