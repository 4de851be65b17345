/** Whom this instance's connections stand for, in which topics, and for how long after they have gone. */

import { LiveError, type Clock, type Connection, type ValueCodec } from 'svelte-realtime/kernel';
import { memberKey } from './key.ts';
import type { Member } from './port.ts';

export interface MembersOptions {
	readonly clock: Clock;
	readonly values: ValueCodec;
	/** Connections in topics, and members in grace, that there can be at once. */
	readonly entries: number;
	/** Milliseconds that a member stays after its last connection has gone. */
	readonly grace: number;
	/** Bytes of a member's data, and of its state. */
	readonly bytes: number;
	/** There was no room for `connection`. */
	readonly limited: (connection: Connection) => void;
	/** How a member is to be shown from now on; `null`: not at all. */
	readonly show: (topic: string, key: string, member: Member | null) => void;
}

/** A value as it is kept: a copy that nobody else has, and its text, to be compared. */
interface Kept {
	readonly value: unknown;
	readonly text: string;
}

/** One connection in one topic. */
interface Ref {
	readonly connection: Connection;
	readonly topic: string;
	/** How often it has joined and not left. */
	joins: number;
	/** How often it watches: it may say something about itself before it is listed. */
	watches: number;
	data: Kept;
	state: Kept | undefined;
	/** While it is listed. */
	held: Held | undefined;
}

/** One member, for as long as this instance has it. */
interface Held {
	readonly topic: string;
	readonly key: string;
	/** Those that stand for it; the one used last is the last one. None while it is in grace. */
	readonly refs: Set<Ref>;
	/** How it is shown. */
	text: string;
	member: Member;
	endGrace: () => void;
}

const NOTHING: Kept = { value: undefined, text: '' };

export class Members {
	readonly #options: MembersOptions;
	readonly #refs: Map<Connection, Map<string, Ref>> = new Map();
	readonly #topics: Map<string, Map<string, Held>> = new Map();
	/** Members in grace, those that have been there longest first. */
	readonly #graced: Set<Held> = new Set();
	#listed: number = 0;

	constructor(options: MembersOptions) {
		this.#options = options;
	}

	/** Connections in topics, and members in grace. */
	get size(): number {
		return this.#listed + this.#graced.size;
	}

	/** @throws {LiveError} SERVICE_UNAVAILABLE where there is no room, PAYLOAD_TOO_LARGE. */
	join(topic: string, connection: Connection, data: unknown): void {
		if (!connection.isOpen) return;
		const kept = this.#keep(data, 'data');
		const key = memberKey(connection);
		const known = this.#refs.get(connection)?.get(topic);
		if (!known?.held) this.#makeRoom(topic, key, connection);
		const ref = this.#open(topic, connection);
		ref.joins += 1;
		ref.data = kept;
		this.#list(ref, key);
	}

	/** @returns false where the connection is not listed. */
	update(topic: string, connection: Connection, data: unknown): boolean {
		const ref = this.#find(topic, connection);
		if (!ref?.held) return false;
		ref.data = this.#keep(data, 'data');
		this.#list(ref, ref.held.key);
		return true;
	}

	/** @returns false where the connection is neither listed nor watching. */
	setState(topic: string, connection: Connection, state: unknown): boolean {
		const ref = this.#find(topic, connection);
		if (ref === undefined) return false;
		ref.state = state === undefined || state === null ? undefined : this.#keep(state, 'state');
		if (ref.held) this.#list(ref, ref.held.key);
		return true;
	}

	leave(topic: string, connection: Connection): void {
		const ref = this.#find(topic, connection);
		if (!ref || ref.joins === 0) return;
		ref.joins -= 1;
		if (ref.joins === 0) this.#unlist(ref);
		this.#close(ref);
	}

