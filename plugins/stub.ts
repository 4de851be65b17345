/** What a live function of a server module is in the browser, as types. */

import type { Register } from 'svelte-realtime/kernel';
import type { LoadedStream } from './streams/loaded.ts';
import type { RemoteFunction } from './rpc/remote.ts';
import type { LoadEvent, Seed } from './streams/seed.ts';
import type { StreamStore } from './streams/store.ts';

/**
 * What a page finds in its `data`: the stream itself where the `transport` hook has `liveTransport`,
 * else the seed that `hydrate` takes.
 */
type Loaded<Value> = Register extends { transport: { LiveStream: unknown } }
	? LoadedStream<Value>
	: Seed<Value>;

interface Loadable<Args extends readonly unknown[], Value> {
	/** Loads the stream in a server `load` function. In the browser it throws RT_STUB_BROWSER_LOAD. */
	load(event: LoadEvent, ...args: Args): Promise<Loaded<Value>>;
	/** A store that begins with what `load` returned, and goes on from there. */
	hydrate(seed: Loaded<Value>): StreamStore<Value>;
}

/** With no argument that must be given, the stub is the store itself. */
type Direct<Args extends readonly unknown[], Value> = [] extends Args
	? StreamStore<Value>
	: unknown;

type WithArgs<Args extends readonly unknown[], Value, Dynamic> = Dynamic extends true
	? (...args: Args) => StreamStore<Value>
	: Args extends readonly []
		? unknown
		: (...args: Args) => StreamStore<Value>;

/** The browser's side of a live function: `Stub<Module['send']>`. */
export type Stub<T> = T extends { '~live': infer Live } ? StubOf<Live> : never;

type StubOf<Live> = Live extends {
	kind: 'rpc';
	args: infer Args extends readonly unknown[];
	result: infer Result;
}
	? RemoteFunction<Args, Awaited<Result>>
	: Live extends {
				kind: 'stream';
				args: infer Args extends readonly unknown[];
				value: infer Value;
				dynamic: infer Dynamic;
		  }
		? Direct<Args, Value> & WithArgs<Args, Value, Dynamic> & Loadable<Args, Value>
		: never;
