/** What links the instances of an app must be able to do. */

import type { MaybePromise } from 'svelte-realtime/kernel';

/** What a beat of an instance came to. */
export interface Beat {
	/**
	 * `renewed`: the lease goes on. `begun`: there was none, and there is one now. `over`: it had ended,
	 * and what the instance has left behind is being taken away: it has no lease until that is done.
	 */
	readonly lease: 'renewed' | 'begun' | 'over';
	/**
	 * Instances that have gone and that this one has to clear up after, which it claims for a minute:
	 * then another may. May contain itself.
	 */
	readonly gone: readonly string[];
}

/** Leases of instances, by the store's own time, and a way from each to each. */
export interface InstancesLink {
	/** Renews the lease of this instance for `ttl` milliseconds, in one atomic step. */
	beat(ttl: number): MaybePromise<Beat>;
	/** The instance that was claimed has been cleared up after, and is forgotten. */
	cleared(instance: string): MaybePromise<void>;
	/** Ends the lease of this instance. */
	leave(): MaybePromise<void>;
	/** Those whose lease runs. */
	alive(): MaybePromise<readonly string[]>;
	/** Sends a message to one instance; says whether one of that name was there to hear it. */
	send(instance: string, message: string): MaybePromise<boolean>;
	/** Hears what is sent to this instance; called once. */
	receive(listener: (message: string) => void): void;
	/**
	 * Hears also what is sent to another instance, from when it resolves on: MUST go on when that has
	 * left, or its process has ended. The result ends it.
	 */
	standIn(instance: string): MaybePromise<() => void>;
}

declare module 'svelte-realtime/kernel' {
	interface Capabilities {
		'instances.link': InstancesLink;
	}
}
