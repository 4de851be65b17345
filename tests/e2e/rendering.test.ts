import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { launchBrowser } from './browser.ts';
import { sentFrames, streamFrames } from './frames.ts';
import { watchedMessages, watchMessages } from './hydration.ts';
import { busyWriter, held, NOTES_APP, shown, write, type Writer } from './notes.ts';
import { live } from './page.ts';
import { build, buildCopy, startBuilt, stop, type Built, type Running } from './site.ts';

let browser: Browser;
let built: Built;
let server: Running;
let writing: Writer | undefined;

/** A module that says so whenever its process listens or connects. */
const WATCH = `data:text/javascript,${encodeURIComponent(`
	import net from 'node:net';
	for (const [type, name] of [[net.Socket, 'connect'], [net.Server, 'listen']]) {
		const method = type.prototype[name];
		type.prototype[name] = function (...args) {
			console.error('OPENED', new Error().stack);
			return method.apply(this, args);
		};
	}
`)}`;

beforeAll(async () => {
	built = await buildCopy('rendering', NOTES_APP, { NODE_OPTIONS: `--import=${WATCH}` });
	[browser, server] = await Promise.all([
		launchBrowser(),
		startBuilt(built.folder, { NOTES: join(built.folder, 'notes.jsonl') })
	]);
	await write(server.url, 'the first');
});
afterAll(async () => {
	await browser?.close();
	if (server) await stop(server);
});
afterEach(async () => {
	await writing?.stop();
	await Promise.all(browser.contexts().map((context) => context.close()));
});

async function open(): Promise<Page> {
	const page = await (await browser.newContext()).newPage();
	page.setDefaultTimeout(20_000);
	return page;
}

/** Waits until the page shows as many notes as the server holds; nobody may be writing. */
async function settled(page: Page): Promise<string[]> {
	const { notes } = await held(server.url);
	await expect.poll(async () => (await shown(page)).length).toBeGreaterThanOrEqual(notes.length);
	return notes.map(({ text }) => text);
}

describe.each(['/hydrated', '/carried', '/awaited'])('a stream in the page %s', (path) => {
	test('stands in the first HTML, loaded once', async () => {
		const before = await held(server.url);
		const html = await (await fetch(server.url + path)).text();

		expect(html.replace(/<script[^]*?<\/script>/g, '')).toContain('the first');
		expect((await held(server.url)).loads).toBe(before.loads + 1);
	});

	test('goes on under a busy writer: nothing flashes, is loaded again, is lost or doubled', async () => {
		const page = await open();
		const frames = sentFrames(page);
		const problems: string[] = [];
		page.on('pageerror', (error) => problems.push(error.message));
		page.on('console', (line) => {
			if (line.type() === 'error' || line.type() === 'warning') problems.push(line.text());
		});
		let release = (): void => {};
		const released = new Promise<void>((resolve) => (release = resolve));
		await page.route('**/*.js', async (route) => {
			await released;
			await route.continue();
		});
		await watchMessages(page);
		const { loads } = await held(server.url);
		const writer = (writing = busyWriter(server.url));

		await page.goto(server.url + path, { waitUntil: 'commit' });
		await page.locator('[data-message]').first().waitFor();
		const rendered = writer.written;
		await expect.poll(() => writer.written).toBeGreaterThan(rendered + 20);
		release();
		await live(page);
		const connected = writer.written;
		await expect.poll(() => writer.written).toBeGreaterThan(connected + 20);
		await writer.stop();

		expect(await settled(page)).toEqual(await shown(page));
		expect(problems).toEqual([]);
		expect(await watchedMessages(page)).toMatchObject({ changed: [], removed: [], emptied: 0 });
		expect(streamFrames(frames)).toEqual([expect.objectContaining({ since: expect.anything() })]);
		expect((await held(server.url)).loads).toBe(loads + 1);
	});
});

test('navigation between pages that share a stream keeps it open', async () => {
	const page = await open();
	const frames = sentFrames(page);
	await page.goto(`${server.url}/hydrated`);
	await live(page);

	for (const path of ['carried', 'awaited', 'browser-only', 'hydrated', 'awaited', 'carried']) {
		await page.getByRole('link', { name: path }).click();
		await page.waitForURL(`**/${path}`);
		await live(page);
		await write(server.url, `written on ${path}`);
		expect(await settled(page)).toEqual(await shown(page));
	}

	expect(streamFrames(frames)).toHaveLength(1);
});

test('a page that is not rendered on the server loads its stream in the browser', async () => {
	const page = await open();
	await page.goto(`${server.url}/browser-only`);
	await live(page);

	expect(await settled(page)).toEqual(await shown(page));
});

test('prerendered pages open nothing at build time, rendered on the server or not', async () => {
	const pages = join(built.folder, 'build/prerendered');

	expect(built.output).not.toContain('OPENED');
	expect(await readFile(join(pages, 'prerendered.html'), 'utf8')).toContain('Waiting');
	expect(existsSync(join(pages, 'browser-only.html'))).toBe(true);
});

test('a prerendered page that loads a stream is told at build time why it cannot', async () => {
	await expect(build(built.folder, { ENTRIES: '/impossible' })).rejects.toThrow(
		/RT_SERVER_NOT_RUNNING.*"notes\/notes".*prerender = false/
	);
});
