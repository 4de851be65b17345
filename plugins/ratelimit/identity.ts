/** Who it is that a limit counts. */

import type { Connection, ConnectionData } from 'svelte-realtime/kernel';

/** Where the address of a connection is kept, out of sight of whoever lists its data. */
const ADDRESS: unique symbol = Symbol.for('svelte-realtime.ratelimit.address') as never;

interface Addressed extends ConnectionData {
	[ADDRESS]?: string;
}

/** Remembers where a connection comes from. */
export function rememberAddress(data: ConnectionData, address: string): void {
	(data as Addressed)[ADDRESS] = address;
}

/** Where a connection comes from; a page that is rendered has no connection that comes in. */
export function addressOf({ data }: Connection): string | undefined {
	return (data as Addressed)[ADDRESS];
}

/** The user's `id`, where the gates found a user who has one. */
export function userOf({ data: { user } }: Connection): string | undefined {
	if (typeof user !== 'object' || user === null) return undefined;
	const { id } = user as { id?: unknown };
	return typeof id === 'string' || typeof id === 'number' || typeof id === 'bigint'
		? String(id)
		: undefined;
}
