/** The kinds of live export: how the server writes one, and what the two stubs make of it. */

export const PACKAGE = 'svelte-realtime';

export interface LiveKindFacts {
	/** Where the kind hangs on `live`: `live(…)` itself has no member. */
	readonly member: string;
	/** Export of `virtual:svelte-realtime/client` that makes the browser's stub. */
	readonly client: string;
	/** What makes the stub for server rendering. */
	readonly server: { readonly name: string; readonly from: string };
	/** Whether a component can `await` it while a page is rendered. */
	readonly isAwaited: boolean;
}

export type LiveKind = 'rpc' | 'stream';

export const KINDS: Readonly<Record<LiveKind, LiveKindFacts>> = {
	rpc: {
		member: '',
		client: '__rpc',
		server: { name: 'serverRpc', from: `${PACKAGE}/plugins/rpc` },
		isAwaited: false
	},
	stream: {
		member: 'stream',
		client: '__stream',
		server: { name: 'serverStream', from: `${PACKAGE}/plugins/streams` },
		isAwaited: true
	}
};

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
