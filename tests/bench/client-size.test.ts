import { expect, test } from 'vitest';
import { weighClient } from './client-bundle.mjs';

const weight = weighClient({ conditions: ['source'] });

test('$live adds at most 7 kB to a page that uses one call and one stream', async () => {
	const { page } = await weight;

	expect(page).toBeLessThanOrEqual(7000);
});

test('values beyond JSON make it at most 11 kB', async () => {
	const { all, page } = await weight;

	expect(all).toBeLessThanOrEqual(11_000);
	expect(all).toBeGreaterThan(page);
});

test('of other packages a page downloads devalue only', async () => {
	const { modules } = await weight;

	const packages = modules.flatMap(
		(id) => /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(id)?.[1] ?? []
	);
	expect([...new Set(packages)]).toEqual(['devalue']);
});
