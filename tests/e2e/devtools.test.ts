import type { AddressInfo } from 'node:net';
import type { Browser, Locator, Page } from 'playwright-core';
import { createServer, type ViteDevServer } from 'vite';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { liveApp, type LiveApp } from '../vite/live-app.ts';
import { launchBrowser } from './browser.ts';
import { visit } from './page.ts';

/** What the strictest of apps send with their pages. */
const POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'";

const FILES = {
	'index.html': `<!doctype html><html lang="en"><head><title>App</title></head><body>
<main><h1>App</h1><button id="add">Add</button><button id="fail">Fail</button><output></output></main>
<script type="module" src="/src/main.ts"></script></body></html>`,
	'src/main.ts': `import { add, fail, items } from '$live/shop';
import { connection } from 'svelte-realtime/client';
const output = document.querySelector('output')!;
let list: { id: number }[] = [];
const show = () => (output.textContent = list.map(({ id }) => id).join() + ' ' + connection.status);
items('fruit').subscribe((value) => { list = value ?? []; show(); });
connection.subscribe(show);
document.querySelector('#add')!.addEventListener('click', () => add({ name: 'Apple <b>' }, 2));
document.querySelector('#fail')!.addEventListener('click', () => fail().catch(() => {}));
Object.assign(window, { add });
`,
	'src/live/shop.ts': `import { live, LiveError } from 'svelte-realtime';
const list: { id: number; name: string }[] = [];
export const items = live.stream((_ctx, kind: string) => 'shop:' + kind, () => [...list]);
export const add = live(async (ctx, item: { name: string }, times: number) => {
	const added = { id: list.length + 1, name: item.name };
	list.push(added);
	ctx.publish('shop:fruit', 'created', added);
	return { ...added, times };
});
export const fail = live(async () => { throw new LiveError('CONFLICT', 'Taken already.'); });
`
};

/** For what takes a look of the panel, or a question to the server. */
const SLOW = { timeout: 10_000 };

let browser: Browser;
let app: LiveApp;
let vite: ViteDevServer;
let url: string;

beforeAll(async () => {
	app = await liveApp(FILES);
	vite = await createServer(
		app.config({
			appType: 'spa',
			// Found while a page loads, a dependency would make it load again.
			optimizeDeps: { noDiscovery: true },
			server: {
				port: 0,
				host: '127.0.0.1',
				// No file of this app changes; those of the package are no affair of its pages.
				watch: null,
				headers: { 'content-security-policy': POLICY },
				fs: { allow: [app.root] }
			}
		})
	);
	[browser] = await Promise.all([launchBrowser(), vite.listen()]);
	url = `http://127.0.0.1:${(vite.httpServer!.address() as AddressInfo).port}/`;
});
afterAll(async () => {
	await browser?.close();
	await vite?.close();
	await app?.close();
});
afterEach(() => Promise.all(browser.contexts().map((context) => context.close())));

/** What went wrong in a page: errors, and what its policy refused. */
const wrong = new WeakMap<Page, string[]>();

/** A visitor whose page is connected. */
async function enter(): Promise<Page> {
	const page = await visit(browser, 'about:blank');
	const problems: string[] = [];
	wrong.set(page, problems);
	page.on('pageerror', (error) => problems.push(String(error)));
	page.on('console', (message) => {
		if (message.type() === 'error' || message.type() === 'warning') problems.push(message.text());
	});
	await page.goto(url);
	await page.locator('output').filter({ hasText: 'open' }).waitFor();
	return page;
}

const panel = (page: Page): Locator =>
	page.getByRole('dialog', { name: 'svelte-realtime devtools' });
const tab = (page: Page, name: string): Locator => page.getByRole('tab', { name });

async function open(page: Page, name?: string): Promise<void> {
	await page.keyboard.press('Control+Shift+L');
	await panel(page).waitFor();
	if (name) await tab(page, name).click();
}

/** A fact of the tab that is shown, by its name. */
function fact(page: Page, name: string): Locator {
	return panel(page)
		.locator('dl > div:visible')
		.filter({ has: page.locator(`dt:text-is("${name}")`) })
		.locator('dd');
}

