import { button, element, setText } from './dom.ts';
import type { View, ViewSource } from './view.ts';

/** What runs on the server, by the kernel's own words. */
export function pluginsView({ describe }: ViewSource): View {
	const plugins = element('ul', { class: 'plain' });
	const hooks = element('ul', { class: 'plain' });
	const problem = element('p', { 'data-tone': 'bad' });
	const reload = button('Ask again', () => void load());

	async function load(): Promise<void> {
		try {
			const response = await fetch(describe, { cache: 'no-store' });
			const text = await response.text();
			setText(problem, response.ok ? '' : text);
			const lines = response.ok ? text.split('\n') : [];
			plugins.replaceChildren(...lines.filter(isPlugin).map(entry));
			hooks.replaceChildren(...lines.filter((line) => !isPlugin(line)).map(entry));
		} catch (error) {
			setText(problem, `The dev server does not answer. ${String(error)}`);
		}
		problem.hidden = problem.textContent === '';
	}

	return {
		node: element(
			'div',
			{ class: 'columns pad' },
			element('section', {}, element('h3', {}, 'Plugins, as they boot'), problem, plugins, reload),
			element('section', {}, element('h3', {}, 'Hooks, in their order'), hooks)
		),
		update() {},
		enter: () => void load()
	};
}

/** The hooks stand below the plugins, further in. */
function isPlugin(line: string): boolean {
	return line !== '' && !line.startsWith(' ');
}

function entry(line: string): HTMLElement {
	const [, name = '', rest = ''] = /^\s*([^\s:]+)(.*)$/.exec(line) ?? [];
	const more = element('span', { class: 'muted' }, rest.replace(/^:/, '').trim());
	return element('li', {}, element('strong', {}, name), ' ', more);
}
