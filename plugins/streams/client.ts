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
import { createFollower, type Follower, type FollowerHost } from './follower.ts';
import type { Head } from './frames.ts';
import { keyOf } from './key.ts';
import type { Seed } from './seed.ts';
import { createStore, type StoreHost, type StreamAddress, type StreamStore } from './store.ts';

export type { Seed } from './seed.ts';
export type { StreamStore } from './store.ts';

export interface StreamsClient extends StoreHost {
	/** The store of a stream with these arguments: the same one while it is in use, or one with a seed. */
	store(path: string, args: readonly unknown[], seed?: Seed | false): StreamStore<unknown>;
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
	const byKey = new Map<string, Follower>();
	const byId = new Map<number, Follower>();
	const host: FollowerHost = {
		kernel,
		byId,
		dismiss(follower) {
			const { key } = follower.address;
			if (byKey.get(key) === follower) byKey.delete(key);
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
		for (const follower of [...byKey.values()]) follower.ask();
	});
	kernel.hook('close', ({ willRetry }) => {
		for (const follower of [...byKey.values()]) follower.lost(willRetry);
	});

	const streams: StreamsClient = {
		kernel,
		find: (key) => byKey.get(key),
		acquire(address, store) {
			kernel.connect();
			let follower = byKey.get(address.key);
			if (!follower) {
				follower = createFollower(host, address);
				follower.store = store;
				byKey.set(address.key, follower);
			}
			return follower;
		},
		store(path, args, seed) {
			const address = addressOf(path, args, kernel.options.transport ?? {});
			const shared = !seed && byKey.get(address.key)?.store;
			return shared || createStore(() => streams, address, {}, seed);
		}
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
	return createStore(
		streams,
		addressOf(path, [], {}),
		Object.assign(stub, {
			// With `liveTransport` what comes from `load` is the store already. The path of a seed names the
			// version of its items: a page cannot show what it was not built for.
			hydrate: (seed: Seed | StreamStore<unknown>) =>
				'subscribe' in seed ? seed : streams().store(path, seed.args, seed.path === path && seed),
			load() {
				throw clientError('RT_STUB_BROWSER_LOAD', path);
			}
		})
	) as StreamStub;
}

/** The stub of a stream, as generated code writes it. */
export function __stream(path: string): StreamStub {
	return streamStub(() => streamsClient(page), path);
}
