import { join } from 'node:path';
import type { Browser, Locator, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startProxy, type Proxy } from '../servers/proxy.ts';
import { startRedis, type RedisServer } from '../servers/redis.ts';
import { launchBrowser } from './browser.ts';
import { focused, live, visit } from './page.ts';
import { buildCopy, CACHE, startBuilt, stop, type Running } from './site.ts';

/** A machine that has much to do is not wrong. */
const PATIENT = { timeout: 20_000 };

/** Two instances of the playground over one Redis that keeps what it has on disk, behind one proxy. */
let redis: RedisServer;
let instances: readonly Running[] = [];
let proxy: Proxy;
let browser: Browser;

beforeAll(async () => {
	const [{ folder }, server, chromium] = await Promise.all([
		buildCopy('cluster-board'),
		startRedis('--appendonly', 'yes', '--appendfsync', 'always'),
		launchBrowser()
	]);
	[redis, browser] = [server, chromium];
	const variables = { REDIS_URL: redis.url, ADDRESS_HEADER: 'x-forwarded-for' };
	instances = await Promise.all([startBuilt(folder, variables), startBuilt(folder, variables)]);
	proxy = await startProxy(instances.map(({ url }) => url));
}, 240_000);

afterAll(async () => {
	await browser?.close();
	await proxy?.close();
	await Promise.all(instances.map(stop));
	await redis?.stop();
});

async function enter(secret: string): Promise<Page> {
	const cookie = { name: 'visitor', value: secret, domain: '127.0.0.1', path: '/', expires: -1 };
	const cookies = [{ ...cookie, httpOnly: true, secure: false, sameSite: 'Lax' as const }];
	const page = await visit(browser, `${proxy.url}/board`, {
		storageState: { cookies, origins: [] }
	});
	return live(page);
}

const notes = (page: Page): Locator => page.locator('[data-note]');
const status = (page: Page): Locator => page.getByRole('status').first();
const people = (page: Page): Promise<number> => page.locator('[data-person]').count();

/** What a page shows: the text of each note, and where it is. */
async function shown(page: Page): Promise<string[]> {
	const all = await notes(page).evaluateAll((items) =>
		items.map((item) => {
			const { x, y } = item.getBoundingClientRect();
			const text = item.querySelector('textarea')?.value;
			return `${text} ${Math.round(x)} ${Math.round(y)}`;
		})
	);
	return all.sort();
}

async function stick(page: Page, text: string): Promise<void> {
	await page.getByRole('button', { name: 'New note' }).click();
	await expect.poll(() => focused(page)).toBe('Note');
	await page.keyboard.type(text);
	await page.keyboard.press('Tab');
}

const textsOf = async (page: Page): Promise<string[]> =>
	(await shown(page)).map((note) => note.split(' ')[0]!);

test('two people on two instances draw on one board while Redis dies and comes back, and their pages say so', async () => {
	const [ada, bob] = [await enter('ada'), await enter('bob')];
	const pages = [ada, bob];
	expect([...proxy.sockets()].sort()).toEqual(instances.map(({ url }) => url).sort());
	for (const page of pages) await expect.poll(() => people(page)).toBe(2);

	await stick(ada, 'first');
	await stick(bob, 'second');
	for (const page of pages) await expect.poll(() => textsOf(page)).toEqual(['first', 'second']);
	await ada.mouse.move(400, 400);
	await bob.locator('[data-pointer]').waitFor({ state: 'attached' });

	// In the middle of what they write: how much of it is kept is the same for both.
	const writing = Promise.allSettled([stick(ada, 'a long one'), stick(bob, 'another long one')]);
	await redis.kill();
	await writing;
	for (const page of pages) await status(page).filter({ hasText: 'Cut off' }).waitFor();
	// Nothing of what they do now is stored, and both are told.
	for (const page of pages) {
		await page.getByRole('button', { name: 'New note' }).click();
		await page.getByRole('alert').first().waitFor();
	}
	await ada.screenshot({ path: join(CACHE, 'cluster-board-away.png') });

	await redis.restart();
	await Promise.all(pages.map((page) => live(page)));
	await stick(ada, 'third');
	await stick(bob, 'fourth');

	const all = expect.arrayContaining(['first', 'second', 'third', 'fourth']);
	for (const page of pages) await expect.poll(() => textsOf(page), PATIENT).toEqual(all);
	const same = async (one: Page, other: Page): Promise<boolean> =>
		(await shown(one)).join() === (await shown(other)).join();
	await expect.poll(() => same(ada, bob), PATIENT).toBe(true);
	const fresh = await enter('lin');
	await expect.poll(() => same(ada, fresh), PATIENT).toBe(true);
	await bob.screenshot({ path: join(CACHE, 'cluster-board-back.png') });
});
