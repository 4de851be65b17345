import { isLiveError, type Clock, type ValueCodec } from 'svelte-realtime/kernel';
import { Entries, type Entry, type Room } from './entries.ts';
import type { Cursor } from './frames.ts';
import { headOf, type Identity, type Mover } from './mover.ts';
import { readMove, readPlain, type Read } from './read.ts';

/** What all boards share. */
export interface BoardHost extends Room {
	readonly clock: Clock;
	readonly values: ValueCodec;
	/** Tells everybody who follows the topic. */
	tell(topic: string, puts: readonly Entry[], removes: readonly string[]): void;
	/** Tells a mover that its cursor is where it was. */
	refuse(mover: Mover, error: unknown): void;
	/** Nothing is left to do for the topic. */
	idle(board: Board): void;
}

/**
 * The cursors of one topic, and what of them has changed since the last frame.
 *
 * The first change after silence is told at once. Those that follow wait until the interval is over
 * and are told together: one frame, whoever moved and however often.
 */
export class Board {
	readonly topic: string;
	/** By connection id. */
	readonly movers: Map<string, Mover> = new Map();
	readonly #host: BoardHost;
	readonly #entries: Entries;
	/** Those with a move that has not been looked at; some may have left. */
	#waiting: Mover[] = [];
	/** Those that were put there since the last frame; some may be gone. */
	#changed: Entry[] = [];
	readonly #removed: Set<string> = new Set();
	/** Each notes the keys that other instances speak of meanwhile. */
	readonly #listening: Set<Set<string>> = new Set();
	/** Ends the interval in which changes wait. */
	#stop: (() => void) | undefined;

	constructor(topic: string, host: BoardHost) {
		this.topic = topic;
		this.#host = host;
		this.#entries = new Entries(host);
	}

	/** Nobody moves here, and nothing of this instance is there. */
	get isEmpty(): boolean {
		return this.movers.size === 0 && this.own().length === 0;
	}

	list(): Cursor[] {
		return this.#entries.all().map(({ cursor }) => cursor);
	}

	/** Those that this instance has put there. */
	own(): Cursor[] {
		const entries = this.#entries.all().filter(({ isRemote }) => !isRemote);
		return entries.map(({ cursor }) => cursor);
	}

	/** Takes a move of a client; what it replaces is never looked at. */
	offer(mover: Mover, data: unknown): void {
		mover.next = data;
		if (!mover.isWaiting) {
			mover.isWaiting = true;
			this.#waiting.push(mover);
		}
		this.#turn(mover.options.interval);
	}

	/**
	 * Puts a cursor of the server's own.
	 *
	 * @throws {LiveError} SERVICE_UNAVAILABLE where there is no room.
	 * @throws {RealtimeError} RT_VALUE_UNSERIALIZABLE for what is more than JSON.
	 */
	put({ data, ...identity }: Cursor, interval: number): void {
		this.#put(identity, headOf(identity), readPlain(this.#host.values, data));
		this.#turn(interval);
	}

