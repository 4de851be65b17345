/** The element of the overlay: a button, and the panel when that is open. */

import { createMemory } from './memory.ts';
import { button, element, setAttribute } from './panel/dom.ts';
import { STATUS_TONES } from './panel/connection.ts';
import type { Panel } from './panel/index.ts';
import type { Recorder } from './recorder/index.ts';
import { shortcut } from './shortcut.ts';
import { STYLES } from './styles.ts';

export interface OverlayOptions {
	readonly key: string;
	readonly button: boolean;
	readonly describe: string;
}

const NAME = 'svelte-realtime-devtools';

/** Puts the overlay into the page, beside its body, where no app renders. */
export function showOverlay(recorder: Recorder, options: OverlayOptions): void {
	const memory = createMemory();
	const { label, matches } = shortcut(options.key);
	if (!customElements.get(NAME)) customElements.define(NAME, class extends HTMLElement {});
	const host = document.createElement(NAME);
	const root = host.attachShadow({ mode: 'open' });
	const sheet = new CSSStyleSheet();
	sheet.replaceSync(STYLES);
	root.adoptedStyleSheets = [sheet];
	const dot = element('span', { class: 'dot' });
	const opener = button('', toggle, {
		class: 'opener',
		'aria-label': 'svelte-realtime devtools',
		'aria-expanded': 'false',
		title: `svelte-realtime devtools (${label})`
	});
	opener.append(dot, 'realtime');
	if (options.button) root.append(opener);
	let panel: Panel | undefined;
	/** Opened or closed since; what is loaded for another time is too late. */
	let turn = 0;
	let before: HTMLElement | null = null;

	async function open(withFocus: boolean): Promise<void> {
		const mine = (turn += 1);
		memory.isOpen = true;
		if (withFocus) before = document.activeElement as HTMLElement | null;
		const { openPanel } = await import('./panel/index.ts');
		if (mine !== turn) return;
		panel = openPanel({ root, recorder, memory, describe: options.describe, close });
		setAttribute(opener, 'aria-expanded', 'true');
		opener.hidden = true;
		if (withFocus) panel.focus();
	}

	function close(): void {
		turn += 1;
		memory.isOpen = false;
		const hadFocus = document.activeElement === host;
		panel?.remove();
		panel = undefined;
		setAttribute(opener, 'aria-expanded', 'false');
		opener.hidden = false;
		if (!hadFocus) return;
		// Back to where it was; the button has it where that is gone, or is the button.
		if (before?.isConnected && before !== host && before !== document.body) before.focus();
		else opener.focus();
	}

	function toggle(): void {
		if (memory.isOpen) close();
		else void open(true);
	}

	window.addEventListener(
		'keydown',
		(event) => {
			if (!matches(event)) return;
			event.preventDefault();
			toggle();
		},
		true
	);
	recorder.kernel.connection.subscribe((status) =>
		setAttribute(dot, 'data-tone', STATUS_TONES[status])
	);
	document.documentElement.append(host);
	if (memory.isOpen) void open(false);
}
