import type { Browser } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { launchBrowser } from './browser.ts';
import { watchedMessages, watchMessages } from './hydration.ts';
import { focused, issueOf, live, message, say, tabTo, todo, visit } from './page.ts';
import { startDev, startProduction, type Site } from './site.ts';

let browser: Browser;

beforeAll(async () => {
	browser = await launchBrowser();
}, 120_000);
afterAll(() => browser?.close());
afterEach(() => Promise.all(browser.contexts().map((context) => context.close())));

const SITES = [
	{ name: 'production', server: '(uws)', start: () => startProduction('production') },
	{ name: 'dev', server: 'VITE v', start: () => startDev('dev') }
];

describe.each(SITES)('the playground in $name', { timeout: 60_000 }, ({ server, start }) => {
	let site: Site;

	beforeAll(async () => {
		site = await start();
	}, 180_000);
	afterAll(() => site?.stop(), 30_000);

	test('runs on the server that is meant', () => {
		expect(site.output()).toContain(server);
	});

	test('two browsers see what the other one says', async () => {
		const ada = await live(await visit(browser, site.url));
		const grace = await live(await visit(browser, site.url));

		await say(ada, 'Ada', 'Are you there?');
		await message(grace, 'Are you there?').waitFor();
		await say(grace, 'Grace', 'Here I am.');
		await message(ada, 'Here I am.').waitFor();

		expect(await message(ada, 'Are you there?').count()).toBe(1);
		expect(await message(ada, 'Here I am.').textContent()).toContain('Grace');
	});

	test('the first response holds the messages and the list', async () => {
		const page = await live(await visit(browser, site.url));
		await say(page, 'Ada', 'Rendered on the server');
		await message(page, 'Rendered on the server').waitFor();
		await page.getByLabel('New to-do').fill('Rendered, too');
		await page.getByLabel('New to-do').press('Enter');
		await todo(page, 'Rendered, too').waitFor();

		const html = markup(await (await fetch(site.url)).text());

		expect(html).toMatch(/data-message=[^>]*>[^]*Rendered on the server/);
		expect(html).toMatch(/data-todo=[^>]*>[^]*Rendered, too/);
	});

	test('what the server rendered stays in place when the page comes alive', async () => {
		const other = await live(await visit(browser, site.url));
		await say(other, 'Ada', 'Before the page');
		await message(other, 'Before the page').waitFor();

		const context = await browser.newContext();
		const page = await context.newPage();
		const errors: string[] = [];
		page.on('pageerror', (error) => errors.push(error.message));
		page.on('console', (line) => {
			if (/hydration/i.test(line.text())) errors.push(line.text());
		});
		await watchMessages(page);
		await page.goto(site.url);
		await live(page);
		await say(other, 'Ada', 'After the page');
		await message(page, 'After the page').waitFor();

		const { rendered, ...happened } = await watchedMessages(page);
		expect(rendered).toBeGreaterThan(0);
		expect(happened).toEqual({ changed: [], removed: [], emptied: 0 });
		expect(errors).toEqual([]);
	});

	test('what is said between the render and the connection arrives, once', async () => {
		const other = await live(await visit(browser, site.url));
		await say(other, 'Ada', 'Said before the render');
		await message(other, 'Said before the render').waitFor();

		const context = await browser.newContext();
		const page = await context.newPage();
		await watchMessages(page);
		let release = (): void => {};
		const released = new Promise<void>((resolve) => (release = resolve));
		await page.route('**/*', async (route) => {
			if (route.request().resourceType() === 'script') await released;
			await route.continue();
		});
		await page.goto(site.url, { waitUntil: 'commit' });
		await message(page, 'Said before the render').waitFor();
		await say(other, 'Ada', 'Said in between');
		await message(other, 'Said in between').waitFor();
		expect(await message(page, 'Said in between').count()).toBe(0);
		release();
		await message(page, 'Said in between').waitFor();
		await live(page);

		expect(await message(page, 'Said in between').count()).toBe(1);
		expect(await watchedMessages(page)).toMatchObject({ changed: [], removed: [], emptied: 0 });
	});

	test('a call with bad input shows its issues beside the fields', async () => {
		const page = await live(await visit(browser, site.url));

		await say(page, ' ', '');
		await expect.poll(() => issueOf(page, 'Your name')).toBe('Say who is writing.');
		expect(await issueOf(page, 'Message')).toBe('Write a message first.');
		expect(await focused(page)).toBe('Your name');

		await say(page, 'Ada', 'x'.repeat(501));
		await expect.poll(() => issueOf(page, 'Message')).toBe('At most 500 characters fit here.');
		expect(await issueOf(page, 'Your name')).toBe(null);

		await say(page, 'Ada', 'Now it is right');
		await message(page, 'Now it is right').waitFor();
		expect(await issueOf(page, 'Message')).toBe(null);
	});

	test('a to-do that one browser adds, ticks off and clears does so in the other', async () => {
		const ada = await live(await visit(browser, site.url));
		const grace = await live(await visit(browser, site.url));

		await ada.getByLabel('New to-do').fill('Shared task');
		await ada.getByRole('button', { name: 'Add', exact: true }).click();
		await todo(grace, 'Shared task').waitFor();
		await grace.getByRole('checkbox', { name: 'Shared task' }).check();
		await todo(ada, 'Shared task').getByRole('checkbox', { checked: true }).waitFor();
		await ada.getByRole('button', { name: 'Clear what is done' }).click();

		await todo(grace, 'Shared task').waitFor({ state: 'detached' });
		await todo(ada, 'Shared task').waitFor({ state: 'detached' });
	});

	test('everything can be done with the keyboard alone', async () => {
		const page = await live(await visit(browser, site.url));

		await tabTo(page, 'Your name');
		await page.keyboard.type('Keys');
		await tabTo(page, 'Message');
		await page.keyboard.type('Typed without a mouse');
		await page.keyboard.press('Enter');
		await message(page, 'Typed without a mouse').waitFor();
		await expect.poll(() => page.getByLabel('Message').inputValue()).toBe('');
		expect(await focused(page)).toBe('Message');

		await tabTo(page, 'New to-do');
		await page.keyboard.type('Keyboard task');
		await page.keyboard.press('Enter');
		await todo(page, 'Keyboard task').waitFor();
		await tabTo(page, 'Keyboard task');
		await page.keyboard.press('Space');
		await todo(page, 'Keyboard task').getByRole('checkbox', { checked: true }).waitFor();

		await tabTo(page, 'Rename “Keyboard task”');
		await page.keyboard.press('Enter');
		await expect.poll(() => focused(page)).toBe('New wording');
		await page.keyboard.type('Renamed task');
		await page.keyboard.press('Enter');
		await expect.poll(() => focused(page)).toBe('Rename “Renamed task”');
		await page.keyboard.press('Enter');
		await expect.poll(() => focused(page)).toBe('New wording');
		await page.keyboard.press('Escape');
		await expect.poll(() => focused(page)).toBe('Rename “Renamed task”');

		await tabTo(page, 'Remove “Renamed task”');
		await page.keyboard.press('Enter');
		await todo(page, 'Renamed task').waitFor({ state: 'detached' });
		await expect.poll(() => focused(page)).not.toBe('');
	});

	test('the forms work without JavaScript, and are live for the others', async () => {
		const scripted = await live(await visit(browser, site.url));
		const page = await visit(browser, site.url, { javaScriptEnabled: false });

		await page.getByLabel('New to-do').press('Enter');
		expect(await issueOf(page, 'New to-do')).toBe('Write down what is to be done.');
		await page.getByLabel('New to-do').fill('Posted by a form');
		await page.getByRole('button', { name: 'Add', exact: true }).click();
		await todo(page, 'Posted by a form').waitFor();
		await todo(scripted, 'Posted by a form').waitFor();

		await say(page, 'Plain', 'Said by a form');
		await message(page, 'Said by a form').waitFor();
		await message(scripted, 'Said by a form').waitFor();
		expect(await page.getByLabel('Your name').inputValue()).toBe('Plain');
	});

	test('the name is remembered, and the page asks nobody else for anything', async () => {
		const page = await visit(browser, 'about:blank');
		const foreign: string[] = [];
		page.on('request', (request) => {
			if (!request.url().startsWith(site.url)) foreign.push(request.url());
		});

		await page.goto(site.url);
		await live(page);
		await say(page, 'Someone', 'Will you know me again?');
		await message(page, 'Will you know me again?').waitFor();
		await expect.poll(() => page.getByLabel('Message').inputValue()).toBe('');
		await page.reload();
		await live(page);

		await expect.poll(() => page.getByLabel('Your name').inputValue()).toBe('Someone');
		expect(foreign.filter((url) => !url.startsWith('data:'))).toEqual([]);
	});
});

/** The page without its scripts, which hold the data a second time. */
function markup(html: string): string {
	return html.replace(/<script[^]*?<\/script>/g, '');
}
