import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { launchBrowser } from './browser.ts';
import { buildOn, installKit, placeApp } from './kits.ts';
import { buildCopy, ROOT, run, startBuilt, stop, type Running } from './site.ts';

const FIXTURES = join(ROOT, 'tests/fixtures');

let browser: Browser;
let server: Running;

/** The app as it is installed here: SvelteKit 2. */
async function startHere(): Promise<Running> {
	const { folder } = await buildCopy('neighbours', join(FIXTURES, 'neighbours'));
	return startBuilt(folder);
}

/** The same app on SvelteKit 3, with the Node that it needs. */
async function startKit3(): Promise<Running> {
	const kit = await installKit('kit-3');
	const folder = await placeApp(kit, 'neighbours', join(FIXTURES, 'neighbours-kit3'));
	await cp(join(FIXTURES, 'neighbours/src'), join(folder, 'src'), { recursive: true });
	await buildOn(kit, folder);
	const env = { HOST: '127.0.0.1', PORT: '0' };
	return run([kit.node, 'build'], folder, env, /Listening on (http:\S+)/);
}

const SITES = [
	{ name: 'SvelteKit 2', start: startHere },
	{ name: 'SvelteKit 3 on Node 24', start: startKit3 }
];

describe.each(SITES)('$name', ({ start }) => {
	beforeAll(async () => {
		[browser, server] = await Promise.all([launchBrowser(), start()]);
	}, 600_000);
	afterAll(async () => {
		await browser?.close();
		if (server) await stop(server);
	});
	afterEach(() => Promise.all(browser.contexts().map((context) => context.close())));

	/** A page of a visitor's own, once it is followed by its socket. */
	async function open(path: string): Promise<Page> {
		const page = await (await browser.newContext()).newPage();
		page.setDefaultTimeout(20_000);
		const followed =
			path === '/list' &&
			page.waitForEvent('websocket').then((socket) =>
				socket.waitForEvent('framereceived', {
					predicate: ({ payload }) => String(payload).includes('stream:snapshot')
				})
			);
		await page.goto(server.url + path);
		await followed;
		return page;
	}

	const shown = (page: Page): Promise<string[]> => page.locator('li').allTextContents();
	const number = async (path: string): Promise<number> =>
		(await (await fetch(server.url + path)).json()) as number;

	test('a command in one page refreshes the query of another, asked once for a burst', async () => {
		const [ada, bob] = [await open('/list'), await open('/list')];
		expect(await shown(bob)).toEqual(await shown(ada));
		/** Adds one, and waits until the other page shows it, wherever it stands in it. */
		const add = async (): Promise<void> => {
			const rows = (await shown(bob)).length + 1;
			await ada.click('#add');
			for (const page of [ada, bob]) {
				await expect.poll(() => shown(page)).toHaveLength(rows);
				await expect.poll(() => page.textContent('#again')).toBe(String(rows));
			}
		};
		await add();
		expect(await shown(bob)).toContain('added');
		const before = await number('/asked');

		await ada.click('#burst');
		await expect.poll(() => number('/asked')).toBe(before + 2);
		await add();

		// Two pages, each asked once for the burst, and once for what was added.
		expect(await number('/asked')).toBe(before + 4);
	});

	test('a value that the server has at hand is shown without a question', async () => {
		const [ada, bob] = [await open('/list'), await open('/list')];
		const before = await number('/asked');

		await ada.click('#show');
		await expect.poll(() => shown(bob)).toEqual(['given']);

		expect(await number('/asked')).toBe(before);
	});

	test('a stream is the source of live queries, and one listener feeds them all', async () => {
		const [ada, bob] = [await open('/feed'), await open('/feed')];
		for (const page of [ada, bob]) {
			await expect.poll(async () => (await shown(page)).length).toBeGreaterThan(0);
		}
		const rows = (await shown(bob)).length;
		await expect.poll(() => number('/readers')).toBe(1);

		const writer = await open('/list');
		await writer.click('#add');
		for (const page of [ada, bob]) {
			await expect.poll(() => shown(page)).toHaveLength(rows + 1);
			await expect.poll(() => page.textContent('#count')).toBe(String(rows + 1));
		}
		expect(await number('/readers')).toBe(1);
		await Promise.all([ada.close(), bob.close()]);

		await expect.poll(() => number('/readers')).toBe(0);
	});
});
