/** The overlay of dev mode: `svelte-realtime/devtools`. The Vite plugin loads it; no app has to. */

import { page } from '../../kernel/client/index.ts';
import { showOverlay } from './overlay.ts';
import { createRecorder } from './recorder/index.ts';

export interface DevtoolsOptions {
	/** Opens and closes the overlay: modifiers and a key, as in `alt+d`. @default 'ctrl+shift+l' */
	key?: string;
	/** Whether a button shows that the overlay is there. @default true */
	button?: boolean;
}

/** What only the Vite plugin knows. */
interface Injected extends DevtoolsOptions {
	/** Where the dev server describes its plugins. @default '/@svelte-realtime/describe' */
	describe?: string;
}

/** Says that a page has its overlay, whichever copy of this module put it there. */
const PRESENT: unique symbol = Symbol.for('svelte-realtime.devtools') as never;

/**
 * Records what the page's client does from now on, and shows it when it is asked to: calls, streams,
 * topics, the connection. A page has one overlay, however often this is called.
 *
 * It is to be called before the client connects; outside a browser it does nothing.
 */
export function startDevtools(options: Injected = {}): void {
	const place = globalThis as { [PRESENT]?: true };
	if (typeof document === 'undefined' || place[PRESENT]) return;
	place[PRESENT] = true;
	showOverlay(createRecorder(page), {
		key: options.key ?? 'ctrl+shift+l',
		button: options.button ?? true,
		describe: options.describe ?? '/@svelte-realtime/describe'
	});
}
