import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { launchBrowser } from './browser.ts';
import { held, NOTES_APP } from './notes.ts';
import { network, type Network } from './network.ts';
import { live } from './page.ts';
import { buildCopy, startBuilt, stop, type Running } from './site.ts';

let browser: Browser;
let folder: string;
let server: Running;
let between: Network;
let context: BrowserContext;

beforeAll(async () => {
	[{ folder }, browser] = await Promise.all([buildCopy('offline', NOTES_APP), launchBrowser()]);
});
afterAll(() => browser?.close());

beforeEach(async () => {
	const notes = join(folder, 'notes.jsonl');
	await rm(notes, { force: true });
	server = await startBuilt(folder, { NOTES: notes });
	between = await network(server.url, { lag: 10 });
	context = await browser.newContext();
});
afterEach(async () => {
	await context?.close();
	await between?.close();
	if (server) await stop(server);
});

async function open(): Promise<Page> {
	const page = await context.newPage();
	page.setDefaultTimeout(20_000);
	await page.goto(`${between.url}/offline`);
	return page;
}

async function offline(page: Page): Promise<void> {
	await context.setOffline(true);
	between.cut();
	await page.getByRole('status').filter({ hasText: 'Waiting' }).waitFor();
}

async function online(): Promise<void> {
	between.mend();
	await context.setOffline(false);
}

/** Makes one call after the other, without waiting for an answer. */
async function add(page: Page, ...texts: string[]): Promise<void> {
	for (const text of texts) {
		await page.getByLabel('Note').fill(text);
		await page.getByLabel('Note').press('Enter');
	}
}

/** Waits until as many calls wait in the store of the browser. */
async function stored(page: Page, count: number): Promise<void> {
	const read = (): Promise<number> =>
		page.evaluate(async () => {
			const name = 'svelte-realtime:notes';
			// To open it before the client does would make it, without anything in it.
			if (!(await indexedDB.databases()).some((database) => database.name === name)) return -1;
			const request = indexedDB.open(name);
			await new Promise((resolve) => (request.onsuccess = resolve));
			const calls = request.result.transaction('calls').objectStore('calls').count();
			await new Promise((resolve) => (calls.onsuccess = resolve));
			request.result.close();
			return calls.result;
		});
	await expect.poll(read).toBe(count);
}

/** What has been executed, in its order. */
async function executed(): Promise<string[]> {
	return (await held(server.url)).notes.map(({ text }) => text);
}

test('calls of a page that is reloaded without a network are made by the next one, once, in order', async () => {
	const page = await live(await open());
	await offline(page);
	await add(page, 'one', 'two', 'three');
	await stored(page, 3);
	await page.reload().catch(() => {}); // there is nothing to load it from
	await online();
	await page.goto(`${between.url}/offline`);

	await expect.poll(executed).toEqual(['one', 'two', 'three']);
	await stored(page, 0);
	await live(page);
	await page.reload();
	await live(page);
	await add(page, 'four');
	await expect.poll(executed).toEqual(['one', 'two', 'three', 'four']);
});

test('a page that is closed again and again while it replays leaves nothing out and does nothing twice', async () => {
	const texts = Array.from({ length: 20 }, (_, index) => `note ${index + 1}`);
	let page = await live(await open());
	await offline(page);
	await add(page, ...texts);
	await stored(page, texts.length);
	await page.close();
	await online();

	let closed = 0;
	for (let reached = 0; reached < texts.length; closed += 1) {
		page = await open();
		await expect.poll(async () => (await executed()).length).toBeGreaterThan(reached);
		await page.close();
		reached = (await executed()).length;
	}
	page = await live(await open());
	await stored(page, 0);

	expect(await executed()).toEqual(texts);
	expect(closed).toBeGreaterThan(1);
});

test('of several tabs one replays, and a tab that still has its calls keeps them', async () => {
	const first = await live(await open());
	await offline(first);
	await add(first, 'one', 'two');
	await stored(first, 2);
	await first.close();
	await online();

	const tabs = await Promise.all([open(), open(), open()]);
	await Promise.all(tabs.map(live));
	await expect.poll(executed).toEqual(['one', 'two']);
	await stored(tabs[0]!, 0);

	await offline(tabs[0]!);
	await Promise.all(tabs.map((tab, index) => add(tab, `of tab ${index}`)));
	await online();
	await Promise.all(tabs.map(live));
	for (const tab of tabs)
		await expect.poll(() => tab.locator('.unanswered').textContent()).toBe('0');

	expect((await executed()).sort()).toEqual(['of tab 0', 'of tab 1', 'of tab 2', 'one', 'two']);
});
