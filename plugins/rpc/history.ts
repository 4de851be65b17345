/** Undo and redo of what one has done oneself, through calls that the server judges like any other. */

import { createSubscriber } from 'svelte/reactivity';
import { createListeners } from '../../kernel/client/index.ts';

/** What can be undone and redone. Its members react in runes. */
export interface History {
	/** Something is there to be undone. */
	readonly canUndo: boolean;
	/** Something is there to be redone. */
	readonly canRedo: boolean;
	/**
	 * Makes a call that can be undone. Once it has succeeded, nothing can be redone any more; where it
	 * fails, nothing has changed.
	 *
	 * @param inverse Makes the call that takes it back; with what the call came to, and its arguments.
	 * @example await history.run(add, ['Milk'], (todo) => remove(todo.id));
	 */
	run<Args extends readonly unknown[], Result>(
		call: (...args: Args) => Promise<Result>,
		args: readonly [...Args],
		inverse: (result: Result, ...args: Args) => Promise<unknown>
	): Promise<Result>;
	/**
	 * Makes the inverse call of the latest operation that is not undone, once that operation and every
	 * `undo` and `redo` before are over. `false`: there is none.
	 *
	 * @throws what the call fails with; the operation can then be undone again.
	 */
	undo(): Promise<boolean>;
	/**
	 * Makes the call that was undone last again. `false`: there is none.
	 *
	 * @throws what the call fails with; the operation can then be redone again.
	 */
	redo(): Promise<boolean>;
	/** Forgets everything. */
	clear(): void;
	/** Calls `run` with the history now and whenever what can be done with it changes. */
	subscribe(run: (history: History) => void): () => void;
}

export interface HistoryOptions {
	/** Operations that can be undone; the oldest are forgotten. @default 100 */
	limit?: number;
}

interface Entry {
	call(): Promise<unknown>;
	inverse(): Promise<unknown>;
	/** Over, well or badly; never rejects. */
	settled: Promise<unknown>;
}

/** Makes a history, for one page or one document of it. Other people's changes are never in it. */
export function createHistory({ limit = 100 }: HistoryOptions = {}): History {
	const listeners = createListeners();
	const track = createSubscriber((update) => listeners.add(update));
	const done: Entry[] = [];
	const undone: Entry[] = [];
	/** Counts what was done anew: what is undone or redone meanwhile belongs to a past. */
	let turn = 0;
	let queue: Promise<unknown> = Promise.resolve();
	let waiting = 0;

	/** One after the other: the second of two is about what the first has left. */
	function queued<T>(work: () => Promise<T>): Promise<T> {
		// The first one begins at once: what is done after it was not meant.
		const result = waiting === 0 ? work() : queue.then(work);
		waiting += 1;
		queue = result.catch(() => {}).then(() => (waiting -= 1));
		return result;
	}

	function forget(entry: Entry): void {
		const at = done.indexOf(entry);
		if (at >= 0) done.splice(at, 1);
	}

	async function undo(): Promise<boolean> {
		for (let entry = done.at(-1); entry; entry = done.at(-1)) {
			await entry.settled;
			const at = done.indexOf(entry);
			// It has failed: the one before is meant.
			if (at < 0) continue;
			const before = turn;
			done.splice(at, 1);
			listeners.notify();
			try {
				await entry.inverse();
				if (turn === before) undone.push(entry);
			} catch (error) {
				done.splice(at, 0, entry);
				throw error;
			} finally {
				listeners.notify();
			}
			return true;
		}
		return false;
	}

	async function redo(): Promise<boolean> {
		const entry = undone.pop();
		if (!entry) return false;
		const before = turn;
		const at = done.length;
		listeners.notify();
		try {
			await entry.call();
			done.splice(at, 0, entry);
		} catch (error) {
			if (turn === before) undone.push(entry);
			throw error;
		} finally {
			listeners.notify();
		}
		return true;
	}

	const history: History = {
		get canUndo() {
			track();
			return done.length > 0;
		},
		get canRedo() {
			track();
			return undone.length > 0;
		},
		async run(call, args, inverse) {
			let result: Awaited<ReturnType<typeof call>>;
			const entry: Entry = {
				call: async () => (result = await call(...args)),
				inverse: () => inverse(result, ...args),
				settled: Promise.resolve()
			};
			const running = entry.call() as ReturnType<typeof call>;
			entry.settled = running.catch(() => {});
			done.push(entry);
			if (done.length > limit) done.shift();
			listeners.notify();
			try {
				await running;
				turn += 1;
				undone.length = 0;
			} catch (error) {
				forget(entry);
				throw error;
			} finally {
				listeners.notify();
			}
			return running;
		},
		undo: () => queued(undo),
		redo: () => queued(redo),
		clear() {
			turn += 1;
			done.length = undone.length = 0;
			listeners.notify();
		},
		subscribe(run) {
			const leave = listeners.add(() => run(history));
			run(history);
			return leave;
		}
	};
	return history;
}
