import { LONGEST_DELAY, type Direction } from '../recorder/faults.ts';
import { button, element, setAttribute, setText } from './dom.ts';
import type { View, ViewSource } from './view.ts';

/** What the network does, and how it can be made worse. */
export function networkView({ recorder }: ViewSource): View {
	const { faults } = recorder;
	const state = element('p', { class: 'state' });
	const cut = button('', () => {
		if (faults.isCut) faults.resume();
		else faults.cut();
		update();
	});
	const delay = number('Milliseconds, each way', LONGEST_DELAY, (value) => (faults.delay = value));
	const incoming = dropping('in');
	const outgoing = dropping('out');
	const inputs = [delay, ...incoming.inputs, ...outgoing.inputs];
	const reset = button('Reset all', () => {
		faults.reset();
		for (const { input } of inputs) input.value = '0';
		update();
	});

	function number(label: string, most: number, set: (value: number) => void): Field {
		const input = element('input', {
			type: 'number',
			min: '0',
			max: String(most),
			value: '0',
			inputmode: 'numeric'
		});
		input.addEventListener('input', () => {
			set(Math.min(Math.max(Number(input.value) || 0, 0), most));
			update();
		});
		return { input, node: element('label', {}, element('span', {}, label), input) };
	}

	function dropping(direction: Direction): Dropping {
		const rule = faults.drop[direction];
		const share = number('Per cent of them', 100, (value) => (rule.share = value / 100));
		const next = button('Lose the next one', () => {
			rule.next += 1;
			update();
		});
		const lost = element('p', { class: 'muted' });
		return { inputs: [share], nodes: [share.node, next, lost], lost };
	}

	function update(): void {
		const wrong = faults.describe();
		setText(
			state,
			wrong.length > 0 ? `The network is ${wrong.join('; ')}.` : 'The network is as it is.'
		);
		setAttribute(state, 'data-tone', wrong.length > 0 ? 'warn' : 'good');
		setText(cut, faults.isCut ? 'Resume' : 'Cut the connection');
		reset.disabled = wrong.length === 0 && faults.drop.in.count + faults.drop.out.count === 0;
		for (const direction of ['in', 'out'] as const) {
			const { count, next } = faults.drop[direction];
			const due = next > 0 ? `, ${next} more to lose` : '';
			setText((direction === 'in' ? incoming : outgoing).lost, `${count} lost so far${due}`);
		}
	}

	const group = (title: string, text: string, ...nodes: Node[]): HTMLElement =>
		element(
			'fieldset',
			{},
			element('legend', {}, title),
			element('p', { class: 'muted' }, text),
			...nodes
		);

	return {
		node: element(
			'div',
			{ class: 'pad' },
			element('div', { class: 'bar' }, state, reset),
			element(
				'div',
				{ class: 'columns' },
				group('Cut', 'What is open ends, and nothing connects until it is resumed.', cut),
				group(
					'Delay',
					'Messages, and the end of the connection, arrive later and in order.',
					delay.node
				),
				group(
					'Lose events',
					'Of logged topics: the client notices the gap and asks again.',
					...incoming.nodes
				),
				group(
					'Lose calls',
					'They time out, or are asked for again on the next connection.',
					...outgoing.nodes
				)
			),
			element(
				'p',
				{ class: 'muted' },
				'All of it ends when this panel is closed, or the page is loaded anew.'
			)
		),
		update
	};
}

interface Field {
	readonly node: HTMLElement;
	readonly input: HTMLInputElement;
}

interface Dropping {
	readonly inputs: readonly Field[];
	readonly nodes: readonly Node[];
	readonly lost: HTMLElement;
}