	watch(topic: string, connection: Connection): () => void {
		if (!connection.isOpen) return () => {};
		const ref = this.#open(topic, connection);
		ref.watches += 1;
		let isOver = false;
		return () => {
			if (isOver) return;
			isOver = true;
			ref.watches -= 1;
			if (this.#find(topic, connection) === ref) this.#close(ref);
		};
	}

	/** The connection is gone. */
	drop(connection: Connection): void {
		const refs = this.#refs.get(connection);
		this.#refs.delete(connection);
		for (const ref of refs?.values() ?? []) this.#unlist(ref);
	}

	/** Drops the connections that have gone without a word. */
	probe(): void {
		for (const connection of [...this.#refs.keys()]) if (!connection.isOpen) this.drop(connection);
	}

	/** Shows all members once more. */
	showAll(): void {
		for (const [topic, members] of this.#topics) {
			for (const { key, member } of members.values()) this.#options.show(topic, key, member);
		}
	}

	/** All members leave at once. */
	clear(): void {
		for (const members of [...this.#topics.values()])
			for (const held of [...members.values()]) this.#remove(held);
		this.#refs.clear();
		this.#listed = 0;
	}

	#find(topic: string, connection: Connection): Ref | undefined {
		return this.#refs.get(connection)?.get(topic);
	}

	#open(topic: string, connection: Connection): Ref {
		let refs = this.#refs.get(connection);
		if (refs === undefined) this.#refs.set(connection, (refs = new Map()));
		let ref = refs.get(topic);
		if (ref === undefined) {
			const unused = { joins: 0, watches: 0, data: NOTHING, state: undefined, held: undefined };
			refs.set(topic, (ref = { connection, topic, ...unused }));
		}
		return ref;
	}

	#close({ connection, topic, joins, watches }: Ref): void {
		if (joins + watches > 0) return;
		const refs = this.#refs.get(connection);
		refs?.delete(topic);
		if (refs?.size === 0) this.#refs.delete(connection);
	}

	/** Those in grace make room, the oldest first; then there is none. */
	#makeRoom(topic: string, key: string, connection: Connection): void {
		const { entries, limited } = this.#options;
		// A member that comes back takes its own place.
		const own = this.#topics.get(topic)?.get(key);
		if (this.size < entries || (own && this.#graced.has(own))) return;
		for (const oldest of this.#graced) {
			this.#remove(oldest);
			return;
		}
		limited(connection);
		throw new LiveError('SERVICE_UNAVAILABLE', 'There is no room for another member.');
	}

	/** The connection stands for its member, as the one used last. */
	#list(ref: Ref, key: string): void {
		const members = this.#topics.get(ref.topic) ?? new Map<string, Held>();
		this.#topics.set(ref.topic, members);
		let held = members.get(key);
		if (held === undefined) {
			const { topic } = ref;
			held = { topic, key, refs: new Set(), text: '', member: { key, data: null }, endGrace: idle };
			members.set(key, held);
		}
		if (this.#graced.delete(held)) held.endGrace();
		if (ref.held === undefined) this.#listed += 1;
		ref.held = held;
		held.refs.delete(ref);
		held.refs.add(ref);
		this.#show(held, ref, ref.state ?? lastState(held.refs));
	}

	#unlist(ref: Ref): void {
		const { held } = ref;
		if (held === undefined) return;
		ref.held = undefined;
		held.refs.delete(ref);
		this.#listed -= 1;
		const rest = [...held.refs].at(-1);
		if (rest) return this.#show(held, rest, lastState(held.refs));
		if (this.#options.grace === 0) return this.#remove(held);
		this.#graced.add(held);
		held.endGrace = this.#options.clock.after(this.#options.grace, () => this.#remove(held));
	}

	#remove(held: Held): void {
		const { topic, key } = held;
		held.endGrace();
		this.#graced.delete(held);
		const members = this.#topics.get(topic);
		members?.delete(key);
		if (members?.size === 0) this.#topics.delete(topic);
		this.#options.show(topic, key, null);
	}

	#show(held: Held, { data }: Ref, state: Kept | undefined): void {
		const text = `${data.text}\n${state?.text ?? ''}`;
		if (held.text === text) return;
		held.text = text;
		const { topic, key } = held;
		held.member = { key, data: data.value, ...(state && { state: state.value }) };
		this.#options.show(topic, key, held.member);
	}

	/** @throws {LiveError} PAYLOAD_TOO_LARGE */
	#keep(value: unknown, what: string): Kept {
		const { values, bytes } = this.#options;
		const encoded = values.encode(value ?? {}, `the ${what} of a member`);
		const json = encoded.json!;
		if (Buffer.byteLength(json) > bytes) {
			const message = `The ${what} of a member takes at most ${bytes} bytes.`;
			throw new LiveError('PAYLOAD_TOO_LARGE', message);
		}
		return { value: values.read(encoded), text: json };
	}
}

/** What the connection used last, of those that say something, says about the member. */
function lastState(refs: ReadonlySet<Ref>): Kept | undefined {
	let last: Kept | undefined;
	for (const { state } of refs) last = state ?? last;
	return last;
}

function idle(): void {}
