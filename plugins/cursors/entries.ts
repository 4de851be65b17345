import { LiveError, type Clock } from 'svelte-realtime/kernel';
import type { CursorBounds } from './bounds.ts';
import type { Cursor } from './frames.ts';
import { cursorOf, type Identity } from './mover.ts';
import type { Read } from './read.ts';

/** A cursor as a board keeps it. */
export interface Entry {
	cursor: Cursor;
	/** The cursor as JSON. */
	json: string;
	/** Of the JSON. */
	bytes: number;
	/** When it was put there: milliseconds since the Unix epoch. */
	at: number;
	/** Another instance has put it there, and will take it away. */
	isRemote: boolean;
	/** Nobody has been told of it as it is. */
	isNew: boolean;
}

/** What all topics share. */
export interface Room {
	readonly clock: Pick<Clock, 'now'>;
	readonly bounds: CursorBounds;
	/** What is held of all topics. */
	readonly held: { topics: number; bytes: number };
}

/** The cursors of one topic, under the bounds of the topic and of all. */
export class Entries {
	readonly #room: Room;
	readonly #byKey: Map<string, Entry> = new Map();
	#bytes: number = 0;

	constructor(room: Room) {
		this.#room = room;
	}

	get(key: string): Entry | undefined {
		return this.#byKey.get(key);
	}

	all(): Entry[] {
		return [...this.#byKey.values()];
	}

	/**
	 * Puts a cursor there, or moves it. The entry is changed in place: so little is made for a move.
	 *
	 * @param head The identity as the beginning of a JSON text.
	 * @throws {LiveError} SERVICE_UNAVAILABLE where there is no room.
	 */
	put(identity: Identity, head: string, { data, json, bytes }: Read): Entry {
		const { held, clock } = this.#room;
		const known = this.#byKey.get(identity.key);
		const size = head.length + bytes;
		const more = size - (known?.bytes ?? 0);
		this.#demand(more, known === undefined);
		const entry = known ?? this.#add(identity.key);
		entry.cursor = cursorOf(identity, data);
		entry.json = `${head}${json}}`;
		entry.bytes = size;
		entry.at = clock.now();
		this.#bytes += more;
		held.bytes += more;
		return entry;
	}

	/** @returns what was there. */
	remove(key: string): Entry | undefined {
		const entry = this.#byKey.get(key);
		if (entry === undefined) return undefined;
		const { held } = this.#room;
		this.#byKey.delete(key);
		if (this.#byKey.size === 0) held.topics -= 1;
		this.#bytes -= entry.bytes;
		held.bytes -= entry.bytes;
		return entry;
	}

	#add(key: string): Entry {
		if (this.#byKey.size === 0) this.#room.held.topics += 1;
		const entry = { isRemote: false, isNew: false } as Entry;
		this.#byKey.set(key, entry);
		return entry;
	}

	#demand(more: number, isAnother: boolean): void {
		const { bounds, held } = this.#room;
		const { size } = this.#byKey;
		const isFull =
			(more > 0 && this.#bytes + more > bounds.topicBytes) ||
			(more > 0 && held.bytes + more > bounds.bytes) ||
			(isAnother && size >= bounds.entries) ||
			(size === 0 && held.topics >= bounds.topics);
		if (isFull) throw new LiveError('SERVICE_UNAVAILABLE', 'There is no room for this cursor.');
	}
}
