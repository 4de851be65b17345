import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { launchBrowser } from './browser.ts';
import { watchMessages } from './hydration.ts';
import { expectWhole, NOTES_APP, shown, write } from './notes.ts';
import { network, type Network } from './network.ts';
import { live } from './page.ts';
import { buildCopy, freePort, startBuilt, stop, type Running } from './site.ts';

let browser: Browser;
let folder: string;
let server: Running;
/** Named from the start: what the system chose once cannot be bound again so soon. */
let port: string;
let between: Network;
let page: Page;

beforeAll(async () => {
	[{ folder }, browser] = await Promise.all([buildCopy('recovery', NOTES_APP), launchBrowser()]);
});
afterAll(() => browser?.close());

const notes = (): string => join(folder, 'notes.jsonl');

beforeEach(async () => {
	await rm(notes(), { force: true });
	port = String(await freePort());
	server = await startBuilt(folder, { NOTES: notes(), PORT: port });
	between = await network(server.url);
	await write(server.url, 'before');
	page = await (await browser.newContext()).newPage();
	page.setDefaultTimeout(30_000);
	await watchMessages(page);
	await page.goto(`${between.url}/carried`);
	await live(page);
	await page.evaluate(() => (window.marker = true));
});
afterEach(async () => {
	await page?.context().close();
	await between?.close();
	if (server) await stop(server);
});

const waiting = (): Promise<void> =>
	page.getByRole('status').filter({ hasText: 'Waiting' }).waitFor();

test('a page survives that its server is killed and started again, others writing meanwhile', async () => {
	await write(server.url, 'seen live');
	server.child.kill('SIGKILL');
	await server.ended;
	await waiting();
	server = await startBuilt(folder, { NOTES: notes(), PORT: port });
	await write(server.url, 'while it was away');
	await write(server.url, 'and once more');
	await live(page);
	await write(server.url, 'after its return');

	await expectWhole(page, server.url);
}, 60_000);

test('a page survives that the network goes and comes back', async () => {
	await page.context().setOffline(true);
	between.cut();
	await waiting();
	await write(server.url, 'while it was offline');
	await write(server.url, 'and once more');
	expect(await shown(page)).toEqual(['before']);
	between.mend();
	await page.context().setOffline(false);
	await write(server.url, 'after its return');

	await live(page);
	await expectWhole(page, server.url);
}, 60_000);
