/** The panel: tabs, each of which shows a part of what is recorded. */

import type { Memory } from '../memory.ts';
import { button, element, setAttribute, setText } from './dom.ts';
import { resizer } from './resizer.ts';
import { TABS } from './tabs.ts';
import type { Tab, View, ViewSource } from './view.ts';

export interface PanelOptions extends ViewSource {
	readonly root: ShadowRoot;
	readonly memory: Memory;
	close(): void;
}

export interface Panel {
	/** Moves the focus into the panel. */
	focus(): void;
	/** Takes the panel away, and ends all faults. */
	remove(): void;
}

/** Milliseconds between two looks at what is recorded. */
const EVERY = 300;

/** Shows the panel in the root. */
export function openPanel(options: PanelOptions): Panel {
	const { root, recorder, memory } = options;
	const views = new Map<Tab, View>();
	let current = TABS.find(({ name }) => name === memory.tab) ?? TABS[0]!;

	const warning = element('p', { class: 'warning', 'aria-live': 'polite' });
	const tabs = new Map(TABS.map((tab) => [tab, tabButton(tab)]));
	const list = element('div', { role: 'tablist', 'aria-label': 'Parts' }, ...tabs.values());
	const body = element('div', { class: 'body' });
	const panels = new Map(TABS.map((tab) => [tab, tabPanel(tab)]));
	body.append(...panels.values());
	const close = button('✕', options.close, { 'aria-label': 'Close', class: 'close' });
	const node = element(
		'section',
		{ class: 'panel', role: 'dialog', 'aria-label': 'svelte-realtime devtools' },
		resizer(root, memory),
		element('div', { class: 'top' }, list, warning, close),
		body
	);

	function tabButton(tab: Tab): HTMLButtonElement {
		return button(tab.label, () => select(tab), {
			role: 'tab',
			id: `tab-${tab.name}`,
			'aria-controls': `panel-${tab.name}`
		});
	}

	function tabPanel(tab: Tab): HTMLElement {
		const attributes = { role: 'tabpanel', id: `panel-${tab.name}`, tabindex: '0' };
		return element('div', { ...attributes, 'aria-labelledby': `tab-${tab.name}` });
	}

	function select(tab: Tab): void {
		current = tab;
		memory.tab = tab.name;
		for (const [each, control] of tabs) {
			const isCurrent = each === tab;
			setAttribute(control, 'aria-selected', String(isCurrent));
			setAttribute(control, 'tabindex', isCurrent ? '0' : '-1');
			panels.get(each)!.hidden = !isCurrent;
		}
		if (!views.has(tab)) {
			const view = tab.make(options);
			views.set(tab, view);
			panels.get(tab)!.append(view.node);
		}
		views.get(tab)!.enter?.();
		update();
	}

	function update(): void {
		views.get(current)!.update();
		const wrong = recorder.faults.describe();
		setText(warning, wrong.length > 0 ? `Network: ${wrong.join('; ')}` : '');
		warning.hidden = wrong.length === 0;
	}

	/** Text that somebody selects stays as it is, so that it can be copied. */
	function isSelecting(): boolean {
		const own = (root as { getSelection?: () => Selection | null }).getSelection?.();
		const selection = own ?? document.getSelection();
		if (!selection || selection.isCollapsed) return false;
		return body.contains(selection.anchorNode);
	}

	list.addEventListener('keydown', (event) => {
		const at = TABS.indexOf(current);
		const last = TABS.length - 1;
		const to = {
			ArrowRight: at === last ? 0 : at + 1,
			ArrowLeft: at === 0 ? last : at - 1,
			Home: 0,
			End: last
		}[event.key];
		const tab = to === undefined ? undefined : TABS[to];
		if (!tab) return;
		event.preventDefault();
		select(tab);
		tabs.get(tab)!.focus();
	});
	node.addEventListener('keydown', (event) => {
		if (event.key !== 'Escape') return;
		event.preventDefault();
		// The page may close something of its own on Escape.
		event.stopPropagation();
		options.close();
	});

	const timer = setInterval(() => {
		if (!document.hidden && !isSelecting()) update();
	}, EVERY);
	root.append(node);
	select(current);

	return {
		focus: () => tabs.get(current)!.focus(),
		remove() {
			clearInterval(timer);
			recorder.faults.reset();
			node.remove();
		}
	};
}
