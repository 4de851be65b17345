import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { AxeResults } from 'axe-core';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { launchBrowser } from './browser.ts';
import { live, message, say, visit } from './page.ts';
import { ROOT, startDev, type Site } from './site.ts';

const OVERLAY = 'svelte-realtime-devtools';
const TABS = [
	'Connection',
	'Calls',
	'Streams',
	'Presence and rooms',
	'Topics',
	'Plugins',
	'Network'
];

let browser: Browser;
let site: Site;

beforeAll(async () => {
	[browser, site] = await Promise.all([launchBrowser(), startDev('devtools')]);
	// The first page of a dev server takes its time: everything is transformed for it.
	const page = await browser.newPage();
	await page.goto(site.url, { timeout: 120_000 });
}, 180_000);
afterAll(async () => {
	await browser?.close();
	await site?.stop();
}, 30_000);
afterEach(() => Promise.all(browser.contexts().map((context) => context.close())));

async function open(page: Page, tab: string): Promise<void> {
	await page.keyboard.press('Control+Shift+L');
	await page.getByRole('tab', { name: tab }).click();
}

test('the overlay stays as it is while the app goes to another page and a module is replaced', async () => {
	const page = await live(await visit(browser, site.url));
	await open(page, 'Streams');
	await page.getByRole('option', { name: /^chat\/messages/ }).waitFor();
	await page.evaluate((name) => {
		(document.querySelector(name) as Element & { mark?: true }).mark = true;
	}, OVERLAY);

	await page.getByRole('link', { name: 'Board', exact: true }).click();
	await page.getByRole('option', { name: /^board\/board\.data/ }).waitFor();
	await expect.poll(() => page.getByRole('option', { name: /^chat\// }).count()).toBe(0);
	await page.getByRole('link', { name: 'Chat and list' }).click();
	const file = join(site.folder, 'src/live/chat.ts');
	const source = await readFile(file, 'utf8');
	await writeFile(
		file,
		source.replace('chat.add(input)', "chat.add({ ...input, text: 'edited' })")
	);
	await expect
		.poll(
			async () => {
				await say(page, 'Ada', 'plain');
				return message(page, 'edited').count();
			},
			{ timeout: 20_000, interval: 500 }
		)
		.toBeGreaterThan(0);

	const marks = await page.evaluate(
		(name) => [...document.querySelectorAll(name)].map((node) => 'mark' in node),
		OVERLAY
	);
	expect(marks).toEqual([true]);
	await page.getByRole('tab', { name: 'Calls' }).click();
	await page
		.getByRole('option', { name: /^chat\/send/ })
		.first()
		.click();
	await page.getByRole('region', { name: 'Details of calls' }).getByText('"edited"').waitFor();
}, 90_000);

test('who is in a room is listed under it, for as long as they are there', async () => {
	const page = await visit(browser, `${site.url}/board`);
	await page.getByRole('status').filter({ hasText: 'Live' }).waitFor();
	await open(page, 'Presence and rooms');
	const room = page
		.getByRole('tabpanel')
		.locator('section')
		.filter({ hasText: /^board\/board/ });
	await room.getByText('1 entry').waitFor();

	const other = await visit(browser, `${site.url}/board`);
	await room.locator('.members > li').nth(1).waitFor();

	await other.context().close();
	await expect.poll(() => room.locator('.members > li').count(), { timeout: 20_000 }).toBe(1);
}, 90_000);

test.each(['light', 'dark'] as const)(
	'what is shown is within reach of everybody, on each tab, when it is %s',
	async (colorScheme) => {
		const page = await live(await visit(browser, site.url, { colorScheme }));
		await page.addScriptTag({ path: join(ROOT, 'node_modules/axe-core/axe.min.js') });
		await say(page, 'Ada', 'Hello');
		await open(page, 'Network');
		await page.getByLabel('Milliseconds, each way').fill('5');

		const found: string[] = [];
		for (const tab of TABS) {
			await page.getByRole('tab', { name: tab }).click();
			const option = page.getByRole('tabpanel').getByRole('option').first();
			if (['Calls', 'Streams'].includes(tab)) await option.click();
			const { violations } = await page.evaluate(
				(name) =>
					(window as never as { axe: { run(at: string): Promise<AxeResults> } }).axe.run(name),
				OVERLAY
			);
			for (const { id, nodes } of violations) {
				found.push(
					...nodes.map(({ target, failureSummary }) => `${tab}: ${id} ${target} ${failureSummary}`)
				);
			}
		}

		expect(found).toEqual([]);
	},
	90_000
);
