import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { launchBrowser } from './browser.ts';
import { live, say, todo, visit } from './page.ts';
import { startProduction, type Site } from './site.ts';

let browser: Browser;
let site: Site;

beforeAll(async () => {
	[browser, site] = await Promise.all([launchBrowser(), startProduction('dashboard')]);
}, 180_000);
afterAll(async () => {
	await browser?.close();
	await site?.stop();
});
afterEach(() => Promise.all(browser.contexts().map((context) => context.close())));

const enter = async (): Promise<Page> => live(await visit(browser, `${site.url}/dashboard`));
const figure = (page: Page, name: string): Promise<string | null> =>
	page.locator(`[data-figure="${name}"]`).textContent();
const points = async (page: Page): Promise<number> =>
	Number(await page.locator('[data-chart="At work"]').getAttribute('data-points'));

test('derived: what happens to the list is counted on the dashboard of another visitor', async () => {
	const watching = await enter();
	expect(await figure(watching, 'done')).toBe('0 of 0');

	const page = await live(await visit(browser, site.url));
	for (const text of ['One', 'Two']) {
		await page.getByLabel('New to-do').fill(text);
		await page.getByLabel('New to-do').press('Enter');
		await todo(page, text).waitFor();
	}
	await expect.poll(() => figure(watching, 'done')).toBe('0 of 2');
	await todo(page, 'One').getByRole('checkbox').check();

	await expect.poll(() => figure(watching, 'done')).toBe('1 of 2');
});

test('aggregate: every event is added up, and the first response holds the sum', async () => {
	const watching = await enter();
	const before = Number(await figure(watching, 'events'));

	const page = await live(await visit(browser, site.url));
	for (let index = 0; index < 5; index++) await say(page, 'Ada', `Message ${index}`);

	await expect.poll(() => figure(watching, 'events')).toBe(String(before + 5));
	const html = await (await fetch(`${site.url}/dashboard`)).text();
	expect(html).toMatch(new RegExp(`data-figure="events"[^>]*>${before + 5}<`));
});

test('cron: the chart grows by the clock, and a page that comes later begins with what was measured', async () => {
	const first = await enter();
	await expect.poll(() => points(first), { timeout: 10_000 }).toBeGreaterThan(1);

	const second = await visit(browser, `${site.url}/dashboard`, { javaScriptEnabled: false });

	expect(await points(second)).toBeGreaterThan(1);
	const seen = await points(first);
	await expect.poll(() => points(first), { timeout: 10_000 }).toBeGreaterThan(seen);
});
