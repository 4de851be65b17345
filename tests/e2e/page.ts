/** What a visitor of the playground does and sees. */

import type { Browser, BrowserContextOptions, Locator, Page } from 'playwright-core';

/** A visitor: a page in a browser context of its own, so with storage of its own. */
export async function visit(
	browser: Browser,
	url: string,
	options: BrowserContextOptions = {}
): Promise<Page> {
	const context = await browser.newContext(options);
	const page = await context.newPage();
	page.setDefaultTimeout(20_000);
	await page.goto(url);
	return page;
}

/** Waits until changes of others arrive. */
export async function live(page: Page): Promise<Page> {
	await page.getByRole('status').filter({ hasText: 'Live' }).waitFor();
	return page;
}

export async function say(page: Page, name: string, text: string): Promise<void> {
	await page.getByLabel('Your name').fill(name);
	await page.getByLabel('Message').fill(text);
	await page.getByLabel('Message').press('Enter');
}

export function message(page: Page, text: string): Locator {
	return page.locator('[data-message]').filter({ has: page.getByText(text, { exact: true }) });
}

export function todo(page: Page, text: string): Locator {
	return page.locator('[data-todo]').filter({ has: page.getByText(text, { exact: true }) });
}

/** The field with its issue, as a screen reader connects them. */
export async function issueOf(page: Page, label: string): Promise<string | null> {
	const field = page.getByLabel(label);
	if ((await field.getAttribute('aria-invalid')) !== 'true') return null;
	const id = await field.getAttribute('aria-describedby');
	// Between the two it may have been sent again.
	if (id === null) return null;
	return page.locator(`[id="${id}"]`).textContent();
}

/** What the one who holds the focus is called, or '' where nothing holds it. */
export function focused(page: Page): Promise<string> {
	return page.evaluate(() => {
		const element = document.activeElement;
		if (!element || element === document.body) return '';
		const label = element instanceof HTMLInputElement ? element.labels?.[0] : undefined;
		return (element.ariaLabel ?? (label ?? element).textContent ?? '').replace(/\s+/g, ' ').trim();
	});
}

/**
 * Presses Tab until `name` holds the focus.
 *
 * @throws where it cannot be reached, or where the focus goes through a place that does not show it.
 */
export async function tabTo(page: Page, name: string): Promise<void> {
	for (let presses = 0; presses < 60; presses++) {
		await page.keyboard.press('Tab');
		const reached = await focused(page);
		const isShown = await page.evaluate(() => {
			const element = document.activeElement;
			return (
				!element || element === document.body || getComputedStyle(element).outlineStyle !== 'none'
			);
		});
		if (!isShown) throw new Error(`The focus does not show on "${reached}".`);
		if (reached === name) return;
	}
	throw new Error(`"${name}" is not within reach of the keyboard.`);
}
