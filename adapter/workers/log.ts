/** The log of all workers: numbers what each publishes, and sends it to those who follow. */

import type { Position } from '../../kernel/contexts.ts';
import { readFrame, TAB, writeFrame } from '../../plugins/frame-text.ts';
import { memoryLog, type LogEntry, type Tail } from '../../plugins/replay/index.ts';
import type { SharedBounds } from '../../plugins/workers/index.ts';
import type { Peer, SharedPort } from './hub.ts';

/** The latest publishes of a topic among which a repeated one is looked for. */
const NAMES = 256;
/** Topics of which such are remembered. */
const NAMED = 10_000;

/** In memory everything is at hand. */
interface Log {
	append(topic: string, event: string, value: LogEntry['value'], op?: string): Position;
	follow(topic: string): Tail;
	range(topic: string, since: Position): readonly LogEntry[] | 'epoch' | 'truncated';
}

export function sharedLog(bounds: SharedBounds): SharedPort {
	const size = bounds.size ?? 1000;
	const log = memoryLog({
		size,
		topicBytes: bounds.topicBytes ?? 4 * 1024 * 1024,
		bytes: bounds.bytes ?? 256 * 1024 * 1024,
		topics: bounds.topics ?? 100_000
	}) as Log;
	/** A followed topic keeps its position: each worker that follows it holds a tail here. */
	const followers = new Map<string, Map<Peer, Tail>>();

	/** Names of publishes and where they are, of topics that have such: the latest of each. */
	const names = new Map<string, Map<string, string>>();

	function remember(topic: string, name: string, place: string): void {
		const places = names.get(topic) ?? new Map<string, string>();
		names.delete(topic);
		names.set(topic, places.set(name, place));
		if (places.size > NAMES) places.delete(places.keys().next().value!);
		if (names.size > NAMED) names.delete(names.keys().next().value!);
	}

	function unfollow(peer: Peer, topic: string): void {
		const peers = followers.get(topic);
		peers?.get(peer)?.close();
		peers?.delete(peer);
		if (peers?.size === 0) followers.delete(topic);
	}

	return {
		lines: {
			P(peer, line) {
				const [, id, topic, name, about, json] = line.split(TAB) as [string, ...string[]];
				const known = name ? names.get(topic!)?.get(name) : undefined;
				if (known) return peer.write(['D', id, known].join(TAB));
				const { event, value, op } = readFrame(about, json);
				const { epoch, seq } = log.append(topic!, event, value, op);
				const place = [epoch, seq].join(TAB);
				if (name) remember(topic!, name, place);
				const frame = ['F', topic, place, about, json].join(TAB);
				for (const follower of followers.get(topic!)?.keys() ?? []) {
					if (follower !== peer) follower.write(frame);
				}
				peer.write(['A', id, place].join(TAB));
			}
		},
		methods: {
			follow(peer, topic: string) {
				const peers = followers.get(topic) ?? new Map<Peer, Tail>();
				followers.set(topic, peers);
				const tail = peers.get(peer) ?? log.follow(topic);
				peers.set(peer, tail);
				const { epoch, seq } = tail.head();
				return [epoch, seq, tail.last(size).map(writeEntry)];
			},
			unfollow,
			range(_peer, topic: string, since: Position) {
				const entries = log.range(topic, since);
				if (typeof entries === 'string') return entries;
				return [entries.at(-1)?.seq ?? since.seq, entries.map(writeEntry)];
			}
		},
		gone(peer) {
			for (const topic of [...followers.keys()]) unfollow(peer, topic);
		}
	};
}

function writeEntry({ event, value, op }: LogEntry): string {
	return writeFrame({ event, value, op });
}
