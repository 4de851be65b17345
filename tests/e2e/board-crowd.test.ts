import type { Browser, Page } from 'playwright-core';
import { createClient, type Client } from 'svelte-realtime/client';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { launchBrowser } from './browser.ts';
import { live, visit } from './page.ts';
import { startProduction, type Site } from './site.ts';

const CROWD = 30;
const PAGES = 3;
/** Milliseconds between two moves of everybody in the crowd. */
const PACE = 16;
/** Milliseconds that are looked at. */
const SPAN = 4000;

let browser: Browser;
let site: Site;
let clients: Client[] = [];
let moving: ReturnType<typeof setInterval> | undefined;

beforeAll(async () => {
	[browser, site] = await Promise.all([launchBrowser(), startProduction('board-crowd')]);
});
afterAll(async () => {
	clearInterval(moving);
	for (const client of clients) client.close();
	await browser?.close();
	await site?.stop();
});

/** Somebody on the board without a browser, known by a cookie. */
function join(secret: string): Client {
	class Visitor extends WebSocket {
		constructor(url: string) {
			super(url, { headers: { cookie: `visitor=${secret}` } });
		}
	}
	const url = `${site.url.replace('http', 'ws')}/ws`;
	return createClient({ url, WebSocket: Visitor });
}

/** What a page has come to within a span. */
interface Watched {
	/** Animation frames in a second. */
	readonly frames: number;
	/** Milliseconds of the longest task. */
	readonly longest: number;
	/** Milliseconds of work in a second. */
	readonly work: number;
	/** Messages in a second, and their bytes. */
	readonly messages: number;
	readonly bytes: number;
}

async function watch(
	page: Page,
	received: () => { messages: number; bytes: number }
): Promise<Watched> {
	const session = await page.context().newCDPSession(page);
	await session.send('Performance.enable');
	const work = async (): Promise<number> => {
		const { metrics } = await session.send('Performance.getMetrics');
		return metrics.find(({ name }) => name === 'TaskDuration')!.value * 1000;
	};
	const [workBefore, before] = [await work(), { ...received() }];
	const { frames, longest, span } = await page.evaluate(async (wanted) => {
		let longest = 0;
		const observer = new PerformanceObserver((list) => {
			for (const { duration } of list.getEntries()) longest = Math.max(longest, duration);
		});
		observer.observe({ type: 'longtask' });
		const begun = performance.now();
		let frames = 0;
		await new Promise<void>((resolve) => {
			function turn(): void {
				frames += 1;
				if (performance.now() - begun < wanted) requestAnimationFrame(turn);
				else resolve();
			}
			requestAnimationFrame(turn);
		});
		observer.disconnect();
		return { frames, longest, span: performance.now() - begun };
	}, SPAN);
	const [workAfter, after] = [await work(), received()];
	const perSecond = (count: number): number => Math.round((count * 1000) / span);
	return {
		frames: perSecond(frames),
		longest: Math.round(longest),
		work: perSecond(workAfter - workBefore),
		messages: perSecond(after.messages - before.messages),
		bytes: perSecond(after.bytes - before.bytes)
	};
}

/** Opens the board, and counts what it is sent. */
async function enter(): Promise<{
	page: Page;
	received: () => { messages: number; bytes: number };
}> {
	const page = await visit(browser, 'about:blank');
	const received = { messages: 0, bytes: 0 };
	page.on('websocket', (socket) =>
		socket.on('framereceived', ({ payload }) => {
			received.messages += 1;
			received.bytes += payload.length;
		})
	);
	await page.goto(`${site.url}/board`);
	return { page: await live(page), received: () => received };
}

test('a board is quick while thirty people move on it', async () => {
	clients = Array.from({ length: CROWD }, (_, index) => join(`crowd-${index}`));
	const cursors = clients.map((client) => {
		client.stream('board/board.data').subscribe(() => {});
		const own = client.cursors('board/board.cursors');
		own.subscribe(() => {});
		return own;
	});
	let turn = 0;
	moving = setInterval(() => {
		turn += 1;
		for (const [index, own] of cursors.entries()) {
			const angle = turn / 40 + index;
			const at = (value: number): number => Math.round((0.5 + value / 2.5) * 1e4) / 1e4;
			void own.move({ x: at(Math.cos(angle)), y: at(Math.sin(angle * 1.3)) });
		}
	}, PACE);
	const pages = [];
	for (let count = 0; count < PAGES; count++) pages.push(await enter());
	for (const { page } of pages) {
		await expect
			.poll(() => page.locator('[data-people]').getAttribute('data-people'))
			.toBe(String(CROWD + PAGES));
		await expect.poll(() => page.locator('[data-pointer]').count()).toBe(CROWD);
	}

	const watched = await Promise.all(pages.map(({ page, received }) => watch(page, received)));
	const pressed = performance.now();
	await pages[0]!.page.getByRole('button', { name: 'New note' }).click();
	await pages[2]!.page.locator('[data-note]').waitFor();
	const took = Math.round(performance.now() - pressed);
	console.log(`A note came after ${took} ms; each page, in a second:`);
	console.table(watched);

	for (const { frames, longest, messages } of watched) {
		// One message for each interval, however many move, and however often.
		expect(messages).toBeLessThan(40);
		expect(messages).toBeGreaterThan(5);
		expect(frames).toBeGreaterThan(20);
		expect(longest).toBeLessThan(400);
	}
	expect(took).toBeLessThan(2000);
}, 60_000);
