/** The tables of plugins, made when they are asked for, or when Postgres is there. */

import type { Pool, PoolClient } from 'pg';
import type { Migration } from '../postgres-tables.ts';

export type Make = (client: PoolClient, migration: Migration) => Promise<void>;

export class Making {
	readonly #pool: Pool;
	readonly #make: Make;
	/** Those that could not be made yet. */
	readonly #missing: Set<Migration> = new Set();
	#making: Promise<void> | undefined = undefined;

	constructor(pool: Pool, make: Make) {
		this.#pool = pool;
		this.#make = make;
	}

	async add(migration: Migration): Promise<void> {
		this.#missing.add(migration);
		await this.#one(migration);
	}

	/** Makes what is missing, once for all who wait for it; undefined where nothing is. */
	all(): Promise<void> | undefined {
		if (this.#missing.size === 0) return undefined;
		return (this.#making ??= this.#each().finally(() => (this.#making = undefined)));
	}

	async #each(): Promise<void> {
		for (const migration of [...this.#missing]) await this.#one(migration);
	}

	async #one(migration: Migration): Promise<void> {
		const own = await this.#pool.connect();
		try {
			await this.#make(own, migration);
			this.#missing.delete(migration);
		} finally {
			own.release();
		}
	}
}
