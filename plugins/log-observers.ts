/** Those who count how a shared log is kept up with, or hear of topics that begin anew. */

import type { LogObserver } from 'svelte-realtime/plugins/replay';

export interface LogObservers extends LogObserver {
	/** Nobody counts: nothing has to be measured. */
	readonly isEmpty: boolean;
	observe(observer: LogObserver): () => void;
	/** A topic has begun anew. */
	begun(topic: string): void;
	onBegun(listener: (topic: string) => void): () => void;
}

export function createLogObservers(): LogObservers {
	const all = new Set<{ readonly observer: LogObserver }>();
	const listeners = new Set<(topic: string) => void>();
	return {
		get isEmpty() {
			return all.size === 0;
		},
		observe(observer) {
			const entry = { observer };
			all.add(entry);
			return () => void all.delete(entry);
		},
		begun(topic) {
			for (const tell of listeners) tell(topic);
		},
		onBegun(listener) {
			const tell = (topic: string): void => listener(topic);
			listeners.add(tell);
			return () => void listeners.delete(tell);
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
