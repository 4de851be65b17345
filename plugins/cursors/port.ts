/** What a backend must be able to do for cursors to be seen on several instances. */

import type { MaybePromise } from 'svelte-realtime/kernel';
import type { Cursor } from './frames.ts';

/** Milliseconds from one time that an instance saves all its cursors to the next. */
export const HEARTBEAT = 30_000;
/** Milliseconds after which a cursor that is not saved any more is of an instance that is gone. */
export const STALE = 90_000;

/** What has happened to the cursors of one topic on one instance. */
export interface CursorChange {
	/** New, moved, or there still. */
	readonly puts: readonly Cursor[];
	/** Keys of those that are gone; none of them is among `puts`. */
	readonly removes: readonly string[];
}

/**
 * The cursors of all instances, for who comes late. That something moves is told by frames, which
 * are published and reach other instances as every other does.
 *
 * Cursors are of the moment: a backend that fails shows fewer of them, and nothing else.
 */
export interface CursorStore {
	/**
	 * Takes a change over in one atomic step. Changes of one topic MUST keep the order of the calls.
	 * What is not saved again within `STALE` MUST go, and MAY from then on.
	 */
	save(topic: string, change: CursorChange): MaybePromise<void>;
	/** The newest cursor of every key, of all instances, in any order. */
	list(topic: string): MaybePromise<readonly Cursor[]>;
}

declare module 'svelte-realtime/kernel' {
	interface Capabilities {
		'cursors.store': CursorStore;
	}
}
