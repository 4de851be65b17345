/** What keeps whose connections are where must be able to do. */

import type { MaybePromise } from 'svelte-realtime/kernel';

/** A connection of a user, on whatever instance. */
export interface RegisteredConnection {
	readonly instance: string;
	/** Its id, which no other connection of any instance has. */
	readonly connection: string;
	/** Milliseconds since the Unix epoch, by the clock of its instance; since when it is this user's. */
	readonly since: number;
}

/** What has changed on this instance. */
export interface RegistryChange {
	/** The user's id as text. */
	readonly user: string;
	readonly connection: string;
	/** Since when it is the user's; `undefined` where it is so no longer. */
	readonly since: number | undefined;
	/** The user has other connections on this instance. */
	readonly hasOthers: boolean;
}

/**
 * Knows which connections each user has, over all instances. What instances that have gone have left
 * behind MUST be taken away by one that lives.
 */
export interface RegistryStore {
	/** Puts down what has changed on this instance, in order. Doing it twice MUST change nothing. */
	apply(changes: readonly RegistryChange[]): MaybePromise<void>;
	/** The connections of a user, in no order. */
	connections(user: string): MaybePromise<readonly RegisteredConnection[]>;
	/** How many a user has. */
	count(user: string): MaybePromise<number>;
	/** Tells that what this instance has put is gone, and is to be put again; the result ends it. */
	onLost(listener: () => void): () => void;
}

declare module 'svelte-realtime/kernel' {
	interface Capabilities {
		'registry.store': RegistryStore;
	}
}
