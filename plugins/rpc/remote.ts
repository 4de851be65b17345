import type { DataOf } from '../streams/operation.ts';
import type { StreamStore } from '../streams/store.ts';

/** What one call may be told apart from its arguments. */
export interface CallOptions {
	/** Milliseconds that it may take, waiting for a connection included. @default the client's `timeout` */
	timeout?: number;
	/** Gives the call up: it is rejected with the signal's reason, and cancelled on the server. */
	signal?: AbortSignal;
	/** The `id` of an operation on a stream, which the events that the function publishes confirm. */
	op?: string;
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
	/**
	 * The same function, showing its outcome on a stream before the server has answered.
	 *
	 * What is shown ends with the first event on the stream that the function publishes, whatever key the
	 * server has given it; where it publishes none, with what the stream holds once the call is answered.
	 * When the call fails it is rolled back.
	 *
	 * @param event As the server publishes it.
	 * @param data The event's data, or what makes it of the call's arguments.
	 * @example const sendNow = send.optimistic(messages, 'created', (text) => ({ id: temporary(), text }));
	 * await sendNow('hello');
	 */
	optimistic<Value, Event extends string>(
		stream: StreamStore<Value>,
		event: Event,
		data:
			| DataOf<NoInfer<Value>, NoInfer<Event>>
			| ((...args: Args) => DataOf<NoInfer<Value>, NoInfer<Event>>)
	): (...args: Args) => Promise<Result>;
}
