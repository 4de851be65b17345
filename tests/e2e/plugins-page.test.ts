import type { Browser, Locator, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { launchBrowser } from './browser.ts';
import { live, visit } from './page.ts';
import { startProduction, type Site } from './site.ts';

let browser: Browser;
let site: Site;

beforeAll(async () => {
	[browser, site] = await Promise.all([launchBrowser(), startProduction('plugins-page')]);
});
afterAll(async () => {
	await browser?.close();
	await site?.stop();
});
afterEach(() => Promise.all(browser.contexts().map((context) => context.close())));

/** A new visitor on the page. */
async function enter(): Promise<Page> {
	return live(await visit(browser, `${site.url}/plugins`));
}

const card = (page: Page, name: string): Locator => page.locator(`[data-plugin="${name}"]`);

function press(page: Page, name: string): Promise<void> {
	return page.getByRole('button', { name, exact: true }).click();
}

/** Waits until a figure of a card reads so. */
async function expectFigure(card: Locator, label: string, figure: string | RegExp): Promise<void> {
	await expect
		.poll(() => card.locator(`[data-figure="${label}"]`).textContent())
		.toMatch(typeof figure === 'string' ? new RegExp(`^${figure}$`) : figure);
}

/** What the calls of a card came to, once all of them are over. */
async function outcomes(card: Locator, count: number): Promise<string[]> {
	const chips = card.locator('[data-chip]');
	const over = card.locator('[data-chip="good"], [data-chip="bad"]');
	await expect.poll(() => over.count(), { timeout: 10_000 }).toBe(count);
	return chips.allTextContents();
}

test('every plugin that an app can use has a card', async () => {
	const html = await (await fetch(`${site.url}/plugins`)).text();

	const names = [...html.matchAll(/data-plugin="([^"]+)"/g)].map(([, name]) => name!.split(', '));
	expect(names.flat().sort()).toEqual(
		[
			...['admission', 'channels', 'cursors', 'debounce', 'dedup', 'groups', 'lock', 'middleware'],
			...['presence', 'queue', 'ratelimit', 'replay', 'session', 'throttle']
		].sort()
	);
});

// Before the others: who has left is listed for a while.
test('presence: a visitor is listed once with two tabs, beside others', async () => {
	const ada = await enter();
	await expectFigure(card(ada, 'presence'), 'here', '1');

	const second = await ada.context().newPage();
	await second.goto(`${site.url}/plugins`);
	await live(second);
	await enter();

	await expectFigure(card(ada, 'presence'), 'here', '2');
	await expectFigure(card(second, 'presence'), 'here', '2');
});

test('cursors: the server’s pointer is seen by everybody, a visitor’s by the others', async () => {
	const [ada, grace] = [await enter(), await enter()];

	await press(ada, 'Move the server’s');
	for (const page of [ada, grace]) await expectFigure(card(page, 'cursors'), 'shown', '1');
	await card(ada, 'cursors').getByRole('presentation').hover();

	await expectFigure(card(grace, 'cursors'), 'shown', '2');
	await expectFigure(card(ada, 'cursors'), 'shown', '1');
});

test('throttle, debounce: of twenty publishes two and one go out, with the newest value', async () => {
	const page = await enter();
	const figures = card(page, 'throttle, debounce');

	await press(page, 'Publish 20 values');

	await expectFigure(figures, 'newest', '20, 20');
	await expectFigure(figures, 'published', '20');
	await expectFigure(figures, 'throttled', '2');
	await expectFigure(figures, 'debounced', '1');
});

test('ratelimit: five knocks are answered, the sixth is told when to come back', async () => {
	const page = await enter();
	const figures = card(page, 'ratelimit');

	for (const left of ['4', '3', '2', '1', '0']) {
		await press(page, 'Knock');
		await expectFigure(figures, 'remaining', left);
		await expectFigure(figures, 'again in', 'now');
	}
	await press(page, 'Knock');

	await expectFigure(figures, 'again in', /^[1-9]\d* ms$/);
	await figures.getByText('Refused.').waitFor();
});

test('queue: eight tasks at once are six in order and two that are refused', async () => {
	const page = await enter();

	await press(page, 'Push 8 tasks');

	const came = await outcomes(card(page, 'queue'), 8);
	expect(came).toEqual(['#1', '#2', '#3', '#4', '#5', '#6', 'QUEUE_FULL', 'QUEUE_FULL']);
	await page.locator('[data-limit="queue.size"]').filter({ hasText: '× 2' }).waitFor();
});

test('lock: one waits for another, and the third no longer than it would', async () => {
	const page = await enter();

	await press(page, 'Ask thrice');

	const came = await outcomes(card(page, 'lock'), 3);
	const waited = came.slice(0, 2).map((text) => Number(/\d+/.exec(text)));
	expect(came[2]).toBe('TIMEOUT');
	expect(waited[1]! - waited[0]!).toBeGreaterThan(300);
});

test('channels: a throw is seen by everybody, one that no die can make by nobody', async () => {
	const [ada, grace] = [await enter(), await enter()];

	await press(ada, 'Roll a seven');
	expect(await outcomes(card(ada, 'channels'), 1)).toEqual(['VALIDATION']);
	await press(ada, 'Roll a die');
	await expect.poll(() => outcomes(card(ada, 'channels'), 1)).toEqual(['published']);

	for (const page of [ada, grace]) {
		await expectFigure(card(page, 'channels'), 'thrown', /^[1-6]$/);
	}
});

test('groups: members are counted, a cheer is heard, and a fourth member is refused', async () => {
	const pages = [await enter(), await enter(), await enter(), await enter()];
	const [ada, ...others] = pages as [Page, ...Page[]];

	await press(ada, 'Join');
	await ada.getByRole('button', { name: /^Cheer the/ }).click();
	await card(ada, 'groups').getByText('1 heard').waitFor();
	for (const page of others) {
		await press(page, 'Join');
		await card(page, 'groups').getByRole('status').waitFor();
	}

	await expectFigure(card(ada, 'groups'), 'members', '3');
	expect(await card(others[2]!, 'groups').getByRole('status').textContent()).toBe('FULL');
});

test('replay: the topic’s number goes up by one with each event', async () => {
	const page = await enter();

	for (const seq of ['1', '2', '3']) {
		await press(page, 'Publish');
		await expectFigure(card(page, 'replay'), 'seq', seq);
	}
});

test('session: what was counted is still there after a reload', async () => {
	const page = await enter();

	await press(page, 'Count');
	await expectFigure(card(page, 'session'), 'counted', '1');
	await page.reload();
	await live(page);
	await press(page, 'Count');

	await expectFigure(card(page, 'session'), 'counted', '2');
});

test('dedup: a payment that is told twice is booked once', async () => {
	const page = await enter();

	await press(page, 'Pay, and say so twice');

	const [first, second] = await outcomes(card(page, 'dedup'), 2);
	expect(first).toBe('booked');
	expect(second).toMatch(/^(running|done)$/);
	await expectFigure(card(page, 'dedup'), 'booked', '1');
});

test('admission: who comes and goes is counted', async () => {
	const page = await enter();
	const open = async (): Promise<number> =>
		Number(await card(page, 'admission').locator('[data-figure="open"]').textContent());
	await expect.poll(open).toBe(1);

	const other = await enter();
	await expect.poll(open).toBe(2);
	await other.context().close();

	await expect.poll(open).toBe(1);
});

test('middleware: calls are measured by their path', async () => {
	const page = await enter();

	await press(page, 'Count');
	const path = card(page, 'middleware').locator('tbody tr').first();
	await expect.poll(() => path.getAttribute('data-path')).toBe('plugins/visit');

	const [, calls, each] = await path.locator('td').allTextContents();
	expect(Number(calls)).toBeGreaterThan(0);
	expect(Number(each)).toBeGreaterThanOrEqual(0);
});