	/** Takes a cursor away. */
	remove(key: string, interval: number): void {
		if (this.#remove(key)) this.#turn(interval);
	}

	/** The mover moves no more: its cursor goes, and what it sent last. */
	leave(mover: Mover): void {
		const { identity, options } = mover;
		this.movers.delete(identity.key);
		mover.isWaiting = false;
		this.remove(identity.key, options.interval);
		if (this.#stop === undefined) this.#host.idle(this);
	}

	/** Takes the cursors of this instance away that were put there before `time` or then. */
	sweep(time: number, interval: number): void {
		for (const { at, isRemote, cursor } of this.#entries.all()) {
			if (at <= time && !isRemote) this.remove(cursor.key, interval);
		}
	}

	/** Takes away what this instance has put there, tells it at once, and tells nothing after that. */
	close(): void {
		for (const { key } of this.own()) this.#remove(key);
		this.#tell();
		this.forget();
	}

	/** Forgets everything, and tells nobody. */
	forget(): void {
		for (const { cursor } of this.#entries.all()) this.#entries.remove(cursor.key);
		this.#stop?.();
		this.#stop = () => {};
	}

	// --- other instances ---

	/** Takes an event of another instance over. */
	hear(event: string, data: unknown): void {
		for (const item of Array.isArray(data) ? (data as unknown[]) : [data]) {
			const key = event === 'remove' ? (item as string) : (item as Cursor).key;
			for (const keys of this.#listening) keys.add(key);
			if (event === 'remove') this.#forget(key);
			else if (event === 'update') this.#adopt(item as Cursor);
		}
	}

	/** Notes the keys that other instances speak of, until the result is called. */
	listen(): () => ReadonlySet<string> {
		const keys = new Set<string>();
		this.#listening.add(keys);
		return () => {
			this.#listening.delete(keys);
			return keys;
		};
	}

	/**
	 * What a list of the cursors of all instances says that is not known here.
	 *
	 * @param newer Keys of which something newer is known than the list can say.
	 */
	compare(
		cursors: readonly Cursor[],
		newer: ReadonlySet<string>
	): { puts: readonly Cursor[]; removes: readonly string[] } {
		const listed = new Set(cursors.map(({ key }) => key));
		const puts = cursors.filter(({ data, ...identity }) => {
			const known = this.#entries.get(identity.key);
			if (newer.has(identity.key) || known?.isRemote === false) return false;
			const { json } = readPlain(this.#host.values, data);
			return known?.json !== `${headOf(identity)}${json}}`;
		});
		const gone = this.#entries
			.all()
			.filter(({ cursor: { key }, isRemote }) => isRemote && !listed.has(key) && !newer.has(key));
		return { puts, removes: gone.map(({ cursor }) => cursor.key) };
	}

	/** One that finds no room is told of like any other, and not shown to who comes later. */
	#adopt({ data, ...identity }: Cursor): void {
		try {
			const read = readPlain(this.#host.values, data);
			this.#entries.put(identity, headOf(identity), read).isRemote = true;
		} catch (error) {
			if (!isLiveError(error)) throw error;
		}
	}

	// --- this instance ---

	/** Tells what has changed, unless an interval runs; then it is told at its end. */
	#turn(interval: number): void {
		if (this.#stop !== undefined) return;
		const waiting = this.#waiting;
		this.#waiting = [];
		for (const mover of waiting) if (mover.isWaiting) this.#settle(mover);
		this.#tell();
		this.#stop = this.#host.clock.after(interval, () => {
			this.#stop = undefined;
			const isDue = this.#waiting.length + this.#changed.length + this.#removed.size > 0;
			if (isDue) this.#turn(interval);
			else this.#host.idle(this);
		});
	}

	#tell(): void {
		const puts = this.#changed.filter(({ isNew }) => isNew);
		const removes = [...this.#removed];
		for (const entry of puts) entry.isNew = false;
		this.#changed = [];
		this.#removed.clear();
		if (puts.length + removes.length > 0) this.#host.tell(this.topic, puts, removes);
	}

	/** Looks at the newest move of a client. */
	#settle(mover: Mover): void {
		const { next, identity, head, options } = mover;
		const { values, bounds } = this.#host;
		mover.next = undefined;
		mover.isWaiting = false;
		try {
			if (next === undefined || next === null) this.#remove(identity.key);
			else this.#put(identity, head, readMove(values, next, options, bounds.dataBytes));
			mover.refused = undefined;
		} catch (error) {
			this.#host.refuse(mover, error);
		}
	}

	#put(identity: Identity, head: string, read: Read): void {
		const entry = this.#entries.put(identity, head, read);
		entry.isRemote = false;
		if (entry.isNew) return;
		entry.isNew = true;
		this.#changed.push(entry);
		this.#removed.delete(identity.key);
	}

	#remove(key: string): boolean {
		const isThere = this.#forget(key);
		if (isThere) this.#removed.add(key);
		return isThere;
	}

	#forget(key: string): boolean {
		const entry = this.#entries.remove(key);
		if (entry === undefined) return false;
		entry.isNew = false;
		return true;
	}
}
