/** The demo that `sv create` makes, with our adapter in place of the one that it comes with. */

import { existsSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { run as exec } from '../servers/apt.ts';
import { withNewCLibrary } from '../servers/c-library.ts';
import { launchBrowser } from './browser.ts';
import { buildOn, installKit, type Kit } from './kits.ts';
import { CACHE, run, stop, type Running } from './site.ts';

interface Demo {
	readonly kit: Kit;
	/** The version of `sv` whose demo is for it. */
	readonly sv: string;
}

const NEWEST: Demo = { kit: 'kit-3', sv: '1.0.0-next.7' };
const DEMOS: readonly Demo[] = process.env['TEST_LONG']
	? [{ kit: 'kit-2.70', sv: '0.17.1' }, NEWEST]
	: [NEWEST];

/** Makes the demo in a folder. */
async function create(sv: string, folder: string): Promise<void> {
	const tool = join(CACHE, `sv-${sv}`);
	const program = join(tool, 'node_modules/sv/dist/bin.mjs');
	if (!existsSync(program)) {
		await mkdir(tool, { recursive: true });
		await writeFile(join(tool, 'package.json'), '{"private":true}');
		const options = ['--no-audit', '--no-fund', '--no-save', '--engine-strict=false'];
		await exec('npm', ['install', `sv@${sv}`, ...options], { cwd: tool });
	}
	await rm(folder, { recursive: true, force: true });
	const choices = ['--template', 'demo', '--types', 'ts', '--no-add-ons', '--no-install'];
	await exec(process.execPath, [program, 'create', ...choices, folder]);

	const config = join(folder, 'vite.config.ts');
	const source = await readFile(config, 'utf8');
	expect(source, 'the adapter is named where it is expected').toContain('@sveltejs/adapter-auto');
	await writeFile(config, source.replace('@sveltejs/adapter-auto', 'svelte-realtime/adapter'));
}

describe.each(DEMOS)('the demo of sv $sv on $kit', ({ kit, sv }) => {
	let browser: Browser;
	let server: Running;
	let folder: string;
	beforeAll(async () => {
		const [launched, loader, installed] = await Promise.all([
			launchBrowser(),
			kit === 'kit-3' ? withNewCLibrary() : [],
			installKit(kit)
		]);
		browser = launched;
		folder = join(installed.folder, 'apps/demo');
		await create(sv, folder);
		await buildOn(installed, folder);
		const command = [...loader, installed.node, 'build'];
		const env = { HOST: '127.0.0.1', PORT: '0' };
		server = await run(command, folder, env, /Listening on (http:\S+)/);
	}, 300_000);
	afterAll(async () => {
		await browser?.close();
		if (server) await stop(server);
	});

	/** A visitor; what goes wrong in the page is in `faults`. */
	async function visit(options?: BrowserContextOptions): Promise<{ page: Page; faults: string[] }> {
		const page = await (await browser.newContext(options)).newPage();
		page.setDefaultTimeout(20_000);
		const faults: string[] = [];
		page.on('pageerror', (error) => faults.push(String(error)));
		page.on('response', (answer) => {
			if (answer.status() >= 400) faults.push(`${answer.status()} ${answer.url()}`);
		});
		await page.goto(server.url);
		return { page, faults };
	}

	/** Counts up, from the first click that the page's scripts hear of. */
	async function countUp(page: Page): Promise<void> {
		const shown = page.locator('.counter-digits strong:not(.hidden)');
		const count = async (): Promise<number> => {
			await page.getByRole('button', { name: 'Increase the counter by one' }).click();
			return Number(await shown.textContent());
		};
		await expect.poll(count, { timeout: 20_000 }).toBeGreaterThan(0);
	}

	/** The word that is to be found, by its number. */
	async function wordOf(number: number): Promise<string> {
		const source = await readFile(join(folder, 'src/routes/sverdle/words.server.ts'), 'utf8');
		const words = [...source.matchAll(/['"]([a-z]{5})['"]/g)].map(([, word]) => word!);
		return words[number]!;
	}

	test('its pages are there, on uWebSockets.js', async () => {
		const { page, faults } = await visit();
		await countUp(page);
		await page.getByRole('link', { name: 'About' }).click();
		await page.getByRole('heading', { name: 'About this app' }).waitFor();
		await page.getByRole('link', { name: 'Home' }).click();
		await page.getByRole('button', { name: 'Decrease the counter by one' }).waitFor();

		expect(server.output()).toContain('(uws)');
		expect(faults).toEqual([]);
	});

	test('its game is played to the end, and begun anew', async () => {
		const { page, faults } = await visit();
		const game = { name: 'sverdle', value: '7--', url: server.url };
		await page.context().addCookies([game]);
		await countUp(page);
		await page.getByRole('link', { name: 'Sverdle' }).click();
		await page.getByText('How to play').waitFor();
		const enter = async (word: string): Promise<void> => {
			await page.keyboard.type(word);
			const answered = page.waitForResponse((answer) => answer.url().includes('?/enter'));
			await page.keyboard.press('Enter');
			await answered;
		};
		await enter('aback');
		await page.locator('.row').nth(1).and(page.locator('.current')).waitFor();
		await enter(await wordOf(7));
		await page.getByText('you won :)').waitFor();
		await page.reload();
		await page.getByText('you won :)').click();
		await page.locator('.row').first().and(page.locator('.current')).waitFor();

		expect(faults).toEqual([]);
		expect((await page.context().cookies()).map(({ name }) => name)).not.toContain('sverdle');
	});

	test('its game is played without scripts, a form for each letter', async () => {
		const { page, faults } = await visit({ javaScriptEnabled: false });
		await page.goto(`${server.url}/sverdle`);
		const letters = page.locator('.row.current input');
		const written = async (): Promise<string> =>
			(await letters.evaluateAll((all) => all.map((each) => each.getAttribute('value')))).join('');
		for (const word of ['q', 'qw', 'qwe', 'qwer', 'qwert']) {
			await page.locator(`button[data-key="${word.at(-1)}"]`).click();
			await expect.poll(written, { timeout: 20_000 }).toBe(word);
		}

		expect(faults).toEqual([]);
	});
});
