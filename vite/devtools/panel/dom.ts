/** Making and changing what is shown, in place: nothing flickers, and what has the focus keeps it. */

type Attributes = Readonly<Record<string, string | undefined>>;

/** Makes an element. Text is only ever text. */
export function element<K extends keyof HTMLElementTagNameMap>(
	tag: K,
	attributes: Attributes = {},
	...children: readonly (Node | string)[]
): HTMLElementTagNameMap[K] {
	const node = document.createElement(tag);
	for (const [name, value] of Object.entries(attributes)) setAttribute(node, name, value);
	node.append(...children);
	return node;
}

/** Sets or removes an attribute, where that changes anything. */
export function setAttribute(node: Element, name: string, value: string | undefined): void {
	if (value === undefined) node.removeAttribute(name);
	else if (node.getAttribute(name) !== value) node.setAttribute(name, value);
}

/** Sets the text of an element that holds nothing else. */
export function setText(node: Element, text: string): void {
	const { firstChild } = node;
	if (!(firstChild instanceof Text)) node.textContent = text;
	else if (firstChild.data !== text) firstChild.data = text;
}

/** Makes a button. */
export function button(
	label: string,
	run: () => void,
	attributes: Attributes = {}
): HTMLButtonElement {
	const node = element('button', { type: 'button', ...attributes }, label);
	node.addEventListener('click', run);
	return node;
}

/** One entry of a list. */
export interface Row<T> {
	readonly node: HTMLElement;
	update(item: T): void;
}

/**
 * Shows a list in an element: each item keeps its node for as long as it is in the list.
 *
 * @param keyOf Different for different items.
 * @param make Makes what is then updated, also for the first time.
 */
export function keyed<T>(
	parent: Element,
	keyOf: (item: T) => unknown,
	make: (item: T) => Row<T>
): (items: readonly T[]) => void {
	const rows = new Map<unknown, Row<T>>();
	return (items) => {
		const keys = new Set(items.map(keyOf));
		for (const [key, { node }] of rows) {
			if (keys.has(key)) continue;
			node.remove();
			rows.delete(key);
		}
		let at = parent.firstElementChild;
		for (const item of items) {
			const key = keyOf(item);
			let row = rows.get(key);
			if (!row) rows.set(key, (row = make(item)));
			row.update(item);
			// Moved only where it has to be: a node that is moved loses its focus and its scrolling.
			if (row.node === at) at = at.nextElementSibling;
			else parent.insertBefore(row.node, at);
		}
	};
}

/** A list of names and what they are, in place. */
export function facts(
	label: string
): Row<readonly (readonly [name: string, value: string, tone?: string | undefined])[]> {
	const node = element('dl', { 'aria-label': label });
	const show = keyed<readonly [string, string, (string | undefined)?]>(
		node,
		([name]) => name,
		([name]) => {
			const value = element('dd');
			return {
				node: element('div', {}, element('dt', {}, name), value),
				update([, text, tone]) {
					setText(value, text);
					setAttribute(value, 'data-tone', tone);
				}
			};
		}
	);
	return { node, update: show };
}
