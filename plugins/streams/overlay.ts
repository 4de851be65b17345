/** What a reader is shown before the server has confirmed it: changes laid over the confirmed value. */

import { apply, createList, type List } from './merge/index.ts';

/** A change that is to be shown. */
export interface Change {
	readonly event: string;
	readonly data: unknown;
}

/** The changes of one stream, in the order in which they were made. */
export interface Overlay {
	readonly size: number;
	/** Shows a change; the result takes it away again. */
	add(change: Change): () => void;
	/** The confirmed value with all changes applied; the same one until something changes. */
	over(list: List): unknown;
}

export function createOverlay(): Overlay {
	const changes = new Set<Change>();
	let isCurrent = false;
	let shown: unknown;
	let base: List | undefined;

	/** Hears of whatever changes a list, which is how the value is known to be another. */
	function watch(list: List): void {
		base = list;
		isCurrent = false;
		for (const name of ['put', 'remove', 'reset'] as const) {
			const change = list[name] as (...args: unknown[]) => void;
			list[name] = (...args: unknown[]) => {
				if (list === base) isCurrent = false;
				change(...args);
			};
		}
	}

	return {
		get size() {
			return changes.size;
		},
		add(change) {
			// A copy, as one object may be shown twice.
			const entry = { ...change };
			changes.add(entry);
			isCurrent = false;
			return () => {
				if (changes.delete(entry)) isCurrent = false;
			};
		},
		over(list) {
			if (list !== base) watch(list);
			if (changes.size === 0) return list.read();
			if (!isCurrent) shown = rebase(list, changes);
			isCurrent = true;
			return shown;
		}
	};
}

/** The value of a list after further changes, which the list itself is spared. It is copied once. */
function rebase(list: List, changes: Iterable<Change>): unknown {
	const own = new Map<unknown, number>();
	const fork = createList(list.peek(), list.options, {
		// Where a key stands in the list is known there; what the changes move is noted here.
		get: (key) => own.get(key) ?? list.find(key),
		set: (key, at) => own.set(key, at),
		delete: (key) => own.delete(key)
	});
	for (const { event, data } of changes) apply(fork, event, data);
	// A copy only where something did change: the list goes on changing what it holds.
	return fork.peek() === list.peek() ? list.read() : fork.read();
}
