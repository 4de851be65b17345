/** Watches from the first byte on whether what the server rendered stays. */

import type { Page } from 'playwright-core';

/** What has happened to the messages on the page. */
export interface Watched {
	/** Messages that were in the page before any script had run. */
	readonly rendered: number;
	/** Those among them that are not the same nodes, or read otherwise, at the end. */
	readonly changed: readonly string[];
	/** Messages that were taken out of the page. */
	readonly removed: readonly string[];
	/** How often there was no message, after there had been some. */
	readonly emptied: number;
}

interface Watch {
	first: Map<Element, string>;
	removed: string[];
	emptied: number;
}

declare global {
	interface Window {
		watch: Watch;
	}
}

/** Call before `goto`. */
export async function watchMessages(page: Page): Promise<void> {
	await page.addInitScript(() => {
		const SELECTOR = '[data-message]';
		const watch: Watch = { first: new Map(), removed: [], emptied: 0 };
		window.watch = watch;

		const messages = (node: Node): Element[] => {
			if (!(node instanceof Element)) return [];
			return node.matches(SELECTOR) ? [node] : [...node.querySelectorAll(SELECTOR)];
		};
		let seen = false;
		new MutationObserver((records) => {
			for (const { removedNodes } of records) {
				for (const node of removedNodes) {
					watch.removed.push(...messages(node).map((element) => element.outerHTML));
				}
			}
			const now = document.querySelectorAll(SELECTOR);
			if (now.length > 0) seen = true;
			else if (seen) watch.emptied++;
			// While the document is being parsed, whatever appears is what the server sent.
			if (document.readyState !== 'loading') return;
			for (const element of now) {
				watch.first.set(element, element.querySelector('.text')?.textContent ?? '');
			}
		}).observe(document, { childList: true, subtree: true });
	});
}

export function watchedMessages(page: Page): Promise<Watched> {
	return page.evaluate(() => {
		const { first, removed, emptied } = window.watch;
		const changed = [...first].filter(
			([element, text]) =>
				!element.isConnected || element.querySelector('.text')?.textContent !== text
		);
		return { rendered: first.size, changed: changed.map(([, text]) => text), removed, emptied };
	});
}
