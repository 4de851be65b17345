/** Which streams each connection follows, by the ids that its client gave them. */

import type { Connection } from 'svelte-realtime/kernel';
import type { Follower } from './follow.ts';

export class Following {
	/** A map only where a connection follows several: most follow one. */
	readonly #byConnection: WeakMap<Connection, Follower | Map<number, Follower>> = new WeakMap();
	/** Of each connection, the streams that have not been answered yet; those without are left out. */
	readonly #loading: WeakMap<Connection, number> = new WeakMap();

	/** @param id As it came: anything. */
	find(connection: Connection, id: unknown): Follower | undefined {
		const own = this.#byConnection.get(connection);
		if (own instanceof Map) return own.get(id as number);
		return own?.id === id ? own : undefined;
	}

	of(connection: Connection): Iterable<Follower> {
		const own = this.#byConnection.get(connection);
		if (own instanceof Map) return own.values();
		return own ? [own] : [];
	}

	count(connection: Connection): number {
		const own = this.#byConnection.get(connection);
		if (own instanceof Map) return own.size;
		return own ? 1 : 0;
	}

	/** Its id must not be in use. */
	add(follower: Follower): void {
		const { connection, id } = follower;
		const own = this.#byConnection.get(connection);
		if (own instanceof Map) own.set(id, follower);
		else if (own === undefined) this.#byConnection.set(connection, follower);
		else {
			const several = new Map([own, follower].map((one) => [one.id, one]));
			this.#byConnection.set(connection, several);
		}
	}

	/** @returns whether its connection follows nothing any more. */
	remove(follower: Follower): boolean {
		const { connection, id } = follower;
		const own = this.#byConnection.get(connection);
		if (own instanceof Map) {
			if (own.get(id) === follower) own.delete(id);
			if (own.size > 0) return false;
		} else if (own !== follower) return false;
		return this.#byConnection.delete(connection);
	}

	/** The connection is gone: what it has followed. */
	clear(connection: Connection): Iterable<Follower> {
		const own = this.of(connection);
		this.#byConnection.delete(connection);
		return own;
	}

	/** How many of its streams are being answered. */
	loading(connection: Connection): number {
		return this.#loading.get(connection) ?? 0;
	}

	/** Counts one that is being answered; the result ends that. */
	load(connection: Connection): () => void {
		this.#loading.set(connection, this.loading(connection) + 1);
		return () => {
			const left = this.loading(connection) - 1;
			if (left > 0) this.#loading.set(connection, left);
			else this.#loading.delete(connection);
		};
	}
}
