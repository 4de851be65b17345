/** The browser's half of presence: what a page's own member says about itself. */

import { toLiveError, trimmed, type ClientKernel } from '../../kernel/client/index.ts';
import type { LiveError } from '../../kernel/live-error.ts';
import type { FrameOf } from '../../kernel/protocol.ts';
import type { Seed, StreamStore, StreamStub } from 'svelte-realtime/plugins/streams/client';
import type {} from './frames.ts';

/** Who is here, as the page sees it: a stream of members, and what its own one says. */
export interface PresenceStore<Members, State> extends StreamStore<Members> {
	/**
	 * Says something about the page's own member, in place of what it said before; `null` takes it back.
	 * It is kept, and said again on every new connection. While the server has not answered, only the
	 * newest is kept for later.
	 *
	 * @returns when the server has it. What nobody follows is said when somebody does.
	 * @throws {LiveError} VALIDATION, PAYLOAD_TOO_LARGE, FORBIDDEN; SERVICE_UNAVAILABLE where there is
	 * no room to be listed.
	 */
	update(state: State | null): Promise<void>;
	/** The key of the page's own member; `undefined` until the server has told. */
	readonly me: string | undefined;
	/** Why the page's own member is not listed, where there is no room. */
	readonly refused: LiveError | undefined;
}

/** The stub of a presence stream; see StreamStub. */
export type PresenceStub = PresenceStore<unknown, unknown> &
	((...args: unknown[]) => PresenceStore<unknown, unknown>) &
	Pick<StreamStub, 'load'> & {
		/** A store that begins with what the server rendered, and goes on from there. */
		hydrate(seed: Seed): PresenceStore<unknown, unknown>;
	};

/** What is added to the store of a stream. */
type Present = Pick<PresenceStore<unknown, unknown>, 'update' | 'me' | 'refused'>;

type Handle = StreamStore<unknown> & {
	readonly '~stream': { find(): Following | undefined };
};

/** Who follows the stream; see Follower. */
interface Following {
	readonly id: number;
	readonly connected: boolean;
	notify(): void;
}

interface Waiter {
	resolve(): void;
	reject(error: LiveError): void;
}

/** What the page says on one stream. */
interface Said {
	/** Any store of the stream finds its follower. */
	store: Handle;
	/** `undefined` until something is said. */
	state: unknown;
	/** What the server has not refused. */
	good: unknown;
	/** Of what is to be sent. */
	waiting: Waiter[];
	/** The question that is on its way, for the stream of this id. */
	asked:
		| { readonly id: number; readonly waiting: readonly Waiter[]; readonly state: unknown }
		| undefined;
	key: string | undefined;
	refused: LiveError | undefined;
}

interface PresenceClient {
	/** What is said on the stream of these arguments. */
	said(address: string, store: Handle): Said;
	/** Finds out who the page is, where nothing has been said that tells. */
	ask(said: Said): void;
	/** Says something new. */
	update(said: Said, state: unknown): Promise<void>;
}

function setup(kernel: ClientKernel): PresenceClient {
	const all = new Map<string, Said>();

	function send(said: Said, id: number): void {
		const { state, waiting } = said;
		said.asked = { id, waiting, state };
		said.waiting = [];
		kernel.send({ frame: { type: 'presence:update', id, state } });
	}

	/** A stream has been answered: the server does not know yet what is said on this one. */
	function introduce({ id }: FrameOf<'stream:snapshot' | 'stream:recovered'>): void {
		for (const said of all.values()) {
			if (said.store['~stream'].find()?.id !== id) continue;
			said.waiting.unshift(...(said.asked?.waiting ?? []));
			send(said, id);
		}
	}

	function settle({ id, key, error }: FrameOf<'presence:self'>): void {
		for (const said of all.values()) {
			const { asked } = said;
			if (asked?.id !== id) continue;
			said.asked = undefined;
			if (key !== undefined) said.key = key;
			const failure = error && toLiveError(error);
			said.refused = failure?.code === 'SERVICE_UNAVAILABLE' ? failure : undefined;
			if (!failure || said.refused) said.good = asked.state;
			// What the server does not take must not come again with every connection.
			else if (said.state === asked.state) said.state = said.good;
			for (const { resolve, reject } of asked.waiting) failure ? reject(failure) : resolve();
			said.store['~stream'].find()?.notify();
			flush(said);
		}
	}

	/** Sends what waits, where the server can take it. */
	function flush(said: Said, isQuestion = false): void {
		const follower = said.store['~stream'].find();
		const isDue = isQuestion || said.waiting.length > 0;
		if (isDue && !said.asked && follower?.connected) send(said, follower.id);
	}

	for (const type of ['stream:snapshot', 'stream:recovered']) {
		kernel.hook('frame', introduce as never, type);
	}
	kernel.hook('frame', settle as never, 'presence:self');

	return {
		said(address, store) {
			const known = all.get(address);
			if (known) {
				known.store = store;
				return known;
			}
			const unused = { state: undefined, good: undefined, asked: undefined };
			const said = { ...unused, store, waiting: [], key: undefined, refused: undefined };
			all.set(address, said);
			return said;
		},
		ask(said) {
			if (said.key === undefined) flush(said, true);
		},
		update: (said, state) =>
			new Promise((resolve, reject) => {
				said.state = state ?? null;
				said.waiting.push({ resolve, reject });
				flush(said);
			})
	};
}

/** Makes the stub of a presence stream out of the one of its stream. */
export function presenceStub(kernel: ClientKernel, path: string, stream: StreamStub): PresenceStub {
	const dress = <T extends object>(store: T, args: readonly unknown[]): T & Present => {
		// A store that is in use is dressed already.
		if ('update' in store) return store as T & Present;
		const handle = store as unknown as Handle;
		const client = (): PresenceClient => kernel.install(setup);
		const said = (): Said => client().said(path + JSON.stringify(trimmed(args)), handle);
		// Reading another member makes an effect depend on the stream, which tells when this is there.
		const read = (name: 'key' | 'refused') => (): unknown => {
			if (handle.connected) client().ask(said());
			return said()[name];
		};
		return Object.defineProperties(store, {
			update: {
				value: (state: unknown) => client().update(said(), state)
			},
			me: { get: read('key') },
			refused: { get: read('refused') }
		}) as T & Present;
	};
	const stub = (...args: unknown[]): object =>
		args.length === 0 ? stub : dress(stream(...args), args);
	Object.assign(stub, {
		'~stream': (stream as unknown as Handle)['~stream'],
		load: stream.load,
		hydrate: (seed: Seed) => dress(stream.hydrate(seed), seed.args)
	});
	return dress(Object.setPrototypeOf(stub, Object.getPrototypeOf(stream) as object), []) as never;
}
