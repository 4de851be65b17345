/** What every store of rate limits must do, whatever keeps it. */

import { expect, test } from 'vitest';
import type {
	RateLimitPolicy,
	RateLimitStore,
	RateLimitVerdict,
	VerdictSource
} from 'svelte-realtime/plugins/ratelimit';
import { seeded, seedOf } from '../kernel/random.ts';

export interface StoreUnderTest {
	readonly store: RateLimitStore;
	/** Keys that it counts of one policy; nothing where there is no bound. */
	readonly identities?: number;
	readonly source: VerdictSource;
	/**
	 * Milliseconds in each unit of time of this suite. 1 where time stands still between two calls, and
	 * verdicts are exact; else so many that what passes by itself is less than one unit.
	 */
	readonly unit: number;
	/** What a caller says that the time is. */
	now(): number;
	/** Lets milliseconds pass for the store; where they are negative, its clock is set back. */
	advance(ms: number): Promise<void>;
	close(): Promise<void>;
}

/** @param makeStore A fresh, empty store; where it has a bound, that counts a small number of keys. */
export function rateLimiterContract(name: string, makeStore: () => Promise<StoreUnderTest>): void {
	interface Bench extends StoreUnderTest {
		/** Five a second. */
		readonly five: RateLimitPolicy;
		/** Takes from the budget of five a second. */
		take(key: string, cost?: number): Promise<RateLimitVerdict>;
		/** Lets units of time pass. */
		pass(units: number): Promise<void>;
		/** The verdict that a take is refused with: what is left, and the units to wait. */
		refused(remaining: number, wait: number): unknown;
		allowed(remaining: number): unknown;
	}

	const contract = (claim: string, body: (bench: Bench) => Promise<void>): void => {
		test(`${name}: ${claim}`, async () => {
			const under = await makeStore();
			const { store, unit, now, source } = under;
			const five: RateLimitPolicy = { name: 'five', points: 5, window: 1000 * unit };
			const bench: Bench = {
				...under,
				five,
				take: async (key, cost = 1) => store.take(key, cost, five, now()),
				pass: (units) => under.advance(units * unit),
				refused: (remaining, wait) => {
					const most = Math.ceil(wait * unit);
					const retryAfterMs = unit === 1 ? most : within(most - unit, most);
					return { allowed: false, remaining, retryAfterMs, source };
				},
				allowed: (remaining) => ({ allowed: true, remaining, retryAfterMs: 0, source })
			};
			try {
				await body(bench);
			} finally {
				await under.close();
			}
		});
	};

	contract('a key has all its points at once, and not one more', async (bench) => {
		const verdicts = [];
		for (let i = 0; i < 6; i += 1) verdicts.push(await bench.take('a'));

		const given = [4, 3, 2, 1, 0].map((remaining) => bench.allowed(remaining));
		expect(verdicts).toEqual([...given, bench.refused(0, 200)]);
	});

	contract('of takes that are made at once no more are allowed', async ({ store, five, now }) => {
		const takes = Array.from({ length: 50 }, () => store.take('a', 1, five, now()));

		const verdicts = await Promise.all(takes);

		expect(verdicts.filter(({ allowed }) => allowed)).toHaveLength(5);
	});

	contract('points come back one by one, in even steps', async (bench) => {
		const { take, pass, refused, allowed } = bench;
		for (let i = 0; i < 5; i += 1) await take('a');

		await pass(199);
		expect(await take('a')).toEqual(refused(0, 1));
		await pass(1);
		expect(await take('a')).toEqual(allowed(0));
		expect(await take('a')).toEqual(refused(0, 200));
		await pass(800);
		expect(await take('a')).toEqual(allowed(3));
	});

	contract('a key that rests has no more than all its points', async (bench) => {
		for (let i = 0; i < 5; i += 1) await bench.take('a');

		await bench.pass(1_000_000);

		expect(await bench.take('a', 5)).toEqual(bench.allowed(0));
		expect(await bench.take('a')).toEqual(bench.refused(0, 200));
	});

	contract('a take is all or nothing', async ({ take, refused, allowed }) => {
		await take('a', 3);

		expect(await take('a', 3)).toEqual(refused(2, 200));
		expect(await take('a', 2)).toEqual(allowed(0));
	});

	contract('a take that is refused costs nothing', async ({ take, pass, allowed }) => {
		for (let i = 0; i < 5; i += 1) await take('a');
		await pass(100);
		for (let i = 0; i < 100; i += 1) await take('a');
		await pass(100);

		expect(await take('a')).toEqual(allowed(0));
	});

	contract('a take of nothing only looks', async ({ take, allowed }) => {
		expect(await take('a', 0)).toEqual(allowed(5));
		await take('a', 4);

		expect(await take('a', 0)).toEqual(allowed(1));
		expect(await take('a', 1)).toEqual(allowed(0));
	});

	contract('keys, and policies, share nothing', async ({ store, five, now, take, allowed }) => {
		for (let i = 0; i < 5; i += 1) await take('a');

		expect(await take('b')).toEqual(allowed(4));
		expect(await store.take('a', 1, { ...five, name: 'other' }, now())).toEqual(allowed(4));
		const long = '\u{1f600}'.repeat(100);
		for (const key of ['__proto__', 'constructor', '', 'a b', 'a}b', '{a}', long, `${long}x`]) {
			expect(await take(key)).toEqual(allowed(4));
		}
	});

	contract('three points in a window that they do not divide are three', async (bench) => {
		const { store, unit, now } = bench;
		const policy = { name: 'thirds', points: 3, window: 1000 * unit };
		const next = (): Promise<RateLimitVerdict> =>
			Promise.resolve(store.take('a', 1, policy, now()));
		for (let round = 0; round < 100; round += 1) {
			const verdicts = [await next(), await next(), await next(), await next()];
			const given = [2, 1, 0].map((remaining) => bench.allowed(remaining));
			expect(verdicts).toEqual([...given, bench.refused(0, 1000 / 3)]);
			await bench.pass(1000);
		}
	});

	contract('a clock that is set back locks nobody out', async ({ take, pass, unit }) => {
		await pass(3_600_000);
		for (let i = 0; i < 5; i += 1) await take('a');
		await pass(-3_600_000);

		expect((await take('a')).retryAfterMs).toBeLessThanOrEqual(200 * unit);
		await pass(200);
		expect(await take('a')).toMatchObject({ allowed: true });
	});

	contract(
		'past its bound, if it has one, new keys are refused until one has all points back',
		async ({ identities, take, pass, refused, allowed }) => {
			// The first has all points back after 200 units, the others after 400.
			const count = identities ?? 100;
			for (let i = 0; i < count; i += 1) await take(`key ${i}`, i === 0 ? 1 : 2);

			expect(await take('new')).toEqual(identities ? refused(0, 200) : allowed(4));
			await pass(199);
			expect(await take('key 1')).toMatchObject({ allowed: true });
			await pass(1);
			if (identities) {
				expect(await take('new')).toEqual(allowed(4));
				expect(await take('newer')).toMatchObject({ allowed: false });
			}
			expect(await take('key 1')).toEqual(allowed(2));
		}
	);

	contract('new keys do not make it forget what a known one has taken', async (bench) => {
		const { identities, take, pass } = bench;
		for (let i = 0; i < 5; i += 1) await take('a');
		for (let i = 0; i < (identities ? 10_000 : 1000); i += 1) {
			if (identities && i > 0 && i % 20 === 0) await pass(1);
			await take(`flood ${i}`);
		}
		await pass(identities ? 1 : 500);

		expect(await take('a', 3)).toEqual(bench.refused(2, 100));
	});

	contract(
		'no stretch of time has more than its budget, and what keeps to it is allowed',
		async ({ store, identities = 20, unit, now, pass }) => {
			const seed = seedOf(4);
			const random = seeded(seed);
			const keys = Array.from({ length: identities }, (_, i) => `key ${i}`);
			for (let round = 0; round < 8; round += 1) {
				const points = 1 + random.below(20);
				const window = 1 + random.below(5000);
				const policy = { name: `round ${round}`, points, window: window * unit };
				const taken = new Map(keys.map((key) => [key, [] as { at: number; cost: number }[]]));
				let at = 0;
				for (let i = 0; i < 600; i += 1) {
					const step = random.chance(0.5) ? 0 : random.below((3 * window) / points);
					if (step > 0) await pass(step);
					at += step;
					const key = random.pick(keys);
					const cost = 1 + random.below(random.chance(0.8) ? 1 : points);
					const { allowed } = await store.take(key, cost, policy, now());
					const before = taken.get(key)!;
					const isOver = exceeds([...before, { at, cost }], points, window);
					expect({ seed, policy, i, allowed }).toEqual({ seed, policy, i, allowed: !isOver });
					if (allowed) before.push({ at, cost });
				}
			}
		}
	);
}

/** A number that is above one and not above the other. */
function within(above: number, most: number): unknown {
	return expect.toSatisfy(
		(value: number) => value > above && value <= most,
		`from ${above} to ${most}`
	);
}

/** Whether the last of these takes is one too many in any stretch of time that ends with it. */
function exceeds(
	takes: readonly { at: number; cost: number }[],
	points: number,
	window: number
): boolean {
	const end = takes.at(-1)!.at;
	let sum = 0;
	return takes.toReversed().some(({ at, cost }) => {
		sum += cost;
		// Times `window`, so that only whole numbers are compared.
		return sum * window > points * window + points * (end - at);
	});
}
