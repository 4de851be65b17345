import type { TopicRate } from '../recorder/topics.ts';
import { element, keyed, setText } from './dom.ts';
import { size } from './text.ts';
import type { View, ViewSource } from './view.ts';

const BARS = '▁▂▃▄▅▆▇█';

/** What comes in for each topic. */
export function topicsView({ recorder }: ViewSource): View {
	const body = element('tbody');
	const heads = ['topic', 'frames/s', 'bytes/s', 'last 10 s', 'in all', 'latest', 'seq'];
	const table = element(
		'table',
		{ 'aria-label': 'Topics, with rates over the last 10 seconds' },
		element(
			'thead',
			{},
			element('tr', {}, ...heads.map((name) => element('th', { scope: 'col' }, name)))
		),
		body
	);
	const empty = element('p', { class: 'muted pad' }, 'Nothing has come in for a topic.');
	const show = keyed<TopicRate>(
		body,
		({ topic }) => topic,
		({ topic }) => {
			const cells = heads.slice(1).map(() => element('td'));
			cells[2]!.className = 'bars';
			cells[2]!.setAttribute('aria-hidden', 'true');
			return {
				node: element('tr', {}, element('th', { scope: 'row' }, topic), ...cells),
				update(rate) {
					const texts = [
						rate.frames.toFixed(1),
						size(rate.bytes),
						bars(rate.seconds),
						String(rate.total),
						rate.latest,
						rate.seq === undefined ? '–' : String(rate.seq)
					];
					texts.forEach((text, at) => setText(cells[at]!, text));
				}
			};
		}
	);
	return {
		node: element('div', { class: 'pad' }, table, empty),
		update() {
			const topics = recorder.topics.list();
			table.hidden = topics.length === 0;
			empty.hidden = topics.length > 0;
			show(topics);
		}
	};
}

function bars(seconds: readonly number[]): string {
	const most = Math.max(...seconds);
	const height = (frames: number): number => Math.ceil((frames / most) * (BARS.length - 1));
	return seconds.map((frames) => BARS[most ? height(frames) : 0]).join('');
}
