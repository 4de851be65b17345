import type { Connection } from 'svelte-realtime/kernel';

/** Whose member a connection is: its user's, where the gates found one with an id, else its own. */
export function memberKey({ id, data: { user } }: Connection): string {
	const own = typeof user === 'object' && user !== null ? (user as { id?: unknown }).id : undefined;
	const isName = typeof own === 'string' || typeof own === 'number' || typeof own === 'bigint';
	return isName ? String(own) : id;
}
