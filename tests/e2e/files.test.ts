import { createHash, randomBytes } from 'node:crypto';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { launchBrowser } from './browser.ts';
import { live, visit } from './page.ts';
import { startProduction, type Site } from './site.ts';

let browser: Browser;
let site: Site;

beforeAll(async () => {
	[browser, site] = await Promise.all([launchBrowser(), startProduction('files')]);
}, 180_000);
afterAll(async () => {
	await browser?.close();
	await site?.stop();
});
afterEach(() => Promise.all(browser.contexts().map((context) => context.close())));

const enter = async (): Promise<Page> => live(await visit(browser, `${site.url}/files`));

function choose(page: Page, name: string, buffer: Buffer): Promise<void> {
	return page
		.locator('input[type=file]')
		.setInputFiles({ name, mimeType: 'application/octet-stream', buffer });
}

const digest = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

test('a file of four megabytes arrives whole, and everybody sees it', async () => {
	const [ada, grace] = [await enter(), await enter()];
	const bytes = randomBytes(4_000_000);

	await choose(ada, 'holiday.bin', bytes);

	const link = grace.locator('[data-file="holiday.bin"] a');
	await link.waitFor();
	expect(await ada.locator('[data-upload]').count()).toBe(0);
	const got = await fetch(site.url + (await link.getAttribute('href'))!);
	expect(digest(new Uint8Array(await got.arrayBuffer()))).toBe(digest(bytes));
});

test('the progress is shown while it goes on, and only ever grows', async () => {
	const page = await enter();
	await page.evaluate(() => {
		const seen: number[] = [];
		Object.assign(window, { seen });
		new MutationObserver(() => {
			const bar = document.querySelector('progress');
			if (bar && bar.value !== seen.at(-1)) seen.push(bar.value);
		}).observe(document.body, { subtree: true, attributes: true, childList: true });
	});

	await choose(page, 'slow.bin', randomBytes(4_000_000));
	await page.locator('[data-file="slow.bin"]').waitFor();

	const seen = await page.evaluate(() => (window as unknown as { seen: number[] }).seen);
	expect(seen.length).toBeGreaterThan(3);
	expect(seen).toEqual([...seen].sort((one, other) => one - other));
});

test('one that is too large is refused before it is sent, in words', async () => {
	const page = await enter();

	await choose(page, 'huge.bin', Buffer.alloc(6_000_000));

	await page.locator('[data-upload="huge.bin"] [role=alert]').waitFor();
	expect(await page.locator('[data-file="huge.bin"]').count()).toBe(0);
});

test('one that is cancelled is not kept', async () => {
	const page = await enter();

	await choose(page, 'away.bin', randomBytes(5_000_000));
	await page.getByRole('button', { name: 'Cancel' }).click();

	await page.locator('[data-upload="away.bin"]').waitFor({ state: 'detached' });
	await choose(page, 'after.bin', randomBytes(1000));
	await page.locator('[data-file="after.bin"]').waitFor();
	expect(await page.locator('[data-file="away.bin"]').count()).toBe(0);
});
