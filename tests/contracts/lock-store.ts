/** What every store of locks must do, whatever keeps it. */

import { expect, test } from 'vitest';
import type { Acquired, LockStore } from 'svelte-realtime/plugins/lock';

export interface LocksUnderTest {
	readonly store: LockStore;
	/** Lets so many milliseconds pass for the store. */
	elapse(ms: number): Promise<void>;
	/** Waits until it is so. */
	until(isSo: () => boolean): Promise<void>;
	close(): Promise<void>;
}

/** Milliseconds that a lease runs. */
const TTL = 800;

/** @param makeStore A fresh, empty store. */
export function lockStoreContract(name: string, makeStore: () => Promise<LocksUnderTest>): void {
	const contract = (claim: string, body: (under: LocksUnderTest) => Promise<void>): void => {
		test(`${name}: ${claim}`, async () => {
			const under = await makeStore();
			try {
				await body(under);
			} finally {
				await under.close();
			}
		});
	};
	const fenceOf = async (store: LockStore, key: string, owner: string): Promise<number> =>
		((await store.acquire(key, owner, TTL)) as Acquired).fence;

	contract('of those who ask at once one alone has the lock', async ({ store }) => {
		const asked = Array.from({ length: 20 }, (_, n) => store.acquire('a', `owner ${n}`, TTL));

		const told = await Promise.all(asked);
		const first = told.find((answer) => 'fence' in answer)!;

		expect(told.filter((answer) => 'fence' in answer)).toHaveLength(1);
		for (const answer of told) {
			if (!('fence' in answer)) expect(answer.heldUnder).toBe((first as Acquired).fence);
		}
		expect(await store.acquire('b', 'x', TTL)).toHaveProperty('fence');
	});

	contract('who is told that it is taken learns for how long', async ({ store, elapse }) => {
		await store.acquire('a', 'x', TTL);
		await elapse(TTL / 2);

		const { runsFor } = (await store.acquire('a', 'y', TTL)) as { runsFor: number };

		expect(runsFor).toBeGreaterThan(0);
		expect(runsFor).toBeLessThanOrEqual(TTL / 2);
	});

	contract('the fence grows with each holder, and stays as it is with one', async (under) => {
		const { store, elapse } = under;
		const first = await fenceOf(store, 'a', 'x');
		expect(await fenceOf(store, 'a', 'x')).toBe(first);
		await store.release('a', 'x');
		const second = await fenceOf(store, 'a', 'y');
		await elapse(TTL);
		const third = await fenceOf(store, 'a', 'x');

		expect(Number.isSafeInteger(first)).toBe(true);
		expect(second).toBeGreaterThan(first);
		expect(third).toBeGreaterThan(second);
	});

	contract('a lease that is renewed runs on, and one that is over is free', async (under) => {
		const { store, elapse } = under;
		await store.acquire('a', 'x', TTL);
		await elapse((TTL * 3) / 4);
		expect(await store.renew('a', 'x', TTL)).toBe(true);
		await elapse((TTL * 3) / 4);
		expect(await store.acquire('a', 'y', TTL)).not.toHaveProperty('fence');
		await elapse(TTL / 2);

		expect(await store.acquire('a', 'y', TTL)).toHaveProperty('fence');
		expect(await store.renew('a', 'x', TTL)).toBe(false);
	});

	contract('asking does not make the lease of another last longer', async ({ store, elapse }) => {
		await store.acquire('a', 'x', TTL);
		await elapse(TTL / 2);
		await store.acquire('a', 'y', TTL);
		await elapse(TTL / 2);

		expect(await store.acquire('a', 'y', TTL)).toHaveProperty('fence');
	});

	contract('nobody lets go of what somebody else has', async ({ store }) => {
		await store.acquire('a', 'x', TTL);

		await store.release('a', 'y');
		await store.release('never taken', 'y');

		expect(await store.renew('a', 'y', TTL)).toBe(false);
		expect(await store.acquire('a', 'y', TTL)).not.toHaveProperty('fence');
		expect(await store.renew('a', 'x', TTL)).toBe(true);
	});

	contract('who watches hears that it was let go of, until it does so no longer', async (under) => {
		const { store, until } = under;
		let [heard, others] = [0, 0];
		await store.acquire('a', 'x', TTL);
		const stop = await store.watch('a', () => void (heard += 1));
		await store.watch('a', () => void (others += 1));

		await store.release('a', 'x');
		await until(() => heard > 0 && others > 0);
		stop();
		const before = heard;
		await store.acquire('a', 'x', TTL);
		await store.release('a', 'x');
		await until(() => others > 1);

		expect(heard).toBe(before);
	});

	contract('names of prototypes and braces are keys like others', async ({ store }) => {
		for (const key of ['__proto__', 'constructor', '', '}{', 'a}']) {
			expect(await store.acquire(key, 'x', TTL)).toHaveProperty('fence');
			expect(await store.acquire(key, 'y', TTL)).not.toHaveProperty('fence');
		}
	});
}
