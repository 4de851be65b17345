/** What every store of rate limits must do, whatever keeps it. */

import { expect, test } from 'vitest';
import type {
	RateLimitPolicy,
	RateLimitStore,
	RateLimitVerdict
} from 'svelte-realtime/plugins/ratelimit';
import { seeded, seedOf } from '../kernel/random.ts';

export interface StoreUnderTest {
	readonly store: RateLimitStore;
	/** Keys that it counts of one policy. */
	readonly identities: number;
	close(): Promise<void>;
}

/** A time in no special relation to anything. */
const START = 1_700_000_000_123;
const FIVE: RateLimitPolicy = { name: 'five', points: 5, window: 1000 };

/** @param makeStore A fresh, empty store that counts a small number of keys. */
export function rateLimiterContract(name: string, makeStore: () => Promise<StoreUnderTest>): void {
	type Take = (key: string, at?: number, cost?: number) => Promise<RateLimitVerdict>;

	/** Runs `body` with a store of its own, and a way to take from the budget of five a second. */
	const contract = (
		claim: string,
		body: (under: StoreUnderTest & { take: Take }) => Promise<void>
	): void => {
		test(`${name}: ${claim}`, async () => {
			const under = await makeStore();
			const take: Take = async (key, at = 0, cost = 1) =>
				under.store.take(key, cost, FIVE, START + at);
			try {
				await body({ ...under, take });
			} finally {
				await under.close();
			}
		});
	};

	contract('a key has all its points at once, and not one more', async ({ take }) => {
		const verdicts = [];
		for (let i = 0; i < 6; i += 1) verdicts.push(await take('a'));

		expect(verdicts.map(({ allowed }) => allowed)).toEqual([true, true, true, true, true, false]);
		expect(verdicts.map(({ remaining }) => remaining)).toEqual([4, 3, 2, 1, 0, 0]);
		expect(verdicts.map(({ retryAfterMs }) => retryAfterMs)).toEqual([0, 0, 0, 0, 0, 200]);
	});

	contract('of takes that are made at once no more are allowed', async ({ store }) => {
		const takes = Array.from({ length: 50 }, () => store.take('a', 1, FIVE, START));

		const verdicts = await Promise.all(takes);

		expect(verdicts.filter(({ allowed }) => allowed)).toHaveLength(5);
	});

	contract('points come back one by one, in even steps', async ({ take }) => {
		for (let i = 0; i < 5; i += 1) await take('a');

		expect(await take('a', 199)).toMatchObject({ allowed: false, retryAfterMs: 1 });
		expect(await take('a', 200)).toMatchObject({ allowed: true, remaining: 0 });
		expect(await take('a', 200)).toMatchObject({ allowed: false, retryAfterMs: 200 });
		expect(await take('a', 1000)).toMatchObject({ allowed: true, remaining: 3 });
	});

	contract('a key that rests has no more than all its points', async ({ take }) => {
		for (let i = 0; i < 5; i += 1) await take('a');

		expect(await take('a', 1_000_000, 5)).toMatchObject({ allowed: true, remaining: 0 });
		expect(await take('a', 1_000_000)).toMatchObject({ allowed: false });
	});

	contract('a take is all or nothing', async ({ take }) => {
		await take('a', 0, 3);

		expect(await take('a', 0, 3)).toEqual({ allowed: false, remaining: 2, retryAfterMs: 200 });
		expect(await take('a', 0, 2)).toEqual({ allowed: true, remaining: 0, retryAfterMs: 0 });
	});

	contract('a take that is refused costs nothing', async ({ take }) => {
		for (let i = 0; i < 5; i += 1) await take('a');
		for (let i = 0; i < 100; i += 1) await take('a', 100);

		expect(await take('a', 200)).toMatchObject({ allowed: true });
	});

	contract('a take of nothing only looks', async ({ take }) => {
		expect(await take('a', 0, 0)).toEqual({ allowed: true, remaining: 5, retryAfterMs: 0 });
		await take('a', 0, 4);

		expect(await take('a', 0, 0)).toEqual({ allowed: true, remaining: 1, retryAfterMs: 0 });
		expect(await take('a', 0, 1)).toMatchObject({ allowed: true });
	});

	contract('keys, and policies, share nothing', async ({ store, take }) => {
		for (let i = 0; i < 5; i += 1) await take('a');

		expect(await take('b')).toMatchObject({ allowed: true, remaining: 4 });
		expect(await store.take('a', 1, { ...FIVE, name: 'other' }, START)).toMatchObject({
			allowed: true,
			remaining: 4
		});
		for (const key of ['__proto__', 'constructor', '', 'a b', '\u{1f600}'.repeat(100)]) {
			expect(await take(key)).toMatchObject({ allowed: true, remaining: 4 });
		}
	});

	contract('three points in a window that they do not divide are three', async ({ store }) => {
		const policy = { name: 'thirds', points: 3, window: 1000 };
		const at = (time: number): Promise<RateLimitVerdict> =>
			Promise.resolve(store.take('a', 1, policy, START + time));
		for (let round = 0; round < 100; round += 1) {
			const time = round * 1000;
			const allowed = [await at(time), await at(time), await at(time), await at(time)];
			expect(allowed.map((verdict) => verdict.allowed)).toEqual([true, true, true, false]);
			expect(allowed[3]!.retryAfterMs).toBe(334);
		}
	});

	contract('a clock that is set back locks nobody out', async ({ take }) => {
		for (let i = 0; i < 5; i += 1) await take('a', 3_600_000);

		expect((await take('a', 0)).retryAfterMs).toBeLessThanOrEqual(200);
		expect(await take('a', 200)).toMatchObject({ allowed: true });
	});

	contract(
		'past its bound new keys are refused until one that is counted has all points back',
		async ({ identities, take }) => {
			// The first has all points back after 200 ms, the others after 400.
			for (let i = 0; i < identities; i += 1) await take(`key ${i}`, 0, i === 0 ? 1 : 2);

			expect(await take('new')).toEqual({ allowed: false, remaining: 0, retryAfterMs: 200 });
			expect(await take('key 1', 199)).toMatchObject({ allowed: true });
			expect(await take('new', 200)).toMatchObject({ allowed: true, remaining: 4 });
			expect(await take('newer', 200)).toMatchObject({ allowed: false });
			expect(await take('key 1', 200)).toMatchObject({ allowed: true, remaining: 2 });
		}
	);

	contract('new keys do not make it forget what a known one has taken', async ({ take }) => {
		for (let i = 0; i < 5; i += 1) await take('a');
		for (let i = 0; i < 10_000; i += 1) await take(`flood ${i}`, Math.floor(i / 20));

		expect(await take('a', 500, 3)).toEqual({ allowed: false, remaining: 2, retryAfterMs: 100 });
	});

	contract(
		'no stretch of time has more than its budget, and what keeps to it is allowed',
		async ({ store, identities }) => {
			const seed = seedOf(4);
			const random = seeded(seed);
			const keys = Array.from({ length: identities }, (_, i) => `key ${i}`);
			for (let round = 0; round < 8; round += 1) {
				const points = 1 + random.below(20);
				const policy = { name: `round ${round}`, points, window: 1 + random.below(5000) };
				const taken = new Map(keys.map((key) => [key, [] as { at: number; cost: number }[]]));
				let at = START;
				for (let i = 0; i < 600; i += 1) {
					at += random.chance(0.5) ? 0 : random.below((3 * policy.window) / points);
					const key = random.pick(keys);
					const cost = 1 + random.below(random.chance(0.8) ? 1 : points);
					const { allowed } = await store.take(key, cost, policy, at);
					const before = taken.get(key)!;
					const isOver = exceeds([...before, { at, cost }], policy);
					expect({ seed, policy, i, allowed }).toEqual({ seed, policy, i, allowed: !isOver });
					if (allowed) before.push({ at, cost });
				}
			}
		}
	);
}

/** Whether the last of these takes is one too many in any stretch of time that ends with it. */
function exceeds(
	takes: readonly { at: number; cost: number }[],
	{ points, window }: RateLimitPolicy
): boolean {
	const end = takes.at(-1)!.at;
	let sum = 0;
	return takes.toReversed().some(({ at, cost }) => {
		sum += cost;
		// Times `window`, so that only whole numbers are compared.
		return sum * window > points * window + points * (end - at);
	});
}
