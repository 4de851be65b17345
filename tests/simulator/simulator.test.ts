import { expect, test } from 'vitest';
import { bundle } from './bundle.mjs';
import { play } from './farm.mjs';
import { MUTANTS } from './mutants.ts';
import type { Outcome } from './simulate.ts';

/** Schedules of a run; `SEEDS` says another number, `TEST_LONG` asks for a million. */
const SEEDS = Number(process.env['SEEDS'] ?? (process.env['TEST_LONG'] ? 1_000_000 : 2000));

/** Of a short run: the other cores play other test files meanwhile. */
const ONE = { jobs: 1 };

test(
	'whatever breaks, every client ends with the state of the server, and no call runs twice',
	async () => {
		const file = await bundle('plain');

		const { played, failures } = await play(file, { last: SEEDS, ...(SEEDS <= 2000 && ONE) });

		// `node tests/simulator/run.mjs --seed N` plays one of them again and shows its trace.
		expect(failures).toEqual([]);
		expect(played).toBe(SEEDS);
	},
	SEEDS * 120
);

test('a seed gives the same trace again, and another seed another one', async () => {
	const file = await bundle('twice');
	const { simulate } = (await import(/* @vite-ignore */ file)) as {
		simulate: (seed: number) => Promise<Outcome>;
	};
	const seeds = Array.from({ length: 20 }, (_, index) => index + 1);
	const hashes = async (): Promise<string[]> => {
		const found: string[] = [];
		for (const seed of seeds) found.push((await simulate(seed)).hash);
		return found;
	};

	const first = await hashes();

	expect(await hashes()).toEqual(first);
	expect(new Set(first).size).toBe(seeds.length);
});

for (const [index, mutant] of MUTANTS.entries()) {
	test(`it is found within ${mutant.within} seeds that ${mutant.name}`, async () => {
		const file = await bundle(`mutant-${index}`, mutant);

		const { failures } = await play(file, { last: mutant.within, most: 1, ...ONE });

		expect(failures.length).toBeGreaterThan(0);
	}, 120_000);
}
