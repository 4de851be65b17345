/** What every store of groups must do, whatever keeps it. */

import { expect, test } from 'vitest';
import type { GroupRecord, GroupStore } from 'svelte-realtime/plugins/groups';

export interface GroupStoresUnderTest {
	/** The stores of two instances, without a group. */
	readonly stores: readonly [GroupStore, GroupStore];
	/** Lets time pass for the stores. */
	advance(ms: number): Promise<void>;
	close(): Promise<void>;
}

const TTL = 60_000;

const opening = (id: string, meta: unknown = {}): GroupRecord => ({ id, meta, roles: ['member'] });

/** @param makeStores Two fresh stores on the same groups, of which there are none. */
export function groupStoreContract(
	name: string,
	makeStores: () => Promise<GroupStoresUnderTest>
): void {
	const contract = (
		claim: string,
		body: (
			one: GroupStore,
			other: GroupStore,
			advance: (ms: number) => Promise<void>
		) => Promise<void>
	): void => {
		test(`${name}: ${claim}`, async () => {
			const { stores, advance, close } = await makeStores();
			try {
				await body(...stores, advance);
			} finally {
				await close();
			}
		});
	};

	contract('a group is for all as the first one has opened it', async (one, other) => {
		const first = opening('1', { since: new Date(0), text: '"\\\u2028' });

		expect(await one.open('a', first, TTL)).toEqual(first);
		expect(await other.open('a', opening('2'), TTL)).toEqual(first);
		expect(await other.find('a')).toEqual(first);
		expect(await one.open('b', opening('3'), TTL)).toEqual(opening('3'));
		expect(await one.find('c')).toBeUndefined();
	});

	contract('of two that open it at once one is first', async (one, other) => {
		const records = await Promise.all([
			one.open('a', opening('1'), TTL),
			other.open('a', opening('2'), TTL)
		]);

		expect(records[0]).toEqual(records[1]);
	});

	contract('a group ends when the last instance has left it', async (one, other) => {
		await one.open('a', opening('1'), TTL);
		await other.open('a', opening('2'), TTL);

		await one.leave('a', '1');
		await one.leave('a', '1');
		expect(await one.find('a')).toEqual(opening('1'));
		await other.leave('a', '1');

		expect(await one.find('a')).toBeUndefined();
		expect(await one.open('a', opening('3'), TTL)).toEqual(opening('3'));
	});

	contract('a group ends when all have been silent for their ttl', async (one, other, advance) => {
		await one.open('a', opening('1'), TTL);
		await other.open('a', opening('2'), TTL);
		await advance(0.6 * TTL);
		expect(await other.keep('a', opening('1'), TTL)).toEqual(opening('1'));
		await advance(0.6 * TTL);
		expect(await one.find('a')).toEqual(opening('1'));

		await advance(0.6 * TTL);

		expect(await one.find('a')).toBeUndefined();
		expect(await one.open('a', opening('3'), TTL)).toEqual(opening('3'));
	});

	contract('what is closed is closed for all, once', async (one, other) => {
		await one.open('a', opening('1'), TTL);
		await other.open('a', opening('1'), TTL);

		expect(await other.close('b')).toBeUndefined();
		expect(await other.close('a')).toEqual(opening('1'));
		expect(await one.close('a')).toBeUndefined();

		expect(await one.find('a')).toBeUndefined();
		expect(await one.keep('a', opening('1'), TTL)).toBeUndefined();
		expect(await other.keep('a', opening('1'), TTL)).toBeUndefined();
	});

	contract('who leaves what was closed leaves what was opened since alone', async (one, other) => {
		await one.open('a', opening('1'), TTL);
		await other.open('a', opening('1'), TTL);
		await one.close('a');
		expect(await one.open('a', opening('2'), TTL)).toEqual(opening('2'));

		expect(await other.keep('a', opening('1'), TTL)).toBeUndefined();
		await other.leave('a', '1');
		await one.leave('a', '1');

		expect(await other.find('a')).toEqual(opening('2'));
		expect(await other.close('a')).toEqual(opening('2'));
	});

	contract('what the store has lost is there again by who has it open', async (one, other) => {
		expect(await one.keep('a', opening('1'), TTL)).toEqual(opening('1'));

		expect(await other.open('a', opening('2'), TTL)).toEqual(opening('1'));
		expect(await other.keep('a', opening('2'), TTL)).toEqual(opening('1'));
	});
}
