/** A page that asks before it connects, in a browser that keeps the cookies. */

import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { rolldown } from 'rolldown';
import { definePlugin, defineConfig, deny } from 'svelte-realtime';
import { start, type StartOptions } from 'svelte-realtime/adapter/runtime';
import { single } from 'svelte-realtime/presets';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { launchBrowser } from './browser.ts';
import { ROOT } from './site.ts';

/** The page connects where its address says, in the way that it says. */
const PAGE = `
	import { configure, connection } from 'svelte-realtime/client';
	const { url, auth } = Object.fromEntries(new URLSearchParams(location.search));
	configure({ ...(url && { url }), ...(auth && { auth: true }) });
	window.connection = connection;
	connection.reconnect();
`;

type Running = Awaited<ReturnType<typeof start>>;

let browser: Browser;
let directory: string;
/** Has the pages, and no socket. */
let pages: Running;
let origin: string;

beforeAll(async () => {
	browser = await launchBrowser();
	directory = await mkdtemp(join(tmpdir(), 'realtime-preflight-'));
	await mkdir(join(directory, 'client'), { recursive: true });
	const bundle = await rolldown({
		input: 'page',
		cwd: ROOT,
		platform: 'browser',
		plugins: [
			{
				name: 'page',
				resolveId: (id) => (id === 'page' ? join(ROOT, 'tests/e2e/page.js') : null),
				load: (id) => (id.endsWith('/tests/e2e/page.js') ? PAGE : null)
			}
		]
	});
	await bundle.write({ dir: join(directory, 'client'), format: 'esm' });
	pages = await serve({});
	origin = `http://localhost:${pages.port}`;
}, 60_000);
afterAll(async () => {
	await pages?.close();
	await browser?.close();
	await rm(directory, { recursive: true, force: true });
});

/** What the gates were asked for, in order. */
const asked: string[] = [];
beforeEach(() => void asked.splice(0));

function serve(options: Pick<StartOptions, 'load'>): Promise<Running> {
	return start({
		...options,
		directory,
		env: { HOST: 'localhost', PORT: '0' },
		signals: false,
		server: {
			init: async () => {},
			respond: async () =>
				new Response('<script type="module" src="/page.js"></script>', {
					headers: { 'content-type': 'text/html' }
				})
		}
	});
}

/** Lets in who has the session that only the preflight gives out. */
function app(transport: 'uws' | 'node'): Promise<Running> {
	const gate = definePlugin({
		name: 'gate',
		setup: (kernel) =>
			void kernel.hook('upgrade', ({ purpose, cookies }) => {
				asked.push(`${purpose} ${cookies['session']}`);
				if (cookies['session'] !== 'fresh') return deny('UNAUTHENTICATED');
			})
	});
	const identity = {
		authenticate: ({ cookies }: { cookies: { set(name: string, value: string): void } }) =>
			cookies.set('session', 'fresh')
	};
	const config = defineConfig({
		preset: single({ identity }),
		plugins: [gate],
		origins: [origin],
		transport
	});
	return serve({ load: async () => ({ config, modules: {} }) });
}

async function statusOf(page: Page): Promise<string> {
	const handle = await page.waitForFunction(() => {
		const { status } =
			(globalThis as never as { connection?: { status: string } }).connection ?? {};
		return status === 'open' || status === 'closed' ? status : undefined;
	});
	return (await handle.jsonValue()) as string;
}

describe.each(['uws', 'node'] as const)('on %s', (transport) => {
	test('cookies that the answer sets are there with the upgrade, also on another origin', async () => {
		const server = await app(transport);
		const own = await browser.newContext();
		const other = await browser.newContext();
		try {
			const page = await own.newPage();
			await page.goto(`http://localhost:${server.port}/?auth=1`);
			expect(await statusOf(page)).toBe('open');
			const [cookie] = await own.cookies();
			expect(cookie).toMatchObject({ name: 'session', value: 'fresh', httpOnly: true });
			expect(asked.splice(0)).toEqual(['preflight fresh', 'socket fresh']);

			const remote = await other.newPage();
			const url = encodeURIComponent(`ws://localhost:${server.port}/ws`);
			await remote.goto(`${origin}/?auth=1&url=${url}`);
			expect(await statusOf(remote)).toBe('open');
			expect(asked).toEqual(['preflight fresh', 'socket fresh']);
		} finally {
			await Promise.all([own.close(), other.close()]);
			await server.close();
		}
	});

	test('a page of an origin that may not connect is not even told why', async () => {
		const server = await app(transport);
		const stranger = await serve({});
		const context = await browser.newContext();
		try {
			const page = await context.newPage();
			const url = encodeURIComponent(`ws://localhost:${server.port}/ws`);
			const failed = page.waitForEvent('requestfailed', (request) =>
				request.url().includes('/__ws/auth')
			);
			await page.goto(`http://localhost:${stranger.port}/?auth=1&url=${url}`);

			expect((await failed).method()).toBe('POST');
			expect(asked).toEqual([]);
			expect(await context.cookies()).toEqual([]);
		} finally {
			await context.close();
			await Promise.all([server.close(), stranger.close()]);
		}
	});
});
