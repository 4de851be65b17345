/** What every store of claims must do, whatever keeps it. */

import { expect, test } from 'vitest';
import type { DedupStore } from 'svelte-realtime/plugins/dedup';

export interface ClaimsUnderTest {
	readonly store: DedupStore;
	/** Lets so many milliseconds pass for the store. */
	elapse(ms: number): Promise<void>;
	close(): Promise<void>;
}

/** Milliseconds that a claim is held. */
const WINDOW = 400;

/** @param makeStore A fresh, empty store. */
export function dedupStoreContract(
	name: string,
	makeStore: (window: number) => Promise<ClaimsUnderTest>
): void {
	const contract = (claim: string, body: (under: ClaimsUnderTest) => Promise<void>): void => {
		test(`${name}: ${claim}`, async () => {
			const under = await makeStore(WINDOW);
			try {
				await body(under);
			} finally {
				await under.close();
			}
		});
	};

	contract('of claims made at once one alone is the first', async ({ store }) => {
		const claims = Array.from({ length: 20 }, (_, i) => store.claim('a', `owner ${i}`, WINDOW));

		const told = await Promise.all(claims);

		expect(told.filter((claim) => claim === 'first')).toHaveLength(1);
		expect(told.filter((claim) => claim === 'running')).toHaveLength(19);
		expect(await store.claim('b', 'x', WINDOW)).toBe('first');
	});

	contract('names of prototypes are ids like others', async ({ store }) => {
		for (const id of ['__proto__', 'constructor', '']) {
			expect(await store.claim(id, 'x', WINDOW)).toBe('first');
			expect(await store.claim(id, 'y', WINDOW)).toBe('running');
		}
	});

	contract('what is done stays claimed for a window from then on', async ({ store, elapse }) => {
		await store.claim('a', 'x', WINDOW);
		await elapse(WINDOW / 2);
		await store.done('a', 'x', WINDOW);

		await elapse((WINDOW * 3) / 4);
		expect(await store.claim('a', 'y', WINDOW)).toBe('done');
		await elapse(WINDOW / 4);

		expect(await store.claim('a', 'y', WINDOW)).toBe('first');
	});

	contract('asking does not make a claim last longer', async ({ store, elapse }) => {
		await store.claim('a', 'x', WINDOW);
		await elapse(WINDOW / 2);
		expect(await store.claim('a', 'y', WINDOW)).toBe('running');
		await elapse(WINDOW / 2);

		expect(await store.claim('a', 'y', WINDOW)).toBe('first');
	});

	contract('what was let go is free for the next', async ({ store }) => {
		await store.claim('a', 'x', WINDOW);

		await store.free('a', 'x');

		expect(await store.claim('a', 'y', WINDOW)).toBe('first');
	});

	contract('nobody ends a claim of somebody else', async ({ store }) => {
		await store.claim('a', 'x', WINDOW);

		await store.free('a', 'y');
		await store.done('a', 'y', WINDOW);
		await store.free('never claimed', 'y');

		expect(await store.claim('a', 'z', WINDOW)).toBe('running');
	});

	contract('work that has outlasted its claim is done all the same', async ({ store, elapse }) => {
		await store.claim('a', 'x', WINDOW);
		await elapse(WINDOW);
		await store.done('a', 'x', WINDOW);

		expect(await store.claim('a', 'y', WINDOW)).toBe('done');
	});
}
