/** The kinds of live export: how the server writes one, and what the two stubs make of it. */

export const PACKAGE = 'svelte-realtime';

export interface LiveKindFacts {
	/** Where the kind hangs on `live`: `live(…)` itself has no member. */
	readonly member: string;
	/** Export of `virtual:svelte-realtime/client` that makes the browser's stub. */
	readonly client: string;
	/** What makes the stub for server rendering. */
	readonly server: { readonly name: string; readonly from: string };
	/** Makes the browser's stub where a component can `await` it; absent where none can. */
	readonly awaited?: string;
}

export type LiveKind = 'rpc' | 'stream' | 'presence' | 'cursors' | 'room' | 'channel' | 'group';

export const KINDS: Readonly<Record<LiveKind, LiveKindFacts>> = {
	rpc: {
		member: '',
		client: '__rpc',
		server: { name: 'serverRpc', from: `${PACKAGE}/plugins/rpc` }
	},
	stream: {
		member: 'stream',
		client: '__stream',
		server: { name: 'serverStream', from: `${PACKAGE}/plugins/streams` },
		awaited: '__awaitable'
	},
	presence: {
		member: 'presence',
		client: '__presence',
		server: { name: 'serverStream', from: `${PACKAGE}/plugins/streams` }
	},
	cursors: {
		member: 'cursors',
		client: '__cursors',
		server: { name: 'serverStream', from: `${PACKAGE}/plugins/streams` }
	},
	room: {
		member: 'room',
		client: '__room',
		server: { name: 'serverRoom', from: `${PACKAGE}/plugins/rooms` },
		awaited: '__awaitableRoom'
	},
	channel: {
		member: 'channel',
		client: '__channel',
		server: { name: 'serverChannel', from: `${PACKAGE}/plugins/channels` }
	},
	group: {
		member: 'group',
		client: '__group',
		server: { name: 'serverGroup', from: `${PACKAGE}/plugins/groups` }
	}
};

/** What is wrapped around a live export, after `live.`, and which argument the export itself is. */
export const WRAPPERS: Readonly<Record<string, number>> = { __proto__: null!, rateLimit: 1 };

/** The kind for the part after `live.`, or undefined. */
export function kindOfMember(member: string): LiveKind | undefined {
	return (Object.keys(KINDS) as LiveKind[]).find((kind) => KINDS[kind].member === member);
}

/** `live, live.stream`: what an author can write. */
export function knownCalls(): string {
	return Object.values(KINDS)
		.map(({ member }) => (member ? `live.${member}` : 'live'))
		.join(', ');
}
