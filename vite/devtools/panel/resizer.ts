import type { Memory } from '../memory.ts';
import { element } from './dom.ts';

/** Pixels of one press of an arrow key. */
const STEP = 24;
const LEAST = 140;

/** The upper edge of the panel, which can be dragged, or moved with the arrow keys. */
export function resizer(root: ShadowRoot, memory: Memory): HTMLElement {
	// A rule of its own: a style in the markup is what a content security policy refuses.
	const sheet = new CSSStyleSheet();
	root.adoptedStyleSheets = [...root.adoptedStyleSheets.slice(0, 1), sheet];
	const node = element('div', {
		class: 'resizer',
		role: 'separator',
		tabindex: '0',
		'aria-orientation': 'horizontal',
		'aria-label': 'Height of the panel',
		'aria-valuemin': String(LEAST)
	});

	function resize(pixels: number): void {
		const most = Math.max(innerHeight - 40, LEAST);
		const height = Math.round(Math.min(Math.max(pixels, LEAST), most));
		memory.height = height;
		sheet.replaceSync(`.panel { height: ${height}px; }`);
		node.setAttribute('aria-valuenow', String(height));
		node.setAttribute('aria-valuemax', String(most));
	}

	resize(memory.height || innerHeight * 0.4);
	node.addEventListener('keydown', ({ key }) => {
		if (key === 'ArrowUp') resize(memory.height + STEP);
		if (key === 'ArrowDown') resize(memory.height - STEP);
	});
	node.addEventListener('pointerdown', ({ pointerId }) => node.setPointerCapture(pointerId));
	node.addEventListener('pointermove', (event) => {
		if (node.hasPointerCapture(event.pointerId)) resize(innerHeight - event.clientY);
	});
	return node;
}
