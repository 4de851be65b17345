/** Whose the connections of this instance are, and whose were revoked a moment ago. */

import type { Clock, Connection } from 'svelte-realtime/kernel';
import { userIdOf } from '../user-id.ts';

/** The `id` of a user; `7` and `'7'` are one and the same. */
export type UserId = string | number | bigint;

/** Says whether a connection is one of those that are meant. */
export type Matches = (connection: Pick<Connection, 'id' | 'data'>) => boolean;

/** How many revocations are remembered for connections that are about to open. */
const REMEMBERED = 1000;

/** What becomes of those that are meant. */
export type RevokeMode = 'close' | 'reauthorise';

interface Revocation {
	readonly number: number;
	readonly mode: RevokeMode;
	/** Milliseconds since the Unix epoch. */
	readonly until: number;
	readonly matches: Matches;
}

export interface UsersOptions {
	readonly clock: Clock;
	/** Milliseconds that gates may take to say who somebody is. */
	readonly memory: number;
	readonly report: (error: unknown) => void;
}

export class Users {
	readonly #options: UsersOptions;
	/** A set only where a user has several: most have one. */
	readonly #byUser: Map<string, Connection | Set<Connection>> = new Map();
	/** Under which name each is in the index: its user may be another by the time it is taken out. */
	readonly #names: WeakMap<Connection, string> = new WeakMap();
	#revocations: Revocation[] = [];
	#count: number = 0;
	/** The latest revocation that is forgotten. */
	#forgotten: number = 0;

	constructor(options: UsersOptions) {
		this.#options = options;
	}

	add(connection: Connection): void {
		const id = userIdOf(connection);
		if (id === undefined) return;
		const name = String(id);
		this.#names.set(connection, name);
		const own = this.#byUser.get(name);
		if (own === undefined) this.#byUser.set(name, connection);
		else if (own instanceof Set) own.add(connection);
		else this.#byUser.set(name, new Set([own, connection]));
	}

	remove(connection: Connection): void {
		const name = this.#names.get(connection);
		if (name === undefined) return;
		this.#names.delete(connection);
		const own = this.#byUser.get(name);
		if (own instanceof Set) own.delete(connection);
		if (own === connection || (own as Set<Connection>).size === 0) this.#byUser.delete(name);
	}

	of(user: UserId): readonly Connection[] {
		const own = this.#byUser.get(String(user));
		if (own instanceof Set) return [...own];
		return own ? [own] : [];
	}

	/** What an identity that is about to be found out remembers of now. */
	stamp(): number {
		return this.#count;
	}

	/** Revokes those as well whose gates have begun and who are not there yet. */
	revoke(matches: Matches, mode: RevokeMode): void {
		const now = this.#options.clock.now();
		this.#count += 1;
		const until = now + this.#options.memory;
		this.#revocations.push({ number: this.#count, mode, until, matches });
		const kept = this.#revocations.filter((one) => one.until > now).slice(-REMEMBERED);
		// What is no longer known is taken to have meant everybody who has been on the way since then.
		this.#forgotten = kept[0]!.number - 1;
		this.#revocations = kept;
	}

	/** Whether an identity was revoked after its gates had begun, and how. */
	revoked(connection: Pick<Connection, 'id' | 'data'>, stamp: number): RevokeMode | undefined {
		if (stamp < this.#forgotten) return 'close';
		const later = this.#revocations.filter(
			(one) => one.number > stamp && this.#means(one, connection)
		);
		return later.some(({ mode }) => mode === 'close') ? 'close' : later[0]?.mode;
	}

	/** One that cannot say whom it means has meant everybody. */
	#means({ matches }: Revocation, connection: Pick<Connection, 'id' | 'data'>): boolean {
		try {
			return matches(connection);
		} catch (error) {
			this.#options.report(error);
			return true;
		}
	}
}

/** Those whose user has this id. */
export function matchesUser(user: UserId): Matches {
	return (connection) => {
		const id = userIdOf(connection as Connection);
		return id !== undefined && String(id) === String(user);
	};
}
