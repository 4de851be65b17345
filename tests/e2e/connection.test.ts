import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { launchBrowser } from './browser.ts';
import { live, message, say, visit } from './page.ts';
import { buildCopy, startBuilt } from './site.ts';

type Server = Awaited<ReturnType<typeof startBuilt>>;

/** Below the ports that browsers are given for their end: they dial this one while nobody has it. */
const PORT = String(10_000 + (process.pid % 10_000));

let browser: Browser;
let folder: string;
let server: Server;

beforeAll(async () => {
	browser = await launchBrowser();
	({ folder } = await buildCopy('connection'));
	await restart();
}, 240_000);
afterAll(async () => {
	await browser?.close();
	server?.child.kill('SIGKILL');
	await server?.ended;
});
afterEach(() => Promise.all(browser.contexts().map((context) => context.close())));

async function kill(): Promise<void> {
	server.child.kill('SIGKILL');
	await server.ended;
}

async function restart(): Promise<void> {
	server = await startBuilt(folder, { PORT });
}

/** Waits until the page knows that it has no connection. */
async function waiting(page: Page): Promise<void> {
	await page.getByRole('status').filter({ hasText: 'Reconnecting' }).waitFor();
}

/** Notes the sockets of a page, and how often it was loaded. */
function sockets(page: Page): { opened: number; closed: number; pings: number } {
	const seen = { opened: 0, closed: 0, pings: 0 };
	page.on('websocket', (socket) => {
		seen.opened += 1;
		socket.on('close', () => (seen.closed += 1));
		socket.on('framesent', ({ payload }) => {
			if (payload === '{"type":"ping"}') seen.pings += 1;
		});
	});
	return seen;
}

test('a page without a network says so, and is live again when it has one', async () => {
	const context = await browser.newContext();
	const page = await context.newPage();
	const seen = sockets(page);
	await page.goto(server.url);
	await live(page);
	await context.setOffline(true);
	await waiting(page);
	const { opened } = seen;
	await context.setOffline(false);
	await live(page);

	expect(seen.opened).toBe(opened + 1);
});

test('a page whose server is killed and started again goes on without a reload', async () => {
	const page = await live(await visit(browser, server.url));
	await page.evaluate(() => void ((window as { mark?: boolean }).mark = true));
	await kill();
	await waiting(page);
	await restart();
	await live(page);
	const other = await live(await visit(browser, server.url));
	await say(other, 'Grace', 'After the restart.');
	await message(page, 'After the restart.').waitFor();

	expect(await page.evaluate(() => (window as { mark?: boolean }).mark)).toBe(true);
});
