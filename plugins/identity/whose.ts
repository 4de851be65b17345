/** Whose identity is meant by a revocation. */

import { RealtimeError, type Connection } from 'svelte-realtime/kernel';
import type { Told } from './everywhere.ts';
import { matchesUser, type Matches, type RevokeMode, type UserId } from './users.ts';

/**
 * Whose identity is meant: everything of a user, one connection (or its id, on whatever instance it
 * is), or what a function says yes to.
 */
export type Whose =
	| { readonly user: UserId }
	| { readonly connection: Connection | string }
	| ((connection: Pick<Connection, 'id' | 'data'>) => boolean);

export interface RevokeOptions {
	/**
	 * `close`: they come back at once, and the gates say who they are; `reauthorise`: the gates are asked
	 * while the connection goes on. Without `inBand` that is `close` too. @default 'close'
	 */
	mode?: RevokeMode;
	/** Left alone: the one that signs all others out. */
	except?: Connection;
	/** Told to the client that is closed. */
	reason?: string;
	/**
	 * The connections of this instance only. Where there are several instances, a function needs it:
	 * others cannot ask it. @default false
	 */
	local?: boolean;
}

/** Says of a connection that is about to open whether it is meant. */
export function matcherOf(whose: Whose): Matches | undefined {
	if (typeof whose === 'function') return whose;
	return 'user' in whose ? matchesUser(whose.user) : undefined;
}

/** Whose identity is meant, as it can be told to other instances; undefined where it is nobody of theirs. */
export function toldOf(
	whose: Exclude<Whose, Matches>,
	isOwn: (id: string) => boolean
): Told['whose'] | undefined {
	if ('user' in whose) return { user: String(whose.user) };
	const { connection } = whose;
	return typeof connection === 'string' && !isOwn(connection) ? { connection } : undefined;
}

/** The error of a function that would be asked on one instance of several. */
export function notForAll(): RealtimeError {
	const wanted =
		'{ user } or { connection }: other instances cannot ask a function. With { local: true } it is ' +
		'about the connections of this one';
	return new RealtimeError('RT_OPTION_INVALID', [
		'whose',
		'identity.revoke()',
		'a function',
		wanted
	]);
}
