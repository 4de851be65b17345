import { expect, test } from 'vitest';
import { TABS } from '../../vite/devtools/panel/tabs.ts';
import { plain, read, tableUnder } from './markdown.ts';

test('the tabs of the overlay are those of the README, in their order', () => {
	const rows = tableUnder(read('README.md'), 'tab').map(([name]) => plain(name));

	expect(rows).toEqual(TABS.map(({ label }) => label));
});
