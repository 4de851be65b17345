/** What keeps track of the instances of an app must be able to do. */

import type { MaybePromise } from 'svelte-realtime/kernel';

/** Hears that an instance has gone, and takes away what it has left behind. */
export type GoneListener = (instance: string) => MaybePromise<void>;

/** Answers what another instance asks. What it throws reaches who has asked. */
export type Answerer = (question: unknown, from: string) => MaybePromise<unknown>;

/**
 * The instances of one app, as each of them sees the others. An instance lives for as long as it
 * renews its lease, by the store's own time.
 */
export interface Instances {
	/** Names this instance: `kernel.instanceId`. */
	readonly id: string;
	/** Those whose lease runs, this one included. */
	alive(): MaybePromise<readonly string[]>;
	/**
	 * Tells of each instance that has gone, whether it left or its lease ended. At least one of those
	 * that live MUST hear of it, and what it does MUST be fit to be done twice; where it fails, it is
	 * told again. The result ends it.
	 */
	onGone(listener: GoneListener): () => void;
	/**
	 * Tells that the lease of this instance had ended while it ran on, as after a stop of the machine:
	 * what it had put anywhere may be gone, and is put again. The result ends it.
	 */
	onLost(listener: () => void): () => void;
	/**
	 * Asks one instance something, which may be this one.
	 *
	 * @param kind Says which of its answerers is meant.
	 * @param question What JSON can write.
	 * @returns what JSON has left of the answer.
	 * @throws {LiveError} NOT_FOUND where the instance has gone, or has no answerer; TIMEOUT after 5 s;
	 * SERVICE_UNAVAILABLE where the way to it is down; what its answerer threw, where that is a LiveError.
	 */
	ask(instance: string, kind: string, question: unknown): Promise<unknown>;
	/** Answers what others ask of this kind; the result ends it. */
	answer(kind: string, answerer: Answerer): () => void;
}

declare module 'svelte-realtime/kernel' {
	interface Capabilities {
		instances: Instances;
	}
}
