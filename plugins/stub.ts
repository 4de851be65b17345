/** What a live function of a server module is in the browser, as types. */

import type { LoadEvent, Seed } from './streams/seed.ts';
import type { StreamStore } from './streams/store.ts';

interface Loadable<Args extends readonly unknown[], Value> {
	/** Loads the stream in a server `load` function. In the browser it throws RT_STUB_BROWSER_LOAD. */
	load(event: LoadEvent, ...args: Args): Promise<Seed<Value>>;
	/** A store that begins with what `load` returned, and goes on from there. */
	hydrate(seed: Seed<Value>): StreamStore<Value>;
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
	? (...args: Args) => Promise<Awaited<Result>>
	: Live extends {
				kind: 'stream';
				args: infer Args extends readonly unknown[];
				value: infer Value;
				dynamic: infer Dynamic;
		  }
		? Direct<Args, Value> & WithArgs<Args, Value, Dynamic> & Loadable<Args, Value>
		: never;
