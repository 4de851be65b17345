/** What one call may be told apart from its arguments. */
export interface CallOptions {
	/** Milliseconds that it may take, waiting for a connection included. @default the client's `timeout` */
	timeout?: number;
	/** Gives the call up: it is rejected with the signal's reason, and cancelled on the server. */
	signal?: AbortSignal;
}

/** A function of a server, in the browser. */
export interface RemoteFunction<Args extends readonly unknown[], Result> {
	(...args: Args): Promise<Result>;
	/**
	 * The same function, with options.
	 *
	 * @example await send.with({ timeout: 5000, signal })('hello')
	 */
	with(options: CallOptions): (...args: Args) => Promise<Result>;
}
