/** Every default of the limits that the server enforces; each is an option of `defineConfig`. */
export interface Limits {
	/** Bytes of one message from a client; a larger one closes the connection with 1009. */
	readonly message: number;
	/**
	 * Bytes that may wait for one connection; past it frames are dropped, and counted. Answers wait
	 * until it has drained, as many characters again; past that the connection is closed with 1013.
	 */
	readonly sendBuffer: number;
	/** Frames in one message; a longer batch is refused as a whole, each call with a code. */
	readonly batch: number;
	/** Characters of a topic name; a longer one, or one with control characters, is refused. */
	readonly topic: number;
	/** Streams that one connection may follow at once; the next is refused with RATE_LIMITED. */
	readonly subscriptions: number;
	/** Calls that one connection may have running; the next is refused with RATE_LIMITED. */
	readonly calls: number;
	/** Frames of one topic, or of one connection, held behind a deferred one; the next is rejected. */
	readonly deferredFrames: number;
	/** Milliseconds a deferred frame may take; then it is rejected and its topic goes on. */
	readonly deferTimeout: number;
	/** Milliseconds that the `upgrade` gates may take in all; then the answer is 504. */
	readonly upgradeTimeout: number;
	/** Milliseconds without a byte from the client before the connection is closed; 8,000 to 960,000. */
	readonly idleTimeout: number;
	/** Milliseconds that the `setup` of one plugin, or one `ready` handler, may take. */
	readonly bootTimeout: number;
	/** Milliseconds that `shutdown` may take in all. */
	readonly shutdownTimeout: number;
}

/** A limit of the server, or one of a plugin's own: `throttle.timers`. */
export type LimitName = keyof Limits | `${string}.${string}`;

export const LIMITS: Limits = {
	message: 16 * 1024,
	sendBuffer: 1024 * 1024,
	batch: 50,
	topic: 256,
	subscriptions: 1000,
	calls: 1000,
	deferredFrames: 1024,
	deferTimeout: 5000,
	upgradeTimeout: 10_000,
	idleTimeout: 120_000,
	bootTimeout: 10_000,
	shutdownTimeout: 30_000
};
