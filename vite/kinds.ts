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

/** Kinds that a page can use. */
export type StubKind =
	| 'rpc'
	| 'stream'
	| 'presence'
	| 'cursors'
	| 'room'
	| 'channel'
	| 'group'
	| 'derived'
	| 'aggregate';

/** Kinds that the server alone runs, under the name that they have on `live`: they have no stub. */
export const SERVER_ONLY = ['cron', 'effect'] as const;

export type LiveKind = StubKind | (typeof SERVER_ONLY)[number];

export const KINDS: Readonly<Record<StubKind, LiveKindFacts>> = {
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
	},
	derived: {
		member: 'derived',
		client: '__stream',
		server: { name: 'serverStream', from: `${PACKAGE}/plugins/streams` },
		awaited: '__awaitable'
	},
	aggregate: {
		member: 'aggregate',
		client: '__stream',
		server: { name: 'serverStream', from: `${PACKAGE}/plugins/streams` },
		awaited: '__awaitable'
	}
};

/** What is wrapped around a live export, after `live.`, and which argument the export itself is. */
export const WRAPPERS: Readonly<Record<string, number>> = {
	__proto__: null!,
	rateLimit: 1,
	gate: 1
};

/** The kind for the part after `live.`, or undefined. */
export function kindOfMember(member: string): LiveKind | undefined {
	const isServers = (kind: string): kind is LiveKind => kind === member;
	const stubbed = Object.keys(KINDS) as StubKind[];
	return stubbed.find((kind) => KINDS[kind].member === member) ?? SERVER_ONLY.find(isServers);
}

/** Whether a page can use an export of this kind. */
export function hasStub<Export extends { readonly kind: LiveKind }>(
	entry: Export
): entry is Export & { readonly kind: StubKind } {
	return Object.hasOwn(KINDS, entry.kind);
}

/** `live, live.stream`: what an author can write. */
export function knownCalls(): string {
	return [...Object.values(KINDS).map(({ member }) => member), ...SERVER_ONLY]
		.map((member) => (member ? `live.${member}` : 'live'))
		.join(', ');
}
