/** The fixture with notes in a file: what its server holds, and what its pages show. */

import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import type { Page } from 'playwright-core';
import { expect } from 'vitest';
import { watchedMessages } from './hydration.ts';
import { ROOT } from './site.ts';

export const NOTES_APP: string = join(ROOT, 'tests/fixtures/rendering');

export interface Held {
	readonly notes: readonly { readonly id: number; readonly text: string }[];
	/** How often the stream's loader has run. */
	readonly loads: number;
}

export async function held(url: string): Promise<Held> {
	return (await (await fetch(`${url}/api`)).json()) as Held;
}

/** Adds a note; the server's refusal, or its absence, is an error. */
export async function write(url: string, text: string): Promise<void> {
	const headers = { origin: url, 'content-type': 'text/plain' };
	const { status } = await fetch(`${url}/api`, { method: 'POST', body: text, headers });
	if (status !== 200) throw new Error(`The note was answered with ${status}.`);
}

/** Milliseconds between two notes: a page that is hydrated on a busy machine must keep up. */
const PAUSE = 10;

/** Someone who adds one note after the other until stopped. */
export interface Writer {
	readonly written: number;
	stop(): Promise<void>;
}

export function busyWriter(url: string): Writer {
	let written = 0;
	let isOver = false;
	const work = (async () => {
		while (!isOver) {
			await write(url, `written ${written + 1}`);
			written += 1;
			await setTimeout(PAUSE);
		}
	})();
	return {
		get written() {
			return written;
		},
		async stop() {
			isOver = true;
			await work;
		}
	};
}

/** The texts on the page, in its order. */
export function shown(page: Page): Promise<string[]> {
	return page.locator('[data-message] .text').allTextContents();
}

declare global {
	interface Window {
		/** Gone when the page is loaded anew. */
		marker?: true;
	}
}

/** The page shows what a fresh one shows and the server holds, and has not been touched otherwise. */
export async function expectWhole(page: Page, url: string): Promise<void> {
	const texts = (await held(url)).notes.map(({ text }) => text);
	await expect.poll(() => shown(page), { timeout: 20_000 }).toEqual(texts);
	const fresh = await page.context().newPage();
	await fresh.goto(`${url}/carried`);

	expect(await shown(fresh)).toEqual(texts);
	expect(await page.evaluate(() => window.marker)).toBe(true);
	expect(await watchedMessages(page)).toMatchObject({ changed: [], removed: [], emptied: 0 });
}
