import type { Clock } from '../../../kernel/clock.ts';

/** Seconds that rates are counted over. */
export const WINDOW = 10;
/** Topics that are remembered; past it the one that has been silent for longest is forgotten. */
const MOST = 500;

/** What comes in for a topic. */
export interface TopicRate {
	readonly topic: string;
	/** Per second, over the last 10. */
	readonly frames: number;
	/** Bytes per second, over the last 10. */
	readonly bytes: number;
	/** Frames since the page was loaded. */
	readonly total: number;
	/** Frames of each of the last 10 seconds, the present one last. */
	readonly seconds: readonly number[];
	/** Name of the latest event, or how a stream was answered. */
	readonly latest: string;
	/** Position of the latest event, where the topic is logged. */
	readonly seq: number | undefined;
}

export interface Topics {
	heard(topic: string, what: string, bytes: number, seq?: number): void;
	/** By name. */
	list(): TopicRate[];
}

interface Entry {
	total: number;
	latest: string;
	seq: number | undefined;
	/** By second modulo the window. */
	readonly buckets: { second: number; frames: number; bytes: number }[];
}

export function createTopics(clock: Clock): Topics {
	const entries = new Map<string, Entry>();
	const now = (): number => Math.floor(clock.now() / 1000);

	function entryOf(topic: string): Entry {
		const entry = entries.get(topic) ?? { total: 0, latest: '', seq: undefined, buckets: [] };
		// Last in the map is who was heard last.
		entries.delete(topic);
		entries.set(topic, entry);
		if (entries.size > MOST) entries.delete(entries.keys().next().value!);
		return entry;
	}

	return {
		heard(topic, what, bytes, seq) {
			const entry = entryOf(topic);
			const second = now();
			const at = second % WINDOW;
			let bucket = entry.buckets[at];
			if (bucket?.second !== second) {
				bucket = entry.buckets[at] = { second, frames: 0, bytes: 0 };
			}
			bucket.frames += 1;
			bucket.bytes += bytes;
			entry.total += 1;
			entry.latest = what;
			entry.seq = seq ?? entry.seq;
		},
		list() {
			const last = now();
			const rates = [...entries].map(([topic, { buckets, ...entry }]): TopicRate => {
				const recent = Array.from({ length: WINDOW }, (_, ago) => {
					const second = last - WINDOW + 1 + ago;
					const bucket = buckets[second % WINDOW];
					return bucket?.second === second ? bucket : { frames: 0, bytes: 0 };
				});
				const sum = (name: 'frames' | 'bytes'): number =>
					recent.reduce((total, bucket) => total + bucket[name], 0) / WINDOW;
				const seconds = recent.map(({ frames }) => frames);
				return { topic, ...entry, frames: sum('frames'), bytes: sum('bytes'), seconds };
			});
			return rates.sort((one, other) => (one.topic < other.topic ? -1 : 1));
		}
	};
}
