/** What a store of members must be able to do. */

import type { MaybePromise, Position } from 'svelte-realtime/kernel';

/** One member of a topic, as everybody sees it. */
export interface Member<Data = unknown, State = unknown> {
	/** The user's `id` as text; of a visitor without one, the id of the connection. */
	readonly key: string;
	/** What the server says about the member. */
	readonly data: Data;
	/** What the member says about itself; absent where it says nothing. */
	readonly state?: State;
}

/** What one instance changes in a topic. */
export interface Changes {
	/** Members that it has from now on, or has with other data. */
	readonly puts: readonly Member[];
	/** Keys of members that it does not have any more. */
	readonly removes: readonly string[];
}

/** What has changed for those who look at a topic. Leaves come before joins. */
export interface Diff {
	readonly joins: readonly Member[];
	readonly updates: readonly Member[];
	readonly leaves: readonly string[];
}

/** Who is in a topic, and where in its history. */
export interface Roster extends Position {
	/** First come first. */
	readonly members: readonly Member[];
}

/** Hears what happens to a topic, in order. */
export interface RosterListener {
	/** The next change; its `seq` is one more than that of what was heard before. */
	changed(diff: Diff, position: Position): void;
	/** What was heard before does not lead here: this is how it stands now. */
	replaced(roster: Roster): void;
}

/** A topic that is followed. */
export interface Followed {
	readonly roster: Roster;
	/** The listener hears nothing any more. */
	close(): void;
}

/**
 * Who is in which topic, over all instances. Each instance has a store of its own, whose members are
 * those that it has put; all of them look at the same topics.
 *
 * A member that several instances have MUST join with the first that puts it and leave with the last
 * that removes it, each seen once. While several have it, it MUST show as the one of them says that
 * put it last; when that one removes it, as the latest of the others says.
 */
export interface PresenceStore {
	/**
	 * Changes one topic, in one atomic step: either all of it happens or nothing does. A change of more
	 * than a thousand members MAY take several steps.
	 *
	 * What has changed for others MUST be numbered, as one diff, by the next `seq` of the topic, and
	 * reach every listener of every instance in that order. Where nothing has, nothing is numbered.
	 *
	 * @returns false when this instance's lease has ended, and its members are gone: nothing was
	 * changed. The caller beats and puts again what it has.
	 */
	apply(topic: string, changes: Changes): MaybePromise<boolean>;
	/** Who is in a topic, first come first. */
	list(topic: string): MaybePromise<readonly Member[]>;
	/** How many are in a topic. */
	count(topic: string): MaybePromise<number>;
	/**
	 * Follows a topic. The listener MUST hear every change after the roster that is returned, and none
	 * before it is. A topic that nobody is in or follows MAY be forgotten; then it begins in another epoch.
	 */
	follow(topic: string, listener: RosterListener): MaybePromise<Followed>;
	/**
	 * Renews this instance's lease, and takes out the members of instances whose lease has ended; they
	 * leave like others. Time is the store's own.
	 *
	 * @param ttl Milliseconds from now until the lease ends.
	 * @returns whether the store knew this instance: what an unknown one has put is gone.
	 */
	beat(ttl: number): MaybePromise<boolean>;
	/**
	 * Keeps a place in a topic for a member that has not come yet; it needs none once it has.
	 *
	 * @param places Members, and places that are kept for others, that there may be on all instances.
	 * @param ttl Milliseconds for which the place is kept.
	 * @returns false where there are as many already; true for who is there, or has a place.
	 */
	reserve(topic: string, key: string, places: number, ttl: number): MaybePromise<boolean>;
	/**
	 * Of a store that can be out of reach: calls back when it may be back, for the instance to beat and
	 * tell it what waits. The result ends it.
	 */
	onReturn?(listener: () => void): () => void;
}

declare module 'svelte-realtime/kernel' {
	interface Capabilities {
		'presence.store': PresenceStore;
	}
}
