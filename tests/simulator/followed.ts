/** One reader of one stream, and whether everything it is shown can be. */

import type { StreamStore } from 'svelte-realtime/client';
import type { World } from './world.ts';

/** A stream that there is: its path, its arguments, its topic. */
export interface Address {
	readonly path: string;
	readonly args: readonly unknown[];
	readonly topic: string;
}

export class Followed {
	readonly address: Address;
	readonly store: StreamStore<unknown>;
	readonly #world: World;
	readonly #name: string;
	readonly #leave: () => void;
	/** How far the value has come that was shown last: the number of an operation. */
	#reached: number = 0;
	value: unknown = undefined;
	#isLeft: boolean = false;

	constructor(world: World, name: string, address: Address, store: StreamStore<unknown>) {
		this.#world = world;
		this.#name = name;
		this.address = address;
		this.store = store;
		this.#leave = store.subscribe((value) => this.#see(value));
	}

	leave(): void {
		this.#isLeft = true;
		this.#leave();
	}

	#see(value: unknown): void {
		if (this.#isLeft) this.#world.violation(`${this.#name} is told after it has left`);
		const isGone = value === undefined && this.value !== undefined;
		this.value = value;
		const text = JSON.stringify(value);
		this.#world.log(`${this.#name} sees ${this.address.path} ${text}`);
		if (isGone) this.#world.violation(`${this.#name} loses the value of ${this.address.path}`);
		if (value === undefined) return;
		const { topic } = this.address;
		const { features, seeded } = this.#world;
		if (!features.seedsStand && seeded.has(`${this.#name} ${topic}`)) this.#reached = 0;
		if (topic === 'tail') return this.#seeTail(value as readonly { n: number }[], text);
		// Between a commit and its publish a loaded value is ahead of the events that follow it.
		if (this.#world.profile.publishing > 0) return;
		const least = topic.startsWith('pointer:') ? 0 : this.#reached;
		const reached = this.#world.database.table(topic).find(value, least);
		if (reached === undefined) {
			this.#world.violation(
				`${this.#name} sees a value of ${topic} that never was, or is older than one before: ${text}`
			);
		} else this.#reached = reached;
	}

	/** What the log holds has no hole, and never goes back but to nothing. */
	#seeTail(value: readonly { n: number }[], text: string): void {
		const isWhole = value.every(({ n }, index) => index === 0 || n === value[index - 1]!.n + 1);
		const last = value.at(-1)?.n;
		if (!isWhole || (last !== undefined && last < this.#reached)) {
			this.#world.violation(`${this.#name} sees a hole in the log of tail: ${text}`);
		}
		this.#reached = last ?? this.#reached;
	}
}
