/** A list of which one entry is shown in full beside it. */

import { element, keyed, setAttribute, setText, type Row } from './dom.ts';

/** One column of the list. */
export interface Column<T> {
	readonly name: string;
	text(item: T): string;
	/** How it is coloured: `good`, `warn`, `bad`, `muted`. */
	tone?(item: T): string | undefined;
}

export interface MasterListOptions<T> {
	/** What the list is called. */
	readonly label: string;
	readonly columns: readonly Column<T>[];
	/** Shown where the list is empty. */
	readonly empty: string;
	keyOf(item: T): unknown;
	/** Makes what shows an entry in full. */
	detail(): Row<T>;
}

/** Makes the list; it is a list box: the arrow keys go from entry to entry. */
export function masterList<T>(options: MasterListOptions<T>): Row<readonly T[]> {
	const { label, columns, keyOf } = options;
	const heads = columns.map(({ name }) => element('span', {}, name));
	const list = element('div', { role: 'listbox', 'aria-label': label, class: 'rows' });
	const empty = element('p', { class: 'muted pad' }, options.empty);
	const detail = options.detail();
	const hint = element('p', { class: 'muted' }, 'Choose an entry to see all of it.');
	const side = element(
		'div',
		{ class: 'side', role: 'region', 'aria-label': `Details of ${label}`, tabindex: '0' },
		hint,
		detail.node
	);
	let items: readonly T[] = [];
	let selected: unknown;

	function select(key: unknown): void {
		selected = key;
		refresh();
	}

	const show = keyed<T>(list, keyOf, (first) => {
		const cells = columns.map(() => element('span'));
		const node = element('div', { role: 'option', class: 'row' }, ...cells);
		node.addEventListener('click', () => select(keyOf(first)));
		node.addEventListener('focus', () => select(keyOf(first)));
		return {
			node,
			update(item) {
				columns.forEach((column, at) => {
					const cell = cells[at]!;
					const text = column.text(item);
					setText(cell, text);
					setAttribute(cell, 'title', text.length > 24 ? text : undefined);
					setAttribute(cell, 'data-tone', column.tone?.(item));
				});
				const isSelected = keyOf(item) === selected;
				setAttribute(node, 'aria-selected', String(isSelected));
				const isEntry = isSelected || (!current() && item === items[0]);
				setAttribute(node, 'tabindex', isEntry ? '0' : '-1');
			}
		};
	});

	list.addEventListener('keydown', (event) => {
		const rows = [...list.children] as HTMLElement[];
		const at = rows.indexOf(event.target as HTMLElement);
		const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: rows.length - 1 }[event.key];
		const row = to === undefined ? undefined : rows[to];
		if (!row) return;
		event.preventDefault();
		row.focus();
	});

	const current = (): T | undefined => items.find((item) => keyOf(item) === selected);

	function refresh(): void {
		show(items);
		const item = current();
		empty.hidden = items.length > 0;
		list.hidden = items.length === 0;
		hint.hidden = item !== undefined;
		detail.node.hidden = item === undefined;
		if (item !== undefined) detail.update(item);
	}

	const head = element('div', { class: 'row head', 'aria-hidden': 'true' }, ...heads);
	return {
		node: element(
			'div',
			{ class: `master ${label}` },
			element('div', { class: 'main' }, head, list, empty),
			side
		),
		update(next) {
			items = next;
			refresh();
		}
	};
}
