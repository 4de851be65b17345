import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { createClient } from 'svelte-realtime/client';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { launchBrowser } from './browser.ts';
import { live, visit } from './page.ts';
import { startDev, startProduction, type Site } from './site.ts';

let browser: Browser;

beforeAll(async () => {
	browser = await launchBrowser();
}, 120_000);
afterAll(() => browser?.close());
afterEach(() => Promise.all(browser.contexts().map((context) => context.close())));

const SITES = [
	{ name: 'production', start: () => startProduction('people') },
	{ name: 'dev', start: () => startDev('people-dev') }
];

describe.each(SITES)('signing in, in $name', { timeout: 60_000 }, ({ start }) => {
	let site: Site;

	beforeAll(async () => {
		site = await start();
	}, 180_000);
	afterAll(() => site?.stop(), 30_000);

	/** Somebody who has signed in and looks at `path`. */
	async function enterAs(name: 'Ada' | 'Grace', path: string): Promise<Page> {
		const page = await visit(browser, `${site.url}/sign-in?next=${path}`, SCRIPTLESS);
		await page.getByRole('button', { name }).click();
		const { cookies } = await page.context().storageState();
		await page.context().close();
		const options = { storageState: { cookies, origins: [] } };
		return live(await visit(browser, site.url + path, options));
	}

	const listed = (page: Page): Promise<string[]> =>
		page
			.locator('[data-person]')
			.evaluateAll((items) => items.map((item) => item.getAttribute('data-person')!));

	/** Calls a live function as whoever has these cookies. */
	async function callAs(
		page: Page | undefined,
		path: string,
		...args: unknown[]
	): Promise<unknown> {
		const cookies = (await page?.context().cookies()) ?? [];
		const cookie = cookies.map(({ name, value }) => `${name}=${value}`).join('; ');
		const Socket = class extends WebSocket {
			constructor(url: string, protocols?: string[]) {
				super(url, protocols, { headers: { cookie } });
			}
		};
		const url = `${site.url.replace('http', 'ws')}/ws`;
		const client = createClient({ url, WebSocket: Socket as never });
		try {
			return await client.call(path)(...args);
		} catch (error) {
			return (error as { code: string }).code;
		} finally {
			client.close();
		}
	}

	test('an admin’s functions are refused to everybody else, whatever they send', async () => {
		const [ada, grace] = [await enterAs('Ada', '/'), await enterAs('Grace', '/')];

		expect(await callAs(undefined, 'admin/house/clearBoard')).toBe('FORBIDDEN');
		expect(await callAs(ada, 'admin/house/clearBoard')).toBe('FORBIDDEN');
		expect(await callAs(ada, 'admin/house/tell', { user: 7 })).toBe('FORBIDDEN');
		expect(await callAs(grace, 'admin/house/clearBoard')).toBe(0);
		expect(await callAs(grace, 'admin/house/tell', { user: 7 })).toBe('VALIDATION');
	});

	test('who opens the admin’s page signs in first, and comes back to it', async () => {
		const page = await live(await visit(browser, site.url));
		await page.goto(`${site.url}/admin`);
		await page.waitForURL('**/sign-in?next=/admin');

		await page.getByRole('button', { name: 'Grace' }).click();

		await page.waitForURL('**/admin');
		await expect.poll(() => listed(page)).toContain('grace');
	});

	test('a page that signs in is somebody else at once, for all that is live on it', async () => {
		const grace = await enterAs('Grace', '/admin');
		const page = await live(await visit(browser, site.url));
		// Who has left is listed for a while.
		await expect.poll(() => listed(grace), { timeout: 15_000 }).not.toContain('ada');

		await page.getByRole('link', { name: 'Sign in' }).click();
		await page.getByRole('button', { name: 'Ada' }).click();

		await page.getByRole('link', { name: 'Ada' }).waitFor();
		await expect.poll(() => listed(grace)).toContain('ada');
	});

	test('a signal reaches every page of one person, and nobody else’s', async () => {
		const grace = await enterAs('Grace', '/admin');
		const ada = await enterAs('Ada', '/board');
		const second = await ada.context().newPage();
		await live((await second.goto(`${site.url}/dashboard`), second));
		await expect.poll(() => listed(grace)).toContain('ada');

		await grace.getByLabel('What to say').fill('Tea is ready.');
		await grace.locator('[data-person="ada"]').getByRole('button', { name: 'Say it' }).click();

		for (const page of [ada, second]) {
			await page.locator('[data-notice]', { hasText: 'Tea is ready.' }).waitFor();
		}
		await grace.getByText('Said to Ada.').waitFor();
		expect(await grace.locator('[data-notice]').count()).toBe(0);
	});

	test('whoever is signed out by an admin comes back as a guest, and is refused what was allowed', async () => {
		const grace = await enterAs('Grace', '/admin');
		const ada = await enterAs('Ada', '/board');
		await expect.poll(() => listed(grace)).toContain('ada');

		await grace.locator('[data-person="ada"]').getByRole('button', { name: 'Sign out' }).click();

		await ada.getByRole('link', { name: 'Sign in' }).waitFor();
		await live(ada);
		await expect.poll(() => listed(grace), { timeout: 15_000 }).not.toContain('ada');
	});
});

const SCRIPTLESS: BrowserContextOptions = { javaScriptEnabled: false };
