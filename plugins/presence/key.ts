import type { Connection } from 'svelte-realtime/kernel';
import { userIdOf } from '../user-id.ts';

/** Whose member a connection is: its user's, where the gates found one with an id, else its own. */
export function memberKey(connection: Connection): string {
	return String(userIdOf(connection) ?? connection.id);
}
