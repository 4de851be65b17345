import type { Connection } from 'svelte-realtime/kernel';

/** The `id` of a connection's user, where the gates have found a user who has one. */
export function userIdOf({ data: { user } }: Connection): string | number | bigint | undefined {
	if (typeof user !== 'object' || user === null) return undefined;
	const { id } = user as { id?: unknown };
	return typeof id === 'string' || typeof id === 'number' || typeof id === 'bigint'
		? id
		: undefined;
}
