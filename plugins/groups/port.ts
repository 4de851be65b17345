/** What keeps the groups that are open must be able to do. */

import type { MaybePromise } from 'svelte-realtime/kernel';

/** A group from its opening to its end: the same on all instances. */
export interface GroupRecord {
	/** Names this opening: a group that is closed and opened anew has another. */
	readonly id: string;
	readonly meta: unknown;
	/** What its members can be. */
	readonly roles: readonly string[];
}

/**
 * The groups that are open, over all instances. Each instance has a store of its own. A group is open
 * for as long as an instance has it open; one that is gone has nothing open after a `ttl` without a
 * word. Time is the store's own.
 */
export interface GroupStore {
	/**
	 * Opens a group on this instance, in one atomic step: as it is open on others, else as given.
	 *
	 * @param ttl Milliseconds for which this instance has it open, unless it says so again.
	 */
	open(name: string, fresh: GroupRecord, ttl: number): MaybePromise<GroupRecord>;
	/**
	 * This instance has it open still. What the store has lost is put there again.
	 *
	 * @returns how it is open; undefined where it has been closed.
	 */
	keep(name: string, record: GroupRecord, ttl: number): MaybePromise<GroupRecord | undefined>;
	/** This instance has this opening no longer. With the last of them the group ends. */
	leave(name: string, id: string): MaybePromise<void>;
	/** Ends a group for all instances. @returns how it was open; undefined where it was not. */
	close(name: string): MaybePromise<GroupRecord | undefined>;
	/** How a group is open; undefined where it is not. */
	find(name: string): MaybePromise<GroupRecord | undefined>;
	/** Of a store that can be out of reach: calls back when it may be back. The result ends it. */
	onReturn?(listener: () => void): () => void;
}

declare module 'svelte-realtime/kernel' {
	interface Capabilities {
		'groups.store': GroupStore;
	}
}
