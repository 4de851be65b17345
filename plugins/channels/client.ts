/** The browser's half of channels: hearing their events, and publishing where clients may. */

import type { ClientKernel } from '../../kernel/client/index.ts';
import { LiveError } from '../../kernel/live-error.ts';
import type { Seed, StreamStore, StreamStub } from 'svelte-realtime/plugins/streams/client';
import type { DataArgs } from '../events.ts';
import { rpcClient } from '../rpc/client.ts';
import { hear } from '../streams/hear.ts';
import type { Handled } from '../streams/store.ts';

/** A channel as the page sees it: a stream of its value, and its events one by one. */
export interface ChannelStore<Value, Heard, Said> extends StreamStore<Value> {
	/**
	 * Hears every event of this name from now on: each once, in order, also those that were missed while
	 * there was no connection. The channel is followed for it.
	 *
	 * @returns what ends it.
	 * @throws {LiveError} INVALID_REQUEST for a name that the channel does not have, once it is known
	 * which it has.
	 */
	on<Name extends keyof Heard & string>(
		event: Name,
		listener: (data: Heard[Name]) => void
	): () => void;
	/**
	 * Publishes an event, as a call: checked by the server, once, and offline as calls are.
	 *
	 * @throws {LiveError} VALIDATION with the issues, FORBIDDEN, INVALID_REQUEST, and what calls are
	 * rejected with.
	 */
	publish<Name extends keyof Said & string>(
		event: Name,
		...data: DataArgs<Said[Name]>
	): Promise<void>;
}

type AnyStore = ChannelStore<unknown, Record<string, unknown>, Record<string, unknown>>;

/** The stub of a channel; see StreamStub. */
export type ChannelStub = AnyStore &
	((...args: unknown[]) => AnyStore) &
	Pick<StreamStub, 'load'> & {
		/** A store that begins with what the server rendered, and goes on from there. */
		hydrate(seed: Seed): AnyStore;
	};

/** Makes `on` of what is followed by `stream`. */
export function onOf(
	stream: Handled
): (event: string, listener: (data: unknown) => void) => () => void {
	return (event, listener) => {
		const names = stream['~stream'].find()?.options?.names;
		if (names && !names.includes(event)) {
			throw new LiveError('INVALID_REQUEST', `There is no event "${event}" here.`);
		}
		return hear(stream, (name, data) => {
			if (name === event) listener(data);
		});
	};
}

/** Makes the stub of a channel out of the one of its stream. */
export function channelStub(kernel: ClientKernel, path: string, stream: StreamStub): ChannelStub {
	const dress = <T extends object>(store: T, args: readonly unknown[]): T => {
		// A store that is in use is dressed already.
		if ('publish' in store) return store;
		return Object.assign(store, {
			on: onOf(store as unknown as Handled),
			publish: (event: string, data?: unknown) =>
				rpcClient(kernel).call(`${path}.publish`, [event, data, ...args])
		});
	};
	const stub = (...args: unknown[]): object =>
		args.length === 0 ? stub : dress(stream(...args), args);
	Object.assign(stub, {
		'~stream': (stream as unknown as Handled)['~stream'],
		load: stream.load,
		hydrate: (seed: Seed) => dress(stream.hydrate(seed), seed.args)
	});
	return dress(Object.setPrototypeOf(stub, Object.getPrototypeOf(stream) as object), []) as never;
}
