import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { launchBrowser } from './browser.ts';
import { watchMessages } from './hydration.ts';
import { network, type Network } from './network.ts';
import { expectWhole, NOTES_APP, shown, write } from './notes.ts';
import { live } from './page.ts';
import { buildCopy, startBuilt, stop, type Running } from './site.ts';

let browser: Browser;
let folder: string;
let server: Running;
let between: Network;
let page: Page;
/** The sockets of the page. */
let opened: number;
let closed: number;
let pings: number;

beforeAll(async () => {
	[{ folder }, browser] = await Promise.all([buildCopy('away', NOTES_APP), launchBrowser()]);
});
afterAll(() => browser?.close());

beforeEach(async () => {
	const notes = join(folder, 'notes.jsonl');
	await rm(notes, { force: true });
	server = await startBuilt(folder, { NOTES: notes });
	between = await network(server.url);
	await write(server.url, 'before');
	page = await (await browser.newContext()).newPage();
	page.setDefaultTimeout(20_000);
	opened = closed = pings = 0;
	page.on('websocket', (socket) => {
		opened += 1;
		socket.on('close', () => (closed += 1));
		socket.on('framesent', ({ payload }) => {
			if (payload === '{"type":"ping"}') pings += 1;
		});
	});
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

/** Sends `signal` to processes of the browser. */
async function signal(which: RegExp, ...signals: NodeJS.Signals[]): Promise<() => void> {
	const session = await browser.newBrowserCDPSession();
	const { processInfo } = await session.send('SystemInfo.getProcessInfo');
	await session.detach();
	const ids = processInfo.filter(({ type }) => which.test(type)).map(({ id }) => id);
	for (const name of signals) for (const id of ids) process.kill(id, name);
	return () => ids.forEach((id) => process.kill(id, 'SIGCONT'));
}

/** A headless Chromium takes every page for visible, so the page is told otherwise. */
async function setHidden(isHidden: boolean): Promise<void> {
	await page.evaluate((hidden) => {
		const visibilityState = hidden ? 'hidden' : 'visible';
		Object.defineProperty(document, 'hidden', { value: hidden, configurable: true });
		Object.defineProperty(document, 'visibilityState', {
			value: visibilityState,
			configurable: true
		});
		document.dispatchEvent(new Event('visibilitychange', { bubbles: true }));
	}, isHidden);
}

// --- the back-forward cache ---

// A headless Chromium has none: `Page.backForwardCacheNotUsed` names its embedder as the reason.
// What a page sees of it are these two events.
const turn = (type: 'pagehide' | 'pageshow'): Promise<boolean> =>
	page.evaluate(
		(name) => window.dispatchEvent(new PageTransitionEvent(name, { persisted: true })),
		type
	);

test('a page that goes into the back-forward cache lets go of its socket, and comes back whole', async () => {
	await turn('pagehide');
	await waiting();
	await expect.poll(() => closed).toBe(1);
	await write(server.url, 'while it was cached');
	await write(server.url, 'and once more');
	await page.evaluate(() => window.dispatchEvent(new Event('focus')));
	expect(await shown(page)).toEqual(['before']);
	expect(opened).toBe(1);

	await turn('pageshow');
	await live(page);
	await write(server.url, 'after its return');

	await expectWhole(page, server.url);
	expect(opened).toBe(2);
});

test('a page that is left and gone back to is live, with what it missed, once', async () => {
	await page.goto(`${between.url}/api`);
	await write(server.url, 'while it was left');
	await page.goBack();
	await live(page);
	await write(server.url, 'after its return');

	await expect.poll(() => shown(page)).toEqual(['before', 'while it was left', 'after its return']);
});

// --- nobody looks ---

test('a page that nobody sees goes on, and makes sure of its connection when it is seen again', async () => {
	await setHidden(true);
	await write(server.url, 'while nobody looked');
	await expect.poll(() => shown(page)).toEqual(['before', 'while nobody looked']);
	expect(pings).toBe(0);

	await setHidden(false);
	await expect.poll(() => pings).toBe(1);
	await write(server.url, 'after its return');

	await expectWhole(page, server.url);
	expect(opened).toBe(1);
});

test('a page that was frozen while its socket died is live at once when it is seen again', async () => {
	await setHidden(true);
	const thaw = await signal(/^renderer$/, 'SIGSTOP');
	try {
		between.cut();
		await write(server.url, 'while it was frozen');
		await write(server.url, 'and once more');
		between.mend();
	} finally {
		thaw();
	}
	const begun = Date.now();
	await setHidden(false);
	await expect.poll(() => shown(page)).toHaveLength(3);

	expect(Date.now() - begun).toBeLessThan(3000);
	await expectWhole(page, server.url);
});

test('a device that slept while its connection was lost without a word notices on waking', async () => {
	await setHidden(true);
	const wake = await signal(/./, 'SIGSTOP');
	try {
		between.lose();
		await write(server.url, 'while it slept');
	} finally {
		wake();
	}
	const begun = Date.now();
	await setHidden(false);
	await expect.poll(() => shown(page), { timeout: 15_000 }).toHaveLength(2);
	await live(page);

	// By the heartbeat alone it could take 25 seconds.
	expect(Date.now() - begun).toBeLessThan(10_000);
	await write(server.url, 'after its return');
	await expectWhole(page, server.url);
});
