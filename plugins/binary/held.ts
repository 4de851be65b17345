/** How much uploads hold, by client and in all, and who is refused when that is too much. */

import { LiveError, type Connection, type LimitName } from 'svelte-realtime/kernel';

export interface HeldOptions {
	/** Uploads of one client at a time. */
	readonly uploads: number;
	/** Bytes of one client. */
	readonly bytes: number;
	/** Bytes of all clients. */
	readonly total: number;
}

interface Holder {
	uploads: number;
	bytes: number;
}

export class Held {
	uploads: number = 0;
	bytes: number = 0;
	readonly #options: HeldOptions;
	readonly #clients: Map<string, Holder> = new Map();
	readonly #limited: (limit: LimitName, connection: Connection) => void;

	constructor(options: HeldOptions, limited: (limit: LimitName, connection: Connection) => void) {
		this.#options = options;
		this.#limited = limited;
	}

	/**
	 * Keeps room for an upload; what is announced counts, so one that has begun finds room to the end.
	 *
	 * @returns what gives the room back.
	 * @throws {LiveError} RATE_LIMITED, SERVICE_UNAVAILABLE.
	 */
	take(client: string, bytes: number, connection: Connection): () => void {
		const { uploads, bytes: most, total } = this.#options;
		const own = this.#clients.get(client) ?? { uploads: 0, bytes: 0 };
		if (own.uploads >= uploads) {
			this.#limited('binary.uploads', connection);
			throw new LiveError('RATE_LIMITED', `At most ${uploads} uploads at a time.`);
		}
		if (own.bytes + bytes > most) {
			this.#limited('binary.bytes', connection);
			throw new LiveError('RATE_LIMITED', `At most ${most} bytes at a time.`);
		}
		if (this.bytes + bytes > total) {
			this.#limited('binary.total', connection);
			throw new LiveError('SERVICE_UNAVAILABLE', 'There is no room for another upload.');
		}
		this.#add(client, own, 1, bytes);
		return () => this.#add(client, own, -1, -bytes);
	}

	#add(client: string, own: Holder, uploads: number, bytes: number): void {
		own.uploads += uploads;
		own.bytes += bytes;
		this.uploads += uploads;
		this.bytes += bytes;
		if (own.uploads > 0) this.#clients.set(client, own);
		else this.#clients.delete(client);
	}
}
