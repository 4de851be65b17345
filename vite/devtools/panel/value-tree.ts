/** A value that can be opened, level by level, and stays open while it changes. */

import { element, keyed, setAttribute, setText, type Row } from './dom.ts';
import { count, entriesOf, preview, typeOf } from './text.ts';

/** Entries of one level that are shown. */
const MOST = 100;

type Entry = readonly [label: string, value: unknown];

/** @param open Levels that are open to begin with. */
export function valueTree(label: string, open: number = 0): Row<unknown> {
	const node = element('div', { class: 'value' });
	let leaf: Row<unknown> | undefined;
	let branch: Row<unknown> | undefined;

	function show(row: Row<unknown>, value: unknown): void {
		if (node.firstChild !== row.node) node.replaceChildren(row.node);
		row.update(value);
	}

	return {
		node,
		update(value) {
			// Both are kept, since a stream that is asked for again is nothing for a moment.
			if (entriesOf(value)?.length) show((branch ??= branchOf(label, open)), value);
			else show((leaf ??= leafOf(label)), value);
		}
	};
}

function leafOf(label: string): Row<unknown> {
	const shown = element('span');
	return {
		node: element('div', { class: 'leaf' }, ...labelOf(label), shown),
		update(value) {
			setText(shown, preview(value, 2000));
			setAttribute(shown, 'data-type', typeOf(value));
		}
	};
}

function branchOf(label: string, open: number): Row<unknown> {
	const shown = element('span');
	const summary = element('summary', {}, ...labelOf(label), shown);
	const inner = element('div', { class: 'entries' });
	const rest = element('p', { class: 'muted' });
	const node = element('details', {}, summary, inner, rest);
	node.open = open > 0;
	const showEntries = keyed<Entry>(
		inner,
		([name]) => name,
		([name]) => {
			const tree = valueTree(name, open - 1);
			return { node: tree.node, update: ([, value]) => tree.update(value) };
		}
	);
	let latest: unknown;

	function update(value: unknown): void {
		latest = value;
		const entries = entriesOf(value) ?? [];
		// What is open stands below.
		setText(shown, node.open ? count(entries.length, 'entry') : preview(value, 100));
		if (!node.open) return;
		showEntries(entries.slice(0, MOST));
		const more = entries.length - MOST;
		setText(rest, more > 0 ? `and ${more} more` : '');
		rest.hidden = more <= 0;
	}
	node.addEventListener('toggle', () => update(latest));
	return { node, update };
}

function labelOf(label: string): HTMLElement[] {
	return label === '' ? [] : [element('span', { class: 'key' }, `${label}: `)];
}