/** Where the focus is, through the overlay's own tree. */
function focused(page: Page): Promise<string> {
	return page.evaluate(() => {
		const inner = document.activeElement?.shadowRoot?.activeElement;
		return (inner ?? document.activeElement)?.textContent ?? '';
	});
}

test('the keyboard opens the overlay, goes through all of its tabs, and leaves to where it was', async () => {
	const page = await enter();
	await page.locator('#add').focus();

	await open(page);
	const names = [await focused(page)];
	for (let press = 0; press < 7; press++) {
		await page.keyboard.press('ArrowRight');
		names.push(await focused(page));
		await page.getByRole('tabpanel', { name: names.at(-1)! }).waitFor();
	}

	expect(names).toEqual([
		...['Connection', 'Calls', 'Streams', 'Presence and rooms', 'Topics', 'Plugins', 'Network'],
		'Connection'
	]);
	await page.keyboard.press('End');
	expect(await focused(page)).toBe('Network');
	await page.keyboard.press('Tab');
	expect(await panel(page).evaluate((node) => node.matches(':focus-within'))).toBe(true);
	await page.keyboard.press('Escape');
	await panel(page).waitFor({ state: 'detached' });
	expect(await focused(page)).toBe('Add');
	expect(wrong.get(page)).toEqual([]);
});

test('a call is shown with arguments, result and time, one that fails with its code, and text as text', async () => {
	const page = await enter();
	await page.locator('#add').click();
	await page.locator('#fail').click();
	await open(page, 'Calls');

	const failed = page.getByRole('option', { name: /shop\/fail/ });
	await failed.filter({ hasText: 'CONFLICT' }).waitFor();
	const added = page.getByRole('option', { name: /shop\/add/ });
	await added.filter({ hasText: /\d+ ms/ }).click();
	expect(await fact(page, 'outcome').textContent()).toBe('done');
	expect(await fact(page, 'sent').textContent()).toMatch(/^message \d+$/);
	const details = await page.getByRole('region', { name: 'Details of calls' }).innerText();
	expect(details.replaceAll(/\s+/g, ' ')).toMatch(
		/arguments: 2 entries 0: 1 entry name: "Apple <b>" 1: 2 result: 3 entries id: \d+ name: "Apple <b>" times: 2/
	);
	await page.keyboard.press('ArrowUp');
	await expect
		.poll(() => fact(page, 'outcome').textContent(), SLOW)
		.toBe('CONFLICT: Taken already.');
	expect(wrong.get(page)).toEqual([]);
});

test('the position of a stream advances in place: no node is replaced, and what is selected or open stays so', async () => {
	const page = await enter();
	await open(page, 'Streams');
	await page.getByRole('option', { name: 'shop/items("fruit")' }).click();
	const seq = fact(page, 'seq');
	const before = Number(await seq.textContent());
	const opened = page.locator('summary').filter({ hasText: '0: ' });
	await opened.click();
	await page.evaluate(() => {
		const root = document.querySelector('svelte-realtime-devtools')!.shadowRoot!;
		const removed: string[] = [];
		const nodes = (list: NodeList): string[] => [...list].map(({ nodeName }) => nodeName);
		new MutationObserver((records) => {
			for (const { removedNodes } of records) removed.push(...nodes(removedNodes));
		}).observe(root, { subtree: true, childList: true });
		Object.assign(window, { removed });
	});

	for (let more = 1; more <= 3; more++) {
		await page.locator('#add').click();
		await expect.poll(async () => Number(await seq.textContent()), SLOW).toBe(before + more);
	}

	expect(await page.evaluate(() => (window as unknown as { removed: string[] }).removed)).toEqual(
		[]
	);
	expect(await opened.locator('..').getAttribute('open')).toBe('');
	expect(await fact(page, 'state').textContent()).toBe('live');
	expect(await fact(page, 'topic').textContent()).toBe('shop:fruit');
	expect(await fact(page, 'merge').textContent()).toBe('crud by id');
	expect(await fact(page, 'readers').textContent()).toBe('1');
	await tab(page, 'Topics').click();
	await page.getByRole('row', { name: /shop:fruit .*created/ }).waitFor();
});

