/** Who it is that a limit counts. */

import type { Connection, ConnectionData } from 'svelte-realtime/kernel';

/** Where a connection's visitor is kept, out of sight of whoever lists its data. */
const VISITOR: unique symbol = Symbol.for('svelte-realtime.ratelimit.visitor') as never;

interface Visited extends ConnectionData {
	/** The address alone, until there is more to know: many connections only follow streams. */
	[VISITOR]?: Visitor | string;
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
	(data as Visited)[VISITOR] = address;
}

/** Whether it is one that comes in; a page that is rendered has none. */
export function isVisited({ data }: Connection): boolean {
	return (data as Visited)[VISITOR] !== undefined;
}

/** Whose connection it is, where it is one that comes in. */
export function visitorOf({ data }: Connection): Visitor | undefined {
	const known = (data as Visited)[VISITOR];
	if (typeof known !== 'string') return known;
	const visitor = { address: known, userId: undefined, userKey: '', sessionKey: undefined };
	return ((data as Visited)[VISITOR] = visitor);
}
