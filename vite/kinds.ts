/** The kinds of live export: how the server writes one, and what the two stubs make of it. */

export const PACKAGE = 'svelte-realtime';

export interface LiveKindFacts {
	/** Where the kind hangs on `live`: nowhere for `live(…)` itself; absent for what is made by a wrapper. */
	readonly member?: string;
	/** Export of `virtual:svelte-realtime/client` that makes the browser's stub; absent where there is none. */
	readonly client?: string;
	/** What makes the stub for server rendering. */
	readonly server: { readonly name: string; readonly from: string };
	/** Makes the browser's stub where a component can `await` it; absent where none can. */
	readonly awaited?: string;
}

/** Kinds that code under `$live/` is made for: that of pages, and of a few that of the server alone. */
export type StubKind =
	| 'rpc'
	| 'binary'
	| 'stream'
	| 'piped'
	| 'presence'
	| 'cursors'
	| 'room'
	| 'channel'
	| 'tag'
	| 'group'
	| 'derived'
	| 'aggregate'
	| 'webhook';

/** Kinds that the server alone runs, under the name that they have on `live`: they have no stub. */
export const SERVER_ONLY = ['cron', 'effect', 'middleware', 'metrics'] as const;

export type LiveKind = StubKind | (typeof SERVER_ONLY)[number];

export const KINDS: Readonly<Record<StubKind, LiveKindFacts>> = {
	rpc: {
		member: '',
		client: '__rpc',
		server: { name: 'serverRpc', from: `${PACKAGE}/plugins/rpc` }
	},
	binary: {
		member: 'binary',
		client: '__binary',
		server: { name: 'serverBinary', from: `${PACKAGE}/plugins/binary` }
	},
	stream: {
		member: 'stream',
		client: '__stream',
		server: { name: 'serverStream', from: `${PACKAGE}/plugins/streams` },
		awaited: '__awaitable'
	},
	piped: {
		client: '__piped',
		server: { name: 'serverStream', from: `${PACKAGE}/plugins/streams` },
		awaited: '__awaitablePiped'
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
	tag: {
		member: 'tag',
		client: '__stream',
		server: { name: 'serverStream', from: `${PACKAGE}/plugins/streams` }
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
	},
	webhook: {
		member: 'webhook',
		server: { name: 'serverWebhook', from: `${PACKAGE}/plugins/webhooks` }
	}
};

/** Kinds that the browser has a stub of. */
export function hasClient({ kind }: { readonly kind: LiveKind }): boolean {
	return Object.hasOwn(KINDS, kind) && KINDS[kind as StubKind].client !== undefined;
}

/** What stands around a live export, and leaves it what it is. */
export interface WrapperFacts {
	/** As an author writes it. */
	readonly shown: string;
	/** Which argument the export itself is. */
	readonly at: number;
	/** What it can stand around; a bare function counts as `rpc`. */
	readonly around: readonly StubKind[];
	/** What it makes of it, where the stub is another one. */
	readonly becomes?: StubKind;
}

const CALLED: readonly StubKind[] = ['rpc', 'binary'];
const PIPED: readonly StubKind[] = ['stream', 'piped', 'derived', 'aggregate'];
const FOLLOWED: readonly StubKind[] = [...PIPED, 'presence', 'cursors', 'tag'];

/** How `pipe` is told from what hangs on `live`, whose names have no space. */
export const PIPE = ' pipe';

/** The wrappers, by what stands after `live.`. */
export const WRAPPERS: Readonly<Record<string, WrapperFacts>> = {
	__proto__: null!,
	validated: { shown: 'live.validated()', at: 1, around: ['rpc'] },
	rateLimit: { shown: 'live.rateLimit()', at: 1, around: [...CALLED, ...FOLLOWED] },
	gate: { shown: 'live.gate()', at: 1, around: [...CALLED, ...FOLLOWED] },
	breaker: { shown: 'live.breaker()', at: 1, around: [...CALLED, 'stream', 'piped'] },
	[PIPE]: { shown: 'pipe()', at: 0, around: PIPED, becomes: 'piped' }
};

/** The kind for the part after `live.`, or undefined. */
export function kindOfMember(member: string): LiveKind | undefined {
	const isServers = (kind: string): kind is LiveKind => kind === member;
	const stubbed = Object.keys(KINDS) as StubKind[];
	return stubbed.find((kind) => KINDS[kind].member === member) ?? SERVER_ONLY.find(isServers);
}

/** Whether something stands in for an export of this kind, where a page is rendered at the least. */
export function hasStub<Export extends { readonly kind: LiveKind }>(
	entry: Export
): entry is Export & { readonly kind: StubKind } {
	return Object.hasOwn(KINDS, entry.kind);
}

/** `live, live.stream`: what an author can write. */
export function knownCalls(): string {
	return [...Object.values(KINDS).flatMap(({ member }) => member ?? []), ...SERVER_ONLY]
		.map((member) => (member ? `live.${member}` : 'live'))
		.join(', ');
}
