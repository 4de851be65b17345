import type { Answer, StreamRecord } from '../recorder/streams.ts';
import type { Follower } from '../../../plugins/streams/follower.ts';
import { element, facts, keyed, setText, type Row } from './dom.ts';
import { masterList } from './master-list.ts';
import { count, preview, signature, timeOfDay } from './text.ts';
import { valueTree } from './value-tree.ts';
import type { View, ViewSource } from './view.ts';

/** The streams that somebody in the page reads. */
export function streamsView({ recorder }: ViewSource): View {
	const list = masterList<StreamRecord>({
		label: 'streams',
		empty: 'No stream is read. What the page subscribes to shows here.',
		keyOf: ({ number }) => number,
		columns: [
			{ name: 'stream', text: ({ path, args }) => signature(path, args) },
			{ name: 'state', text: (stream) => stateOf(stream)[0], tone: (stream) => stateOf(stream)[1] },
			{ name: 'position', text: ({ follower }) => positionOf(follower) },
			{ name: 'readers', text: ({ readers }) => String(readers) },
			{ name: 'value', text: (stream) => preview(valueOf(stream), 80, 1), tone: () => 'muted' }
		],
		detail
	});
	return { node: list.node, update: () => list.update(recorder.streams.list()) };
}

function detail(): Row<StreamRecord> {
	const title = element('h3');
	const about = facts('The stream');
	const value = valueTree('value', 1);
	const answers = element('ol', { class: 'log' });
	const showAnswers = keyed<Answer>(
		answers,
		(answer) => answer,
		(answer) => {
			const time = element('span', { class: 'time' }, timeOfDay(answer.at));
			const what = element('span', { class: 'status' }, answer.kind);
			const events = answer.events > 0 ? ` with ${count(answer.events, 'event')}` : '';
			const reset = answer.reset ? ` because of: ${answer.reset}` : '';
			const more = element('span', { class: 'more' }, `${events}${reset}`.trim());
			return { node: element('li', {}, time, what, more), update: () => {} };
		}
	);
	return {
		node: element(
			'div',
			{},
			title,
			about.node,
			value.node,
			element('h4', {}, 'Answers of the server'),
			answers
		),
		update(stream) {
			const { follower, path, args, readers, events } = stream;
			const said = follower.options as Partial<Follower['options']> | undefined;
			const { error, position } = follower;
			setText(title, signature(path, args));
			about.update([
				['state', ...stateOf(stream)],
				['error', error ? `${error.code}: ${error.message}` : '–', error && 'bad'],
				['topic', follower.topic ?? '–'],
				['epoch', position?.epoch ?? '–'],
				['seq', position ? String(position.seq) : '–'],
				['readers', String(readers)],
				['events', String(events)],
				['merge', mergeOf(said)],
				['pages', pagesOf(said)],
				['id', follower.id ? String(follower.id) : '–']
			]);
			value.update(valueOf(stream));
			showAnswers([...stream.answers].reverse());
		}
	};
}

/** Not by `read`, after which the next event would have to copy the list. */
export function valueOf({ follower }: StreamRecord): unknown {
	return follower.list?.peek();
}

/** What the state is called, and its colour. */
export function stateOf({ follower }: StreamRecord): [text: string, tone: string] {
	const { error, stale, connected, ready } = follower;
	if (error) return [error.code, 'bad'];
	if (stale) return ['stale', 'warn'];
	if (ready) return connected ? ['live', 'good'] : ['not live', 'warn'];
	return ['loading', 'muted'];
}

function positionOf({ position }: Follower): string {
	return position ? `${position.epoch.slice(0, 6) || '–'}:${position.seq}` : '–';
}

function mergeOf(said: Partial<Follower['options']> | undefined): string {
	if (!said?.merge) return '–';
	const max = said.max ? `, at most ${said.max}` : '';
	return `${said.merge} by ${said.key}${said.prepend ? ', newest first' : ''}${max}`;
}

function pagesOf(said: Partial<Follower['options']> | undefined): string {
	if (said?.hasMore === undefined) return '–';
	return `${said.pages ?? 1}, ${said.hasMore ? 'and there are more' : 'which are all'}`;
}
