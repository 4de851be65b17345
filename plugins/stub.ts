/** What a live function of a server module is in the browser, as types. */

import type { Register } from 'svelte-realtime/kernel';
import type { UploadFunction } from './binary/remote.ts';
import type { ChannelStore } from './channels/client.ts';
import type { CursorsStore } from './cursors/client.ts';
import type { GroupStore, Membership } from './groups/client.ts';
import type { GroupMember } from './groups/options.ts';
import type { Tag } from './invalidation/client.ts';
import type { PresenceStore } from './presence/client.ts';
import type { LoadedStream } from './streams/loaded.ts';
import type { RemoteFunction } from './rpc/remote.ts';
import type { LoadEvent, Seed } from './streams/seed.ts';
import type { StreamStore } from './streams/store.ts';
import type { WebhookStub } from './webhooks/server-stub.ts';

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
	/**
	 * On the server: the value for the visitor of `event`, and every later one, as the source of a
	 * `query.live` of SvelteKit's. Ends with the request.
	 *
	 * @example query.live(() => messages.iterate(getRequestEvent()))
	 */
	iterate(event: LoadEvent, ...args: Args): AsyncIterableIterator<Value>;
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

/**
 * What `$live/chat` exports: a stub for each of `Names` that `typeof import('./chat.ts')` has.
 *
 * As properties of a mapped type they are still those of the module to an editor, which finds their
 * documentation and their definition there.
 */
export type Stubs<Module, Names extends keyof Module> = StubsOf<
	Module & NoDefault,
	Names | keyof NoDefault
>;

/** TypeScript believes that a module without it can be imported as a whole by a default import. */
interface NoDefault {
	readonly __esModule?: never;
}

type StubsOf<Module, Names extends keyof Module> = {
	readonly [Name in Names]: Name extends keyof NoDefault ? undefined : Stub<Module[Name]>;
};

/** A room: its parts, each as if it were exported by itself. */
type RoomStub<Parts> = { readonly [Name in keyof Parts]: Stub<Parts[Name]> };

/** What apps have most of is asked for first: the compiler does this for each export. */
type StubOf<Live> = Live extends {
	kind: 'rpc';
	args: infer Args extends readonly unknown[];
	result: infer Result;
}
	? RemoteFunction<Args, Result>
	: Live extends { flavour: infer Flavour }
		? FlavourOf<Flavour, Live>
		: Live extends {
					kind: 'stream';
					args: infer Args extends readonly unknown[];
					value: infer Value;
					dynamic: infer Dynamic;
			  }
			? Followed<Args, Value, StreamStore<Value>, Dynamic>
			: RareStub<Live>;

/** Streams with a store of their own kind. */
type FlavourOf<Flavour, Live> = Flavour extends 'tag'
	? Live extends { args: infer Args extends readonly unknown[]; dynamic: infer Dynamic }
		? Direct<Args, Tag> & WithArgs<Args, Tag, Dynamic>
		: never
	: Flavour extends 'presence'
		? Live extends {
				args: infer Args extends readonly unknown[];
				value: infer Members;
				stateInput: infer State;
				dynamic: infer Dynamic;
			}
			? Followed<Args, Members, PresenceStore<Members, State>, Dynamic>
			: never
		: Flavour extends 'cursors'
			? Live extends {
					args: infer Args extends readonly unknown[];
					value: infer Cursors;
					cursor: infer Input;
					dynamic: infer Dynamic;
				}
				? Followed<Args, Cursors, CursorsStore<Cursors, Input>, Dynamic>
				: never
			: Live extends {
						args: infer Args extends readonly unknown[];
						value: infer Value;
						heard: infer Heard;
						said: infer Said;
						dynamic: infer Dynamic;
				  }
				? Followed<Args, Value, ChannelStore<Value, Heard, Said>, Dynamic>
				: never;

type RareStub<Live> = Live extends {
	kind: 'binary';
	args: infer Args extends readonly unknown[];
	result: infer Result;
}
	? UploadFunction<Args, Result>
	: OtherStub<Live>;

type OtherStub<Live> = Live extends { kind: 'room'; parts: infer Parts }
	? RoomStub<Parts>
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
		: Live extends {
					kind: 'binary';
					args: infer Args extends readonly unknown[];
					result: infer Result;
			  }
			? UploadFunction<Args, Result>
			: Live extends { kind: 'webhook' }
				? WebhookStub
				: never;

/** A stub of what is followed. */
type Followed<Args extends readonly unknown[], Value, Store, Dynamic> = Direct<Args, Store> &
	WithArgs<Args, Store, Dynamic> &
	Loadable<Args, Value, Store>;
