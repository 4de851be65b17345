import type { Browser, Locator, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { launchBrowser } from './browser.ts';
import { focused, live, tabTo, visit } from './page.ts';
import { buildCopy, freePort, startBuilt, startDev, stop, type Running } from './site.ts';

declare global {
	interface Window {
		/** How many were listed, each time that it changed. */
		counts?: string[];
		/** Gone when the page is loaded anew. */
		marker?: true;
	}
}

let browser: Browser;
let folder: string;
let port: string;
let server: Running;

beforeAll(async () => {
	[{ folder }, browser] = await Promise.all([buildCopy('board'), launchBrowser()]);
});
afterAll(() => browser?.close());

beforeEach(async () => {
	port = String(await freePort());
	server = await startBuilt(folder, { PORT: port });
});
afterEach(async () => {
	await Promise.all(browser.contexts().map((context) => context.close()));
	await stop(server);
});

/** Somebody who is on the board, in a browser of their own; name and colour come from the secret. */
async function enter(secret: string, url: string = server.url): Promise<Page> {
	const cookie = { name: 'visitor', value: secret, domain: '127.0.0.1', path: '/', expires: -1 };
	const cookies = [{ ...cookie, httpOnly: true, secure: false, sameSite: 'Lax' as const }];
	const options = { storageState: { cookies, origins: [] } };
	return live(await visit(browser, `${url}/board`, options));
}

const enterAll = (): Promise<[Page, Page, Page]> =>
	Promise.all([enter('ada'), enter('grace'), enter('lin')]);

/** Who is here, as a page shows it. */
function people(page: Page): Promise<string[]> {
	return page
		.locator('[data-person]')
		.evaluateAll((items) => items.map((item) => item.getAttribute('data-person')!).sort());
}

async function visitor(page: Page): Promise<string> {
	return (await page.locator('[data-person].me').getAttribute('data-person'))!;
}

/** Waits until all pages list just these people. */
async function expectPeople(pages: readonly Page[], ids: readonly string[]): Promise<void> {
	for (const page of pages) await expect.poll(() => people(page)).toEqual([...ids].sort());
}

const notes = (page: Page): Locator => page.locator('[data-note]');
const textOf = (page: Page): Promise<string> =>
	page.getByLabel('Note', { exact: true }).inputValue();
const undo = (page: Page): Locator => page.getByRole('button', { name: 'Undo' });
const handle = (page: Page): Locator => page.getByRole('button', { name: /^Move the note/ });

/** Where something is on the board, from 0 to 1. */
async function placeOf(locator: Locator): Promise<{ x: number; y: number }> {
	const box = (await locator.boundingBox())!;
	const surface = (await locator.page().locator('[data-surface]').boundingBox())!;
	return { x: (box.x - surface.x) / surface.width, y: (box.y - surface.y) / surface.height };
}

async function pointAt(page: Page, x: number, y: number, steps: number = 1): Promise<void> {
	const surface = (await page.locator('[data-surface]').boundingBox())!;
	await page.mouse.move(surface.x + surface.width * x, surface.y + surface.height * y, { steps });
}

/** Waits until `locator` is at that place, give or take a pixel or two. */
async function expectPlace(locator: Locator, { x, y }: { x: number; y: number }): Promise<void> {
	const distance = async (): Promise<number> => {
		const place = await placeOf(locator);
		return Math.hypot(place.x - x, place.y - y);
	};
	await expect.poll(distance).toBeLessThan(0.004);
}

test('three visitors see each other, each by a name and a colour of their own', async () => {
	const pages = await enterAll();
	const ids = await Promise.all(pages.map(visitor));

	await expectPeople(pages, ids);

	expect(new Set(ids).size).toBe(3);
	const hues = await pages[0]
		.locator('[data-person]')
		.evaluateAll((items) => items.map((item) => getComputedStyle(item).backgroundColor));
	expect(new Set(hues).size).toBe(3);
});

test('a pointer is seen by the others where it is, and not by whose it is', async () => {
	const [ada, grace, lin] = await enterAll();

	await pointAt(ada, 0.25, 0.5);
	for (const page of [grace, lin]) {
		await expectPlace(page.locator('[data-pointer]'), { x: 0.25, y: 0.5 });
	}
	expect(await ada.locator('[data-pointer]').count()).toBe(0);

	await ada.getByRole('heading').hover();
	await grace.locator('[data-pointer]').waitFor({ state: 'detached' });
	await lin.locator('[data-pointer]').waitFor({ state: 'detached' });
});

test('a note appears, is written on and is moved for everybody, and each undoes what they did', async () => {
	const pages = await enterAll();
	const [ada, grace, lin] = pages;

	await ada.getByRole('button', { name: 'New note' }).click();
	for (const page of pages) await notes(page).waitFor();
	await expect.poll(() => focused(ada)).toBe('Note');
	const begun = await placeOf(notes(ada));

	await ada.keyboard.type('Milk');
	await lin.locator('[data-writers]').filter({ hasText: 'is writing' }).waitFor();
	for (const page of [grace, lin]) await expect.poll(() => textOf(page)).toBe('Milk');
	expect(await ada.locator('[data-writers]').count()).toBe(0);
	await ada.keyboard.press('Tab');
	await lin.locator('[data-writers]').waitFor({ state: 'detached' });

	await handle(grace).hover();
	await grace.mouse.down();
	await pointAt(grace, 0.4, 0.3);
	await pointAt(grace, 0.8, 0.6);
	await expect.poll(async () => (await placeOf(notes(lin))).x).not.toBeCloseTo(begun.x, 2);
	await grace.mouse.up();
	const moved = await placeOf(notes(grace));
	for (const page of pages) await expectPlace(notes(page), moved);

	expect(await undo(lin).isDisabled()).toBe(true);
	await grace.keyboard.press('Control+z');
	for (const page of pages) await expectPlace(notes(page), begun);
	expect(await undo(grace).isDisabled()).toBe(true);
	expect(await textOf(grace)).toBe('Milk');

	await undo(ada).click();
	for (const page of pages) await expect.poll(() => textOf(page)).toBe('');
	await undo(ada).click();
	for (const page of pages) await notes(page).waitFor({ state: 'detached' });
	await ada.getByRole('button', { name: 'Redo' }).click();
	for (const page of pages) await notes(page).waitFor();
});

/** Where a note is when it moves no more: one that has just been made may still come into its place. */
async function restingPlace(note: Locator): Promise<Awaited<ReturnType<typeof placeOf>>> {
	let last = await placeOf(note);
	const isAtRest = async (): Promise<boolean> => {
		const before = last;
		last = await placeOf(note);
		return last.x === before.x && last.y === before.y;
	};
	await expect.poll(isAtRest).toBe(true);
	return last;
}

test('a note can be made, moved and taken off with the keyboard alone', async () => {
	const ada = await enter('ada');

	await tabTo(ada, 'New note');
	await ada.keyboard.press('Enter');
	await expect.poll(() => focused(ada)).toBe('Note');
	await ada.keyboard.type('Typed');
	await ada.keyboard.press('Shift+Tab');
	await ada.keyboard.press('Shift+Tab');
	await expect.poll(() => focused(ada)).toBe('Move the note “Typed” with the arrow keys');
	const begun = await restingPlace(notes(ada));
	const way = begun.x < 0.4 ? 'ArrowRight' : 'ArrowLeft';
	await ada.keyboard.press(way);
	await expect.poll(async () => (await placeOf(notes(ada))).x).not.toBeCloseTo(begun.x, 3);
	await ada.keyboard.press('Control+z');
	await expectPlace(notes(ada), begun);
	await ada.keyboard.press('Tab');
	await ada.keyboard.press('Enter');
	await notes(ada).waitFor({ state: 'detached' });
	await expect.poll(() => focused(ada)).toBe('New note');
});

test('a drag and fast writing ask for no more than half of what a visitor is given', async () => {
	const ada = await enter('ada');
	let calls = 0;
	ada.on('websocket', (socket) =>
		socket.on('framesent', ({ payload }) => (calls += String(payload).split('"rpc"').length - 1))
	);
	await ada.reload();
	await live(ada);
	await ada.getByRole('button', { name: 'New note' }).click();
	await notes(ada).waitFor();
	const begun = performance.now();

	await ada.keyboard.type('Written in one go, as fast as the keys are let.');
	await handle(ada).hover();
	await ada.mouse.down();
	await pointAt(ada, 0.6, 0.5, 150);
	await ada.mouse.up();

	const seconds = (performance.now() - begun) / 1000;
	expect(calls).toBeGreaterThan(10);
	expect(calls).toBeLessThan(5 + 25 * seconds);
	expect(await ada.getByRole('alert').count()).toBe(0);
});

test('a reload and one of two tabs closed are not seen, the last tab closed is after the grace', async () => {
	const [ada, grace, lin] = await enterAll();
	const pages = [ada, grace, lin];
	const ids = await Promise.all(pages.map(visitor));
	const second = await ada.context().newPage();
	await second.goto(`${server.url}/board`);
	await live(second);
	await expectPeople([grace, second], ids);
	await grace.evaluate(() => {
		const list = document.querySelector('[data-people]')!;
		window.counts = [list.getAttribute('data-people')!];
		new MutationObserver(() => window.counts!.push(list.getAttribute('data-people')!)).observe(
			list,
			{ attributeFilter: ['data-people'] }
		);
	});

	await ada.close();
	await lin.reload();
	await live(lin);
	await lin.context().close();
	const closedAt = performance.now();
	// Who left for good went after the others, whose grace is therefore over when this one's is.
	await expect.poll(() => people(grace), { timeout: 20_000 }).toEqual([ids[0]!, ids[1]!].sort());

	expect(performance.now() - closedAt).toBeGreaterThan(4000);
	expect(await grace.evaluate(() => window.counts)).toEqual(['3', '2']);
	await second.close();
	await expect.poll(() => people(grace), { timeout: 20_000 }).toEqual([ids[1]]);
	expect(await grace.evaluate(() => window.counts)).toEqual(['3', '2', '1']);
});

test('the pages go on when their server was killed and has started again', async () => {
	const pages = await enterAll();
	const [ada, grace] = pages;
	const ids = await Promise.all(pages.map(visitor));
	await ada.getByRole('button', { name: 'New note' }).click();
	for (const page of pages) await notes(page).waitFor();
	for (const page of pages) await page.evaluate(() => (window.marker = true));

	server.child.kill('SIGKILL');
	await server.ended;
	for (const page of pages) {
		await page.getByRole('status').filter({ hasText: 'Reconnecting' }).waitFor();
	}
	server = await startBuilt(folder, { PORT: port });
	for (const page of pages) await live(page);

	// The boards of the playground live in the memory of its server.
	for (const page of pages) await notes(page).waitFor({ state: 'detached' });
	await expectPeople(pages, ids);
	await grace.getByRole('button', { name: 'New note' }).click();
	await grace.keyboard.type('Again');
	for (const page of pages) await expect.poll(() => textOf(page)).toBe('Again');
	await pointAt(grace, 0.5, 0.5);
	await expectPlace(ada.locator('[data-pointer]'), { x: 0.5, y: 0.5 });
	for (const page of pages) expect(await page.evaluate(() => window.marker)).toBe(true);
});

test('the board works in development, too', async () => {
	const site = await startDev('board-dev');
	try {
		const ada = await enter('ada', site.url);
		const grace = await enter('grace', site.url);

		await expectPeople([ada, grace], [await visitor(ada), await visitor(grace)]);
		await ada.getByRole('button', { name: 'New note' }).click();
		await ada.keyboard.type('Milk');
		await expect.poll(() => textOf(grace)).toBe('Milk');
		await pointAt(ada, 0.5, 0.5);

		await expectPlace(grace.locator('[data-pointer]'), { x: 0.5, y: 0.5 });
	} finally {
		await site.stop();
	}
});