test('what somebody selects to copy is left alone while it is selected', async () => {
	const page = await enter();
	// The panel looks by its timers.
	await page.clock.install();
	await open(page, 'Streams');
	await page.getByRole('option', { name: 'shop/items("fruit")' }).click();
	const seq = fact(page, 'seq');
	const before = Number(await seq.textContent());
	await seq.dblclick();

	await page.evaluate(() =>
		(window as unknown as { add(...args: unknown[]): unknown }).add({ name: 'b' }, 1)
	);
	await page
		.locator('output')
		.filter({ hasText: String(before + 1) })
		.waitFor();
	await page.clock.runFor(2000);
	expect(Number(await seq.textContent())).toBe(before);

	await page.locator('h1').click();
	await expect.poll(async () => Number(await seq.textContent()), SLOW).toBe(before + 1);
});

test('the network that is cut and resumed: the page sees it, and nothing is lost', async () => {
	const page = await enter();
	const other = await enter();
	await open(page, 'Network');
	await page.getByRole('button', { name: 'Cut the connection' }).click();
	await page.locator('output').filter({ hasText: 'reconnecting' }).waitFor();
	await panel(page).getByText('Network: cut').waitFor();
	const before = await page.locator('output').textContent();

	await other.locator('#add').click();
	await other.locator('#add').click();
	await page.locator('#add').click();
	await tab(page, 'Calls').click();
	await page.getByRole('option', { name: /shop\/add.*waiting/ }).waitFor();
	await tab(page, 'Connection').click();
	await expect.poll(() => fact(page, 'status').textContent(), SLOW).toBe('reconnecting');
	expect(await page.locator('output').textContent()).toBe(before);

	await tab(page, 'Network').click();
	await page.getByRole('button', { name: 'Resume' }).click();
	await other.locator('output').filter({ hasText: 'open' }).waitFor();
	const all = async (of: Page): Promise<string[]> =>
		(await of.locator('output').textContent())!.split(' ')[0]!.split(',');
	const most = before!.split(' ')[0]!.split(',').length + 3;
	for (const each of [page, other]) {
		await expect.poll(async () => (await all(each)).length, SLOW).toBe(most);
	}
	expect(await all(page)).toEqual(await all(other));
	await tab(page, 'Streams').click();
	await page.getByRole('option', { name: 'shop/items("fruit")' }).click();
	await panel(page).getByText('recovered').waitFor();
	expect(wrong.get(page)).toEqual([]);
});

test('faults end when the panel is closed', async () => {
	const page = await enter();
	await open(page, 'Network');
	await page.getByLabel('Milliseconds, each way').fill('400');
	await panel(page).getByText('Network: 400 ms later, each way').waitFor();
	await tab(page, 'Connection').click();
	await expect
		.poll(async () => Number.parseInt((await fact(page, 'latency').textContent())!, 10), SLOW)
		.toBeGreaterThanOrEqual(800);

	await page.getByRole('button', { name: 'Close' }).click();
	await open(page, 'Network');

	await panel(page).getByText('The network is as it is.').waitFor();
	expect(await page.getByLabel('Milliseconds, each way').inputValue()).toBe('0');
});

test('the plugins of the server are those of its kernel', async () => {
	const page = await enter();
	await open(page, 'Plugins');

	await panel(page)
		.getByRole('listitem')
		.filter({ hasText: /^streams \(\d+ ms\): provides streams/ })
		.waitFor();
	await panel(page)
		.getByRole('listitem')
		.filter({ hasText: /^message .*rpc/ })
		.waitFor();
	expect(wrong.get(page)).toEqual([]);
});

test('a page that is loaded anew shows what was shown, takes no focus, and has one overlay', async () => {
	const page = await enter();
	await open(page, 'Topics');

	await page.reload();
	await page.getByRole('tabpanel', { name: 'Topics' }).waitFor();
	await page.locator('output').filter({ hasText: 'open' }).waitFor();

	expect(await page.evaluate(() => document.activeElement === document.body)).toBe(true);
	expect(await page.locator('svelte-realtime-devtools').count()).toBe(1);
	await page.keyboard.press('Control+Shift+L');
	await panel(page).waitFor({ state: 'detached' });
	await page.getByRole('button', { name: 'svelte-realtime devtools' }).click();
	await page.getByRole('tabpanel', { name: 'Topics' }).waitFor();
	expect(wrong.get(page)).toEqual([]);
});
