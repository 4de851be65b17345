/** What a live function of a server module is in the browser, as types. */

import type { Register } from 'svelte-realtime/kernel';
import type { ChannelStore } from './channels/client.ts';
import type { CursorsStore } from './cursors/client.ts';
import type { GroupStore, Membership } from './groups/client.ts';
import type { GroupMember } from './groups/options.ts';
import type { PresenceStore } from './presence/client.ts';
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

interface Loadable<Args extends readonly unknown[], Value, Store> {
	/** Loads the stream in a server `load` function. In the browser it throws RT_STUB_BROWSER_LOAD. */
	load(event: LoadEvent, ...args: Args): Promise<Loaded<Value>>;
	/** A store that begins with what `load` returned, and goes on from there. */
	hydrate(seed: Loaded<Value>): Store;
}

/** With no argument that must be given, the stub is the store itself. */
type Direct<Args extends readonly unknown[], Store> = [] extends Args ? Store : unknown;

type WithArgs<Args extends readonly unknown[], Store, Dynamic> = Dynamic extends true
	? (...args: Args) => Store
	: Args extends readonly []
		? unknown
		: (...args: Args) => Store;

/** The browser's side of a live function: `Stub<Module['send']>`. */
export type Stub<T> = T extends { '~live': infer Live } ? StubOf<Live> : never;

/** A room: its parts, each as if it were exported by itself. */
type RoomStub<Parts> = { readonly [Name in keyof Parts]: Stub<Parts[Name]> };

type StubOf<Live> = Live extends {
	flavour: 'channel';
	args: infer Args extends readonly unknown[];
	value: infer Value;
	heard: infer Heard;
	said: infer Said;
	dynamic: infer Dynamic;
}
	? Followed<Args, Value, ChannelStore<Value, Heard, Said>, Dynamic>
	: Live extends {
				kind: 'group';
				args: infer Args extends readonly unknown[];
				role: infer Role;
				member: GroupMember<unknown, infer Data>;
				meta: infer Meta;
				heard: infer Heard;
				said: infer Said;
				dynamic: infer Dynamic;
		  }
		? Followed<Args, Membership<Role, Meta>, GroupStore<Role, Data, Meta, Heard, Said>, Dynamic>
		: OtherStub<Live>;

/** A stub of what is followed, with a store of its own kind. */
type Followed<Args extends readonly unknown[], Value, Store, Dynamic> = Direct<Args, Store> &
	WithArgs<Args, Store, Dynamic> &
	Loadable<Args, Value, Store>;

type OtherStub<Live> = Live extends { kind: 'room'; parts: infer Parts }
	? RoomStub<Parts>
	: Live extends {
				kind: 'rpc';
				args: infer Args extends readonly unknown[];
				result: infer Result;
		  }
		? RemoteFunction<Args, Awaited<Result>>
		: Live extends {
					flavour: 'presence';
					args: infer Args extends readonly unknown[];
					value: infer Members;
					stateInput: infer State;
					dynamic: infer Dynamic;
			  }
			? Followed<Args, Members, PresenceStore<Members, State>, Dynamic>
			: Live extends {
						flavour: 'cursors';
						args: infer Args extends readonly unknown[];
						value: infer Cursors;
						cursor: infer Input;
						dynamic: infer Dynamic;
				  }
				? Followed<Args, Cursors, CursorsStore<Cursors, Input>, Dynamic>
				: Live extends {
							kind: 'stream';
							args: infer Args extends readonly unknown[];
							value: infer Value;
							dynamic: infer Dynamic;
					  }
					? Followed<Args, Value, StreamStore<Value>, Dynamic>
					: never;
