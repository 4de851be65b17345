/** The playground in a real browser, below a path of a site behind nginx with TLS. */

import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { startNginx, type Changes, type Nginx } from '../servers/nginx.ts';
import { launchBrowser } from './browser.ts';
import { live, message, say, visit } from './page.ts';
import { buildCopy, freePort, startBuilt, stop, type Running } from './site.ts';

const BASE = '/play';
/** Sockets of workers that a reload has replaced end after a second. */
const SOON: Changes = [['worker_shutdown_timeout 30s;', 'worker_shutdown_timeout 1s;']];
const UPGRADE = 'proxy_set_header Upgrade $http_upgrade;';

let browser: Browser;
let server: Running;
const proxies: Nginx[] = [];
let url: string;

beforeAll(async () => {
	const [{ folder }, started] = await Promise.all([
		buildCopy('nginx-playground', undefined, { BASE }),
		launchBrowser()
	]);
	browser = started;
	// Each proxy has a port, and so an origin, of its own.
	server = await startBuilt(folder, { PROTOCOL_HEADER: 'x-forwarded-proto' });
	url = (await proxy(SOON)).url + BASE;
}, 240_000);
afterAll(async () => {
	await browser?.close();
	await Promise.all(proxies.map((each) => each.stop()));
	if (server) await stop(server);
});
afterEach(() => Promise.all(browser.contexts().map((context) => context.close())));

async function proxy(changes: Changes): Promise<Nginx> {
	const options = { port: await freePort(), instances: [server.url], base: BASE, changes };
	const started = await startNginx(options);
	proxies.push(started);
	return started;
}

const come = (path: string = ''): Promise<Page> =>
	visit(browser, `${url}${path}`, { ignoreHTTPSErrors: true });

test('two browsers talk below the path, with pages over HTTP/2 and cookies for TLS alone', async () => {
	const [ada, grace] = [await live(await come()), await live(await come())];

	await say(ada, 'Ada', 'Through the proxy.');
	await message(grace, 'Through the proxy.').waitFor();

	const loaded = await ada.evaluate(
		() =>
			(performance.getEntriesByType('navigation')[0] as PerformanceResourceTiming).nextHopProtocol
	);
	const [cookie] = await ada.context().cookies();
	expect(loaded).toBe('h2');
	expect(cookie).toMatchObject({ name: 'visitor', secure: true, httpOnly: true });
});

test('two visitors of the board see each other, their pointers and their notes', async () => {
	const [ada, grace] = [await live(await come('/board')), await live(await come())];
	await grace.getByRole('link', { name: 'Board', exact: true }).click();
	await grace.waitForURL(`${url}/board`);
	await live(grace);
	for (const page of [ada, grace]) {
		await expect.poll(() => page.locator('[data-person]').count()).toBe(2);
	}

	await ada.getByRole('button', { name: 'New note' }).click();
	await ada.keyboard.type('Behind the proxy');
	await grace.locator('[data-note]').waitFor();
	const surface = (await ada.locator('[data-surface]').boundingBox())!;
	await ada.mouse.move(surface.x + 40, surface.y + 40);

	await grace.locator('[data-pointer]').waitFor({ state: 'attached' });
	await expect
		.poll(() => grace.getByLabel('Note', { exact: true }).inputValue())
		.toBe('Behind the proxy');
});

test('while nginx is loaded anew pages lose their connection, come back, and miss nothing', async () => {
	const visitors = await Promise.all(
		[0, 1].map(async () => {
			const page = await (await browser.newContext({ ignoreHTTPSErrors: true })).newPage();
			page.setDefaultTimeout(20_000);
			const first = page.waitForEvent('websocket');
			await page.goto(url);
			await live(page);
			await page.evaluate(() => void ((window as { mark?: boolean }).mark = true));
			return { page, socket: await first };
		})
	);
	const [ada, grace] = visitors.map(({ page }) => page) as [Page, Page];
	const closed = Promise.all(visitors.map(({ socket }) => socket.waitForEvent('close')));

	await proxies[0]!.reload();
	await say(ada, 'Ada', 'While the old one ends.');
	await closed;
	await say(grace, 'Grace', 'Between the two.');
	for (const page of [ada, grace]) {
		await live(page);
		await message(page, 'Between the two.').waitFor();
		await message(page, 'While the old one ends.').waitFor();
	}
	await say(ada, 'Ada', 'Through the new one.');
	await message(grace, 'Through the new one.').waitFor();

	for (const page of [ada, grace]) {
		for (const text of ['While the old one ends.', 'Between the two.']) {
			expect(await message(page, text).count()).toBe(1);
		}
		expect(await page.evaluate(() => (window as { mark?: boolean }).mark)).toBe(true);
	}
});

test('a page whose upgrades are not let through says so, and is live once they are', async () => {
	const at = 'location = /play/ws {';
	const ways: { changes: Changes; said: string }[] = [
		{ changes: [[UPGRADE, '']], said: 'does not pass the upgrade on' },
		{
			changes: [[at, `${at} if ($http_upgrade) { return 403; }`]],
			said: 'does not pass the upgrade'
		},
		{
			changes: [[at, `${at} if ($http_upgrade) { return 502; }`]],
			said: 'does not pass the upgrade'
		},
		{
			changes: [[at, `${at} return 200 "hello";`]],
			said: 'answers there with 200 is not its server'
		}
	];
	const visits = await Promise.all(
		ways.map(async ({ changes, said }) => {
			const way = await proxy([...SOON, ...changes]);
			const page = await visit(browser, way.url + BASE, { ignoreHTTPSErrors: true });
			return { way, page, said };
		})
	);

	for (const { page, said } of visits) {
		const status = page.getByRole('status').filter({ hasText: 'lets no WebSocket through' });
		await status.first().waitFor();
		expect(await status.first().getAttribute('title')).toContain(said);
	}
	await Promise.all(visits.map(({ way }) => way.reload(SOON)));

	for (const { page } of visits) await live(page);
});
