/** What every store of durable calls must do, whatever keeps it. */

import { expect, test } from 'vitest';
import type { CallStore } from 'svelte-realtime/plugins/rpc';

export interface CallsUnderTest {
	readonly store: CallStore;
	/** Lets so many milliseconds pass for the store. */
	elapse(ms: number): Promise<void>;
	close(): Promise<void>;
}

/** Milliseconds; a store elsewhere is asked within a part of the lease. */
const LEASE = 400;
const TIMES = { lease: LEASE, retention: 1000 };

/** @param makeStore A fresh, empty store. */
export function callsStoreContract(
	name: string,
	makeStore: (times: typeof TIMES) => Promise<CallsUnderTest>
): void {
	const contract = (claim: string, body: (under: CallsUnderTest) => Promise<void>): void => {
		test(`${name}: ${claim}`, async () => {
			const under = await makeStore(TIMES);
			try {
				await body(under);
			} finally {
				await under.close();
			}
		});
	};

	contract('of claims made at once one alone is the first', async ({ store }) => {
		const claims = Array.from({ length: 20 }, (_, i) => store.claim('a', `owner ${i}`, TIMES));

		const told = (await Promise.all(claims)).map(({ state }) => state);

		expect(told.filter((state) => state === 'first')).toHaveLength(1);
		expect(told.filter((state) => state === 'running')).toHaveLength(19);
		expect(await store.claim('b', 'x', TIMES)).toEqual({ state: 'first' });
	});

	contract('who claims once more is told the same again', async ({ store }) => {
		await store.claim('a', 'x', TIMES);

		expect(await store.claim('a', 'x', TIMES)).toEqual({ state: 'first' });
		expect(await store.claim('a', 'y', TIMES)).toEqual({ state: 'running' });
	});

	contract('names of prototypes are calls like others', async ({ store }) => {
		for (const call of ['__proto__', 'constructor']) {
			expect(await store.claim(call, 'x', TIMES)).toEqual({ state: 'first' });
			expect(await store.claim(call, 'y', TIMES)).toEqual({ state: 'running' });
		}
	});

	contract('what a call came to is what everybody is told', async ({ store }) => {
		const reply = '{"type":"reply","id":1,"data":"ä\u{1f600}\\u0000 "}';
		await store.claim('a', 'x', TIMES);

		expect(await store.commit('a', 'x', reply, TIMES)).toBe(true);
		expect(await store.commit('a', 'x', reply, TIMES)).toBe(true);

		for (const owner of ['x', 'y']) {
			expect(await store.claim('a', owner, TIMES)).toEqual({ state: 'done', reply });
		}
	});

	contract('a claim that is renewed is held', async ({ store, elapse }) => {
		await store.claim('a', 'x', TIMES);
		for (let i = 0; i < 5; i += 1) {
			await elapse(LEASE / 2);
			expect(await store.renew('a', 'x', TIMES)).toBe(true);
		}

		expect(await store.claim('a', 'y', TIMES)).toEqual({ state: 'running' });
	});

	contract('asking does not make a claim last longer', async ({ store, elapse }) => {
		await store.claim('a', 'x', TIMES);
		await elapse(LEASE / 2);
		expect(await store.claim('a', 'y', TIMES)).toEqual({ state: 'running' });
		await elapse(LEASE / 2);

		expect(await store.claim('a', 'y', TIMES)).toEqual({ state: 'lost' });
	});

	contract('a claim that is lost is nobody’s to run', async ({ store, elapse }) => {
		await store.claim('a', 'x', TIMES);
		await elapse(LEASE);

		for (const owner of ['y', 'z', 'y']) {
			expect(await store.claim('a', owner, TIMES)).toEqual({ state: 'lost' });
		}
		await store.abort('a', 'y');
		expect(await store.renew('a', 'y', TIMES)).toBe(false);
		expect(await store.commit('a', 'y', 'of y', TIMES)).toBe(false);
		expect(await store.claim('a', 'y', TIMES)).toEqual({ state: 'lost' });
	});

	contract('an owner that was late is late, and not lost', async ({ store, elapse }) => {
		await store.claim('a', 'x', TIMES);
		await store.claim('b', 'x', TIMES);
		await elapse(LEASE);

		expect(await store.renew('a', 'x', TIMES)).toBe(true);
		expect(await store.commit('b', 'x', 'of b', TIMES)).toBe(true);

		expect(await store.claim('a', 'y', TIMES)).toEqual({ state: 'running' });
		expect(await store.claim('b', 'y', TIMES)).toEqual({ state: 'done', reply: 'of b' });
	});

	contract('what was given up is the next one’s', async ({ store }) => {
		await store.claim('a', 'x', TIMES);
		await store.abort('a', 'x');
		await store.abort('a', 'x');

		expect(await store.claim('a', 'y', TIMES)).toEqual({ state: 'first' });
	});

	contract('nobody ends a claim of somebody else', async ({ store }) => {
		await store.claim('a', 'x', TIMES);
		await store.abort('a', 'x');
		await store.claim('a', 'y', TIMES);

		expect(await store.commit('a', 'x', 'of x', TIMES)).toBe(false);
		expect(await store.renew('a', 'x', TIMES)).toBe(false);
		await store.abort('a', 'x');

		expect(await store.claim('a', 'z', TIMES)).toEqual({ state: 'running' });
		expect(await store.commit('a', 'y', 'of y', TIMES)).toBe(true);
	});

	contract('what is done is neither given up nor renewed', async ({ store }) => {
		await store.claim('a', 'x', TIMES);
		await store.commit('a', 'x', 'of x', TIMES);

		await store.abort('a', 'x');

		expect(await store.renew('a', 'x', TIMES)).toBe(false);
		expect(await store.claim('a', 'y', TIMES)).toEqual({ state: 'done', reply: 'of x' });
	});

	contract('a store that has lost what it knew is told again', async ({ store }) => {
		await store.abort('a', 'x');

		expect(await store.renew('a', 'x', TIMES)).toBe(true);
		expect(await store.commit('b', 'x', 'of b', TIMES)).toBe(true);

		expect(await store.claim('a', 'y', TIMES)).toEqual({ state: 'running' });
		expect(await store.claim('b', 'y', TIMES)).toEqual({ state: 'done', reply: 'of b' });
	});

	contract('after its retention a call is forgotten, done or lost', async ({ store, elapse }) => {
		await store.claim('done', 'x', TIMES);
		await store.claim('lost', 'x', TIMES);
		await elapse(LEASE);
		await store.commit('done', 'x', 'of x', TIMES);
		await elapse(TIMES.retention - LEASE);

		expect(await store.claim('lost', 'y', TIMES)).toEqual({ state: 'first' });
		expect(await store.claim('done', 'y', TIMES)).toMatchObject({ state: 'done' });
		await elapse(LEASE);

		expect(await store.claim('done', 'y', TIMES)).toEqual({ state: 'first' });
	});
}
