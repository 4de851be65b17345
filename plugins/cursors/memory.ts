import type { Clock } from 'svelte-realtime/kernel';
import type { Cursor } from './frames.ts';
import { STALE, type CursorStore } from './port.ts';

interface Saved {
	readonly cursor: Cursor;
	/** Milliseconds since the Unix epoch. */
	readonly at: number;
}

/** A store for several instances in one process, as tests have them; one instance needs none. */
export function memoryCursors(clock: Pick<Clock, 'now'>): CursorStore {
	const topics = new Map<string, Map<string, Saved>>();

	/** The cursors of a topic that somebody still saves. */
	function fresh(topic: string): Map<string, Saved> {
		const cursors = topics.get(topic) ?? new Map<string, Saved>();
		const least = clock.now() - STALE;
		for (const [key, { at }] of cursors) if (at <= least) cursors.delete(key);
		if (cursors.size === 0) topics.delete(topic);
		return cursors;
	}

	return {
		save(topic, { puts, removes }) {
			const cursors = fresh(topic);
			for (const key of removes) cursors.delete(key);
			for (const cursor of puts) cursors.set(cursor.key, { cursor, at: clock.now() });
			if (cursors.size > 0) topics.set(topic, cursors);
			else topics.delete(topic);
		},
		list: (topic) => Array.from(fresh(topic).values(), ({ cursor }) => cursor)
	};
}
