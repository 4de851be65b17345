/** The lease of this instance, and what is done about those that have ended. */

import type { Redis } from 'ioredis';
import type { LeaseKeys } from './keys.ts';
import { claim, enter, forget, hold, renew } from './lease-scripts.ts';

/** What this instance has put is held under the name of its lease; each has a name of its own. */
export interface Lease {
	readonly name: string;
	/** Milliseconds since the Unix epoch by the clock of Redis: until then, at least, it runs. */
	readonly ends: number;
}

export interface LeasesOptions {
	readonly keys: LeaseKeys;
	readonly instance: string;
	run<T>(work: (client: Redis) => Promise<T>): Promise<T>;
	/** Takes some members of a lease out of a topic; how many are left. */
	takeOut(topic: string, lease: string): Promise<number>;
	report(error: unknown): void;
}

/** Topics that are cleared up at once. */
const PAGE = 32;

export class Leases {
	readonly #options: LeasesOptions;
	#begun: number = 0;
	#current: Lease | undefined;
	/** The latest, whether it runs or not. */
	#name: string = '';
	#reaping: Promise<void> | undefined;

	constructor(options: LeasesOptions) {
		this.#options = options;
	}

	/** Undefined before the first one, and where it was found to have ended. */
	get current(): Lease | undefined {
		return this.#current;
	}

	/** It was found to have ended. */
	lost({ name }: Lease): void {
		if (this.#current?.name === name) this.#current = undefined;
	}

	/** Renews the lease, or begins another; `due` is when the next of the others ends. */
	async beat(ttl: number): Promise<{ isRenewed: boolean; due: number; lease: Lease }> {
		const { keys, instance, run } = this.#options;
		// One that is known to have ended is not renewed: what it was told since was refused.
		const name = this.#current?.name ?? '';
		const fresh = `${instance}.${(this.#begun += 1).toString(36)}`;
		const answer = await run((client) =>
			renew(client, [keys.leases, keys.claims], [this.#name, fresh, ttl, name])
		);
		const [isRenewed, ends, due] = answer as [0 | 1, number, number];
		if (isRenewed === 0) this.#name = fresh;
		const lease = { name: this.#name, ends };
		this.#current = lease;
		return { isRenewed: isRenewed === 1, due, lease };
	}

	/** Notes that a lease may have members in a topic. @returns false where it has ended. */
	async enter({ name }: Lease, topic: string): Promise<boolean> {
		const { keys, run } = this.#options;
		const all = [keys.leases, keys.topics(name)];
		return (await run((client) => enter(client, all, [name, topic]))) === 1;
	}

	/** It has no members in these topics any more. */
	async leave({ name }: Lease, topics: readonly string[]): Promise<void> {
		const { keys, run } = this.#options;
		await run((client) => client.srem(keys.topics(name), ...topics));
	}

	/** Takes out the members of leases that have ended, one after the other. */
	reap(ttl: number): Promise<void> {
		return (this.#reaping ??= this.#reap(ttl).finally(() => (this.#reaping = undefined)));
	}

	/** Ends the lease of this instance: what is left of it is cleared up after by the others. */
	async end(): Promise<void> {
		const { keys, run } = this.#options;
		const name = this.#name;
		this.#current = undefined;
		if (name === '') return;
		const all = [keys.leases, keys.claims, keys.topics(name)];
		const isForgotten = await run((client) => forget(client, all, [name]));
		if (isForgotten === 0) await run((client) => client.zadd(keys.leases, 'XX', 0, name));
	}

	async #reap(ttl: number): Promise<void> {
		const { keys, run, report } = this.#options;
		for (;;) {
			const lease = await run((client) => claim(client, [keys.leases, keys.claims], [ttl]));
			if (typeof lease !== 'string') return;
			try {
				await this.#clear(lease, ttl);
			} catch (error) {
				// Its claim ends, and somebody goes on with it; others can be cleared up after now.
				report(error);
			}
		}
	}

	async #clear(lease: string, ttl: number): Promise<void> {
		const { keys, run, takeOut } = this.#options;
		const topicsKey = keys.topics(lease);
		for (;;) {
			const topics = await run((client) => client.srandmember(topicsKey, PAGE));
			if (topics.length === 0) break;
			await run((client) => hold(client, [keys.claims], [lease, ttl]));
			const clear = async (topic: string): Promise<void> => {
				while ((await takeOut(topic, lease)) > 0);
				await run((client) => client.srem(topicsKey, topic));
			};
			const results = await Promise.allSettled(topics.map(clear));
			const failed = results.find(({ status }) => status === 'rejected');
			if (failed) throw (failed as PromiseRejectedResult).reason;
		}
		await run((client) => forget(client, [keys.leases, keys.claims, topicsKey], [lease]));
	}
}
