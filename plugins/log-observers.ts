/** Those who count how a shared log is kept up with. */

import type { LogObserver } from 'svelte-realtime/plugins/replay';

export interface LogObservers extends LogObserver {
	/** Nobody counts: nothing has to be measured. */
	readonly isEmpty: boolean;
	observe(observer: LogObserver): () => void;
}

export function createLogObservers(): LogObservers {
	const all = new Set<{ readonly observer: LogObserver }>();
	return {
		get isEmpty() {
			return all.size === 0;
		},
		observe(observer) {
			const entry = { observer };
			all.add(entry);
			return () => void all.delete(entry);
		},
		gap() {
			for (const { observer } of all) observer.gap();
		},
		checked(topics, behind) {
			for (const { observer } of all) observer.checked(topics, behind);
		},
		appended(duration, isStored) {
			for (const { observer } of all) observer.appended(duration, isStored);
		}
	};
}
