import type { StandardSchemaV1 } from '@standard-schema/spec';
import type { Connection } from 'svelte-realtime/kernel';
import type { Cursor } from './frames.ts';

/** A cursor but for its data. */
export type Identity = Omit<Cursor, 'data'>;

/** What a stream of cursors says of those who move in it. */
export interface MoverOptions {
	/** Checks what a client sends; synchronous. */
	readonly data: StandardSchemaV1 | undefined;
	/** Milliseconds from one frame of the topic to the next. */
	readonly interval: number;
}

/** A connection that may move a cursor in one topic, and what it has sent since the last frame. */
export class Mover {
	readonly connection: Connection;
	readonly options: MoverOptions;
	/** Nothing of it is the client's to say. */
	readonly identity: Identity;
	/** The identity as the beginning of a JSON text. */
	readonly head: string;
	/** How often it follows the topic. */
	follows: number = 0;
	/** Of the stream that its last move named. */
	id: number = 0;
	/** Its last move, which is not looked at before its turn, however many come. */
	next: unknown = undefined;
	/** There is such a move. */
	isWaiting: boolean = false;
	/** Why its last move was refused, as far as it was told. */
	refused: string | undefined = undefined;
	/** Moves since `#second`. */
	#moves: number = 0;
	/** Milliseconds since the Unix epoch. */
	#second: number = -Infinity;

	constructor(connection: Connection, identity: Identity, options: MoverOptions) {
		this.connection = connection;
		this.identity = identity;
		this.head = headOf(identity);
		this.options = options;
	}

	/** Counts a move. @returns whether there were at most `rate` in this second. */
	count(now: number, rate: number): boolean {
		if (now - this.#second >= 1000) {
			this.#second = now;
			this.#moves = 0;
		}
		this.#moves += 1;
		return this.#moves <= rate;
	}
}

/** What comes before the data in the JSON text of a cursor. */
export function headOf(identity: Identity): string {
	return `${JSON.stringify(identity).slice(0, -1)},"data":`;
}

/** The cursor of somebody. In literals, as a spread costs more than all else that a move does. */
export function cursorOf({ key, member, user }: Identity, data: unknown): Cursor {
	if (user === undefined) return member === undefined ? { key, data } : { key, member, data };
	return member === undefined ? { key, user, data } : { key, member, user, data };
}
