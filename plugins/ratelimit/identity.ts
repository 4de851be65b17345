/** Who it is that a limit counts. */

import type { Connection, ConnectionData } from 'svelte-realtime/kernel';

/** Where a connection's visitor is kept, out of sight of whoever lists its data. */
const VISITOR: unique symbol = Symbol.for('svelte-realtime.ratelimit.visitor') as never;

interface Visited extends ConnectionData {
	[VISITOR]?: Visitor;
}

/** Who a connection belongs to, under the names of the budgets; each name is written once. */
export interface Visitor {
	readonly address: string;
	/** The `id` of the user that `userKey` is of. */
	userId: unknown;
	userKey: string;
	/** Comes after the connection has, and stays. */
	sessionKey: string | undefined;
}

/** Remembers where a connection comes from. */
export function rememberAddress(data: ConnectionData, address: string): void {
	const visitor = { address, userId: undefined, userKey: '', sessionKey: undefined };
	(data as Visited)[VISITOR] = visitor;
}

/** Whose connection it is; a page that is rendered has no connection that comes in. */
export function visitorOf({ data }: Connection): Visitor | undefined {
	return (data as Visited)[VISITOR];
}
