/** What every store of the runs of jobs must do, whatever keeps it. */

import { expect, test } from 'vitest';
import type { CronRun, CronStore } from 'svelte-realtime/plugins/cron';

export interface RunsUnderTest {
	readonly store: CronStore;
	/** Lets so many milliseconds pass for the store. */
	elapse(ms: number): Promise<void>;
}

/** Milliseconds that a run goes on without being renewed. */
const TTL = 600;

/** @param makeStore A fresh, empty store. */
export function cronStoreContract(name: string, makeStore: () => Promise<RunsUnderTest>): void {
	/** @param from Milliseconds since the Unix epoch; long enough ago for every clock. */
	const contract = (
		claim: string,
		body: (under: RunsUnderTest, from: number) => Promise<void>
	): void => {
		test(`${name}: ${claim}`, async () => {
			const under = await makeStore();
			await body(under, Math.floor(await under.store.time()) - 100_000);
		});
	};
	const run = (due: number, owner: string, more: Partial<CronRun> = {}): CronRun => ({
		...{ job: 'jobs/a', due, owner, overlap: false, makeUp: false },
		...more
	});
	const asksAgain = { askIn: expect.any(Number) as number };

	contract(
		'of those who ask for one run one alone has it, and who asks later is late',
		async (under, from) => {
			const { store } = under;
			const owners = Array.from({ length: 20 }, (_, n) => `owner ${n}`);

			const told = await Promise.all(owners.map((owner) => store.claim(run(from, owner), TTL)));

			expect(told.filter((verdict) => verdict === 'first')).toHaveLength(1);
			const winner = run(from, owners[told.indexOf('first')]!);
			expect(await store.claim(winner, TTL)).toBe('first');
			await store.finish(winner);
			expect(await store.claim(run(from, 'z'), TTL)).toBe('over');
			expect(await store.claim(run(from - 1000, 'z'), TTL)).toBe('over');
			expect(await store.claim(run(from + 1000, 'z'), TTL)).toBe('first');
			expect(await store.claim(run(from, 'z', { job: 'jobs/b' }), TTL)).toBe('first');
		}
	);

	contract('a run does not begin before its time, by the clock of the store', async ({ store }) => {
		const due = Math.floor(await store.time()) + 60_000;

		const verdict = await store.claim(run(due, 'x'), TTL);

		expect(verdict).toEqual(asksAgain);
		const { askIn } = verdict as { askIn: number };
		expect(askIn).toBeGreaterThan(50_000);
		expect(askIn).toBeLessThanOrEqual(60_000);
	});

	contract(
		'while a run goes on another is left out, or waits to be made up for',
		async ({ store }, from) => {
			await store.claim(run(from, 'x'), TTL);

			expect(await store.claim(run(from + 1, 'y'), TTL)).toBe('over');
			expect(await store.claim(run(from + 2, 'y', { makeUp: true }), TTL)).toEqual(asksAgain);
			await store.finish(run(from, 'x'));

			expect(await store.claim(run(from + 1, 'z'), TTL)).toBe('over');
			expect(await store.claim(run(from + 2, 'y', { makeUp: true }), TTL)).toBe('first');
			expect(await store.claim(run(from + 3, 'z', { overlap: true }), TTL)).toBe('first');
		}
	);

	contract(
		'a run that was broken off is begun again where it is made up for, and else is over',
		async (under, from) => {
			const { store, elapse } = under;
			await store.claim(run(from, 'x', { makeUp: true }), TTL);
			expect(await store.claim(run(from, 'y', { makeUp: true }), TTL)).toEqual(asksAgain);
			await store.renew(run(from, 'x', { makeUp: true }), TTL);
			await elapse(TTL);

			expect(await store.claim(run(from, 'y'), TTL)).toBe('over');
			expect(await store.claim(run(from, 'y', { makeUp: true }), TTL)).toBe('first');
			await store.finish(run(from, 'y', { makeUp: true }));
			expect(await store.claim(run(from, 'z', { makeUp: true }), TTL)).toBe('over');
		}
	);
}
