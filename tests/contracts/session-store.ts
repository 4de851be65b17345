/** What every store of sessions must do, whatever keeps it. */

import { expect, test } from 'vitest';
import type { SessionStore } from 'svelte-realtime/plugins/session';

export interface SessionsUnderTest {
	readonly store: SessionStore;
	/** Lets so many milliseconds pass for the store. */
	elapse(ms: number): Promise<void>;
	close(): Promise<void>;
}

/** Milliseconds that a session lives. */
const TTL = 400;

/** @param makeStore A fresh, empty store. */
export function sessionStoreContract(
	name: string,
	makeStore: (ttl: number) => Promise<SessionsUnderTest>
): void {
	const contract = (claim: string, body: (under: SessionsUnderTest) => Promise<void>): void => {
		test(`${name}: ${claim}`, async () => {
			const under = await makeStore(TTL);
			try {
				await body(under);
			} finally {
				await under.close();
			}
		});
	};

	contract('what was set is read, by its id alone', async ({ store }) => {
		await store.set('a', { items: [1, 'two', null] }, TTL);

		expect(await store.get('a', TTL)).toEqual({ items: [1, 'two', null] });
		expect(await store.get('b', TTL)).toBeUndefined();
	});

	contract('names of prototypes are ids like others', async ({ store }) => {
		for (const id of ['__proto__', 'constructor', 'toString', '']) {
			expect(await store.get(id, TTL)).toBeUndefined();
			await store.set(id, id, TTL);
			expect(await store.get(id, TTL)).toBe(id);
		}
	});

	contract('false, null and 0 are values', async ({ store }) => {
		for (const value of [false, null, 0, '']) {
			await store.set('a', value, TTL);
			expect(await store.get('a', TTL)).toBe(value);
		}
	});

	contract('a session that is not used is over after its time', async ({ store, elapse }) => {
		await store.set('a', 1, TTL);

		await elapse(TTL);

		expect(await store.get('a', TTL)).toBeUndefined();
		expect(await store.touch('a', TTL)).toBe(false);
		expect(await store.delete('a')).toBe(false);
	});

	contract('reading, touching and setting begin its time anew', async ({ store, elapse }) => {
		for (const id of ['read', 'touched', 'set']) await store.set(id, id, TTL);

		for (let i = 0; i < 4; i += 1) {
			await elapse(TTL / 2);
			expect(await store.get('read', TTL)).toBe('read');
			expect(await store.touch('touched', TTL)).toBe(true);
			await store.set('set', i, TTL);
		}

		expect(await store.get('touched', TTL)).toBe('touched');
		expect(await store.get('set', TTL)).toBe(3);
	});

	contract('a session that was deleted is over, and said to have been there', async ({ store }) => {
		await store.set('a', 1, TTL);

		expect(await store.delete('a')).toBe(true);

		expect(await store.get('a', TTL)).toBeUndefined();
		expect(await store.delete('a')).toBe(false);
	});
}
