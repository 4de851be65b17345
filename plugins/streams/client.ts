/** The browser's half of streams. */

import {
	clientError,
	page,
	toLiveError,
	trimmed,
	type ClientKernel
} from '../../kernel/client/index.ts';
import { isPlain } from '../../kernel/plain.ts';
import type { FrameOf } from '../../kernel/protocol.ts';
import type { TransportHook } from '../../kernel/values.ts';
import { Follower, type FollowerHost } from './follower.ts';
import type { Head } from './frames.ts';
import { keyOf } from './key.ts';
import type { Seed } from './seed.ts';
import { createStore, type StoreHost, type StreamAddress, type StreamStore } from './store.ts';

export type { Seed } from './seed.ts';
export type { StreamStore } from './store.ts';

export interface StreamsClient extends StoreHost {
	/** The store of a stream with these arguments: the same one while it is in use, or one with a seed. */
	store(path: string, args: readonly unknown[], seed?: Seed): StreamStore<unknown>;
}

/** A stream's stub: the store of the stream without arguments, callable with some. */
export type StreamStub = StreamStore<unknown> &
	((...args: unknown[]) => StreamStore<unknown>) & {
		/** A store that begins with what the server rendered, and goes on from there. */
		hydrate(seed: Seed): StreamStore<unknown>;
		/** @throws RT_STUB_BROWSER_LOAD, always */
		load(): never;
	};

/** The streams of a client. */
export function streamsClient(kernel: ClientKernel): StreamsClient {
	return kernel.install(setup);
}

type Answer = FrameOf<'stream:snapshot' | 'stream:recovered' | 'stream:delta'>;

function setup(kernel: ClientKernel): StreamsClient {
	const entries = new Map<string, { follower: Follower; store: StreamStore<unknown> }>();
	const byId = new Map<number, Follower>();

	const host: FollowerHost = {
		kernel,
		bind: (id, follower) => void byId.set(id, follower),
		unbind: (id) => void byId.delete(id),
		dismiss(follower) {
			const { key } = follower.address;
			if (entries.get(key)?.follower === follower) entries.delete(key);
		}
	};

	const listen = <F>(type: string, handler: (frame: F) => void): void =>
		kernel.hook('frame', handler as never, type);
	for (const kind of ['snapshot', 'recovered', 'delta']) {
		listen(`stream:${kind}`, (frame: Answer) => byId.get(frame.id)?.answer(frame));
	}
	listen('reply', ({ id, error }: FrameOf<'reply'>) => {
		if (error) byId.get(id!)?.refuse(toLiveError(error));
	});
	const event = (frame: FrameOf<'event'> | Head): void => {
		for (const follower of [...byId.values()])
			if (follower.topic === frame.topic) follower.event(frame);
	};
	listen('event', event);
	listen('stream:heads', ({ heads }: FrameOf<'stream:heads'>) => heads.forEach(event));
	kernel.hook('open', () => {
		for (const { follower } of [...entries.values()]) follower.ask();
	});
	kernel.hook('close', ({ willRetry }) => {
		for (const { follower } of [...entries.values()]) follower.lost(willRetry);
	});

	const streams: StreamsClient = {
		find: (key) => entries.get(key)?.follower,
		acquire(address, store) {
			kernel.connect();
			let entry = entries.get(address.key);
			if (!entry) {
				entry = { follower: new Follower(host, address), store };
				entries.set(address.key, entry);
			}
			return entry.follower;
		},
		store(path, args, seed) {
			const address = addressOf(path, args, kernel.options.transport ?? {});
			const shared = seed ? undefined : entries.get(address.key)?.store;
			return shared ?? createStore(() => streams, address, seed);
		},
		after: (delay, task) => void kernel.clock.after(delay, task)
	};
	return streams;
}

function addressOf(
	path: string,
	given: readonly unknown[],
	transport: TransportHook
): StreamAddress {
	const args = trimmed(given);
	return {
		path,
		// A copy, as the stream is asked for again when the caller may have changed its objects.
		args: isPlain(args) ? (JSON.parse(JSON.stringify(args)) as unknown[]) : args,
		key: path + keyOf(args, transport)
	};
}

/** Makes the stub of a stream on a client. */
export function streamStub(streams: () => StreamsClient, path: string): StreamStub {
	const stub = (...args: unknown[]): StreamStore<unknown> =>
		args.length === 0 ? (stub as StreamStub) : streams().store(path, args);
	return Object.defineProperties(stub, {
		...Object.getOwnPropertyDescriptors(createStore(streams, addressOf(path, [], {}))),
		hydrate: {
			// With `liveTransport` what comes from `load` is the store already.
			value: (seed: Seed | StreamStore<unknown>) =>
				'subscribe' in seed ? seed : streams().store(path, seed.args, seed)
		},
		load: {
			value: () => {
				throw clientError('RT_STUB_BROWSER_LOAD', path);
			}
		}
	}) as StreamStub;
}

/** The stub of a stream, as generated code writes it. */
export function __stream(path: string): StreamStub {
	return streamStub(() => streamsClient(page), path);
}
