import type { StreamRecord } from '../recorder/streams.ts';
import { element, keyed, setAttribute, setText, type Row } from './dom.ts';
import { stateOf, valueOf } from './streams.ts';
import { count, preview, signature } from './text.ts';
import { valueTree } from './value-tree.ts';
import type { View, ViewSource } from './view.ts';

/** One room, or a stream of people of its own. */
interface Place {
	readonly name: string;
	readonly streams: readonly StreamRecord[];
}

/** What is listed of a stream: people, pointers. */
const PEOPLE = ['presence', 'cursor'];

/** Who is where: members of rooms, groups and presence streams, and their cursors. */
export function presenceView({ recorder }: ViewSource): View {
	const { streams, kernel } = recorder;
	const list = element('div', { class: 'places' });
	const empty = element(
		'p',
		{ class: 'muted pad' },
		'Nobody to show: the page reads no presence, no cursors and no room.'
	);
	const show = keyed<Place>(list, ({ name }) => name, place);
	const me = element('p', { class: 'muted pad' });
	return {
		node: element('div', {}, me, list, empty),
		update() {
			const places = placesOf(streams.list());
			setText(me, `This page is connection ${kernel.id() ?? '–'}.`);
			empty.hidden = places.length > 0;
			show(places);
		}
	};
}

function place(): Row<Place> {
	const title = element('h3');
	const parts = element('div');
	const show = keyed<StreamRecord>(parts, ({ number }) => number, part);
	return {
		node: element('section', { class: 'pad' }, title, parts),
		update({ name, streams }) {
			setText(title, name);
			show(streams);
		}
	};
}

function part(first: StreamRecord): Row<StreamRecord> {
	const name = partOf(first.path) ?? '';
	const state = element('span');
	const heading = element('p', {}, element('strong', {}, name), ' ', state);
	const members = element('ul', { class: 'members' });
	const show = keyed<readonly [string, unknown]>(
		members,
		([key]) => key,
		([key]) => {
			const tree = valueTree(key);
			return { node: element('li', {}, tree.node), update: ([, member]) => tree.update(member) };
		}
	);
	return {
		node: element('div', { class: 'part' }, heading, members),
		update(stream) {
			const value = valueOf(stream);
			const [text, tone] = stateOf(stream);
			const isPeople = PEOPLE.includes(mergeOf(stream));
			const amount = Array.isArray(value) ? count(value.length, 'entry') : preview(value, 60, 1);
			setText(state, `${text}, ${amount}`);
			setAttribute(state, 'data-tone', tone);
			members.hidden = !isPeople;
			if (isPeople) show(membersOf(value, stream.follower.options?.key ?? 'key'));
		}
	};
}

/** Each under its key; the first of two with the same one, as a list of the app's may have. */
function membersOf(value: unknown, field: string): readonly (readonly [string, unknown])[] {
	if (!Array.isArray(value)) return [];
	const members = new Map<string, unknown>();
	value.forEach((member: unknown, at) => {
		const key = String((Object(member) as Record<string, unknown>)[field] ?? at);
		if (!members.has(key)) members.set(key, member);
	});
	return [...members];
}

/** Parts of one room or group stand together, as do the streams of one presence. */
function placesOf(streams: readonly StreamRecord[]): Place[] {
	const places = new Map<string, StreamRecord[]>();
	for (const stream of streams) {
		const { path, args } = stream;
		const isPart = partOf(path) !== undefined;
		if (!isPart && !PEOPLE.includes(mergeOf(stream))) continue;
		const name = signature(isPart ? path.slice(0, path.lastIndexOf('.')) : path, args);
		places.set(name, [...(places.get(name) ?? []), stream]);
	}
	return [...places].map(([name, own]) => ({ name, streams: own }));
}

/** `presence` of `board/board.presence`. */
function partOf(path: string): string | undefined {
	const [, part] = path.slice(path.lastIndexOf('/') + 1).split('.', 2);
	return part;
}

function mergeOf({ follower }: StreamRecord): string {
	return (follower.options as Partial<typeof follower.options> | undefined)?.merge ?? '';
}
