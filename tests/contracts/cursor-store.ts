/** What every store of cursors must do, whatever keeps it. */

import { expect, test } from 'vitest';
import type { Cursor, CursorStore } from 'svelte-realtime/plugins/cursors';

export interface CursorStoresUnderTest {
	/** The stores of two instances, on the same, empty topics. */
	readonly stores: readonly [CursorStore, CursorStore];
	/** Milliseconds for which a store keeps what is not saved again. @default as the port says */
	readonly stale?: number;
	/** Lets time pass for the stores. */
	advance(ms: number): Promise<void>;
	close(): Promise<void>;
}

/** Milliseconds, as the port says. */
const STALE = 90_000;

const at = (key: string, data: unknown): Cursor => ({ key, data });
const put = (...puts: Cursor[]): { puts: Cursor[]; removes: string[] } => ({ puts, removes: [] });
const remove = (...removes: string[]): { puts: Cursor[]; removes: string[] } => ({
	puts: [],
	removes
});

/** @param makeStores Two fresh stores on the same, empty topics. */
export function cursorStoreContract(
	name: string,
	makeStores: () => Promise<CursorStoresUnderTest>
): void {
	const contract = (
		claim: string,
		body: (under: {
			one: CursorStore;
			other: CursorStore;
			advance(ms: number): Promise<void>;
			readonly stale: number;
			/** What is in a topic, for each store, by key. */
			seen(topic: string): Promise<[unknown, unknown]>;
		}) => Promise<void>
	): void => {
		test(`${name}: ${claim}`, async () => {
			const { stores, advance, close, stale = STALE } = await makeStores();
			const [one, other] = stores;
			const list = async (store: CursorStore, topic: string): Promise<unknown> =>
				Object.fromEntries((await store.list(topic)).map(({ key, data }) => [key, data]));
			const seen = async (topic: string): Promise<[unknown, unknown]> => [
				await list(one, topic),
				await list(other, topic)
			];
			try {
				await body({ one, other, advance, seen, stale });
			} finally {
				await close();
			}
		});
	};
	const both = (value: unknown): [unknown, unknown] => [value, value];

	contract('every instance lists what each has put, the newest of a key', async (under) => {
		await under.one.save('a', put(at('x', 1), at('y', 1)));
		await under.other.save('a', put(at('z', 1)));
		await under.one.save('a', put(at('x', 2)));

		expect(await under.seen('a')).toEqual(both({ x: 2, y: 1, z: 1 }));
	});

	contract('a cursor is listed as it was put, with all that belongs to it', async (under) => {
		const cursor: Cursor = {
			key: 'x',
			member: '7',
			user: { name: 'Ada “Ü” 😀' },
			data: { points: [[0.5, -1]], tool: null }
		};
		await under.one.save('a', put(cursor));

		expect(await under.other.list('a')).toEqual([cursor]);
	});

	contract('what is removed is gone, whoever had put it there', async (under) => {
		await under.one.save('a', put(at('x', 1), at('y', 1)));
		await under.other.save('a', { puts: [at('z', 1)], removes: ['x', 'nobody'] });

		expect(await under.seen('a')).toEqual(both({ y: 1, z: 1 }));
		await under.one.save('a', remove('y', 'z'));
		expect(await under.seen('a')).toEqual(both({}));
	});

	contract('topics share nothing, whatever they are called', async (under) => {
		const topics = ['a', 'a:b', 'A', '__proto__', 'a*', '{a}', 'ü'];
		for (const [index, topic] of topics.entries()) {
			await under.one.save(topic, put(at('x', index)));
		}

		for (const [index, topic] of topics.entries()) {
			expect(await under.seen(topic)).toEqual(both({ x: index }));
		}
		expect(await under.seen('nobody')).toEqual(both({}));
	});

	contract('changes that are made at once keep the order of their calls', async (under) => {
		const saves = Array.from({ length: 50 }, (_, n) => {
			return under.one.save('a', n % 7 === 3 ? remove('x') : put(at('x', n)));
		});
		await Promise.all(saves);

		expect(await under.seen('a')).toEqual(both({ x: 49 }));
	});

	contract('what is not saved again goes, and what is stays', async (under) => {
		await under.one.save('a', put(at('gone', 1), at('there', 1)));
		await under.advance(under.stale / 2);
		await under.other.save('a', put(at('new', 1)));
		await under.one.save('a', put(at('there', 1)));
		expect(await under.seen('a')).toEqual(both({ gone: 1, there: 1, new: 1 }));

		await under.advance(under.stale / 2 + 1);

		expect(await under.seen('a')).toEqual(both({ there: 1, new: 1 }));
	});
}
