import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { launchBrowser } from './browser.ts';
import { live, message, say, visit } from './page.ts';
import { startDev, type Site } from './site.ts';

declare global {
	interface Window {
		/** Gone when the page is loaded anew. */
		marker?: true;
	}
}

let browser: Browser;
let site: Site;
let page: Page;
let source: string;
let file: string;
/** Sockets of the app, open or closed; Vite's own are not counted. */
const sockets = { opened: 0, closed: 0 };

beforeAll(async () => {
	[browser, site] = await Promise.all([launchBrowser(), startDev('dev-edits')]);
	file = join(site.folder, 'src/live/chat.ts');
	source = await readFile(file, 'utf8');
	page = await visit(browser, 'about:blank');
	page.on('websocket', (socket) => {
		if (new URL(socket.url()).pathname !== '/ws') return;
		sockets.opened++;
		socket.on('close', () => sockets.closed++);
	});
	await page.goto(site.url);
	await live(page);
	await page.evaluate(() => (window.marker = true));
}, 180_000);

afterAll(async () => {
	await browser?.close();
	await site?.stop();
}, 30_000);

/** The live module, with messages that come out as `expression` says. */
function saying(expression: string): string {
	const edited = source.replace('chat.add(input)', `chat.add({ ...input, text: ${expression} })`);
	expect(edited).not.toBe(source);
	return edited;
}

/** Says `text` until it comes out as `expected`: when a file that was saved takes effect is Vite's affair. */
async function saysEventually(text: string, expected: string): Promise<void> {
	const attempt = async (): Promise<number> => {
		await say(page, 'Ada', text);
		await expect.poll(() => page.getByLabel('Message').inputValue()).toBe('');
		return message(page, expected).count();
	};
	await expect.poll(attempt, { timeout: 20_000, interval: 250 }).toBeGreaterThan(0);
}

async function expectSamePage(): Promise<void> {
	expect(await page.evaluate(() => window.marker)).toBe(true);
	expect(sockets).toEqual({ opened: 1, closed: 0 });
}

test('saving a live module changes what it does, on the same page and connection', async () => {
	await writeFile(file, saying('input.text.toUpperCase()'));

	await saysEventually('quietly', 'QUIETLY');

	await expectSamePage();
}, 60_000);

test('a syntax error keeps the old behaviour and shows the overlay, until it is mended', async () => {
	await writeFile(file, saying('input.text.toUpperCase()'));
	await saysEventually('first', 'FIRST');

	await writeFile(file, `${source}\nexport const broken = (;\n`);
	await page.locator('vite-error-overlay').waitFor({ state: 'attached' });
	await say(page, 'Ada', 'second');
	await message(page, 'SECOND').waitFor();
	await expectSamePage();

	await writeFile(file, saying('`${input.text}, mended`'));
	await saysEventually('third', 'third, mended');
	await page.locator('vite-error-overlay').waitFor({ state: 'detached' });
	await expectSamePage();
}, 60_000);
