/** The groups that this instance has members in, and who has a place there. */

import {
	chain,
	isLiveError,
	isThenable,
	randomId,
	type Clock,
	type Connection,
	type MaybePromise
} from 'svelte-realtime/kernel';
import type { Member, Presence } from 'svelte-realtime/plugins/presence';
import type { GroupFacts } from './options.ts';
import { free, placeOf, SEAT, toGroupMember, type Places } from './places.ts';
import type { GroupRecord, GroupStore } from './port.ts';

/** Stands before the name of a group where its members are listed. */
export const MEMBERS = 'group:';
/** Milliseconds from one time that an instance says which groups it has open to the next. */
export const HEARTBEAT = 30_000;
/** Milliseconds after which an instance that says nothing has none. */
const TTL = 90_000;

/** A group while it is open: from the first who is let in to the last who leaves, or to its end. */
export interface Group {
	readonly name: string;
	readonly facts: GroupFacts;
	/** As all instances have it. */
	record: GroupRecord;
	readonly meta: unknown;
	/** Who is listed now, once that is known. */
	members: () => readonly Member[];
	readonly places: Places;
	/** How often each connection has joined. */
	readonly connections: Map<Connection, number>;
	isClosed: boolean;
	stopListening: () => void;
}

export interface BookOptions {
	readonly clock: Clock;
	readonly presence: Presence;
	readonly store: GroupStore;
	readonly report: (error: unknown) => void;
	/** A group that was closed elsewhere, without this instance being told. */
	readonly ended: (group: Group) => void;
}

export class Book {
	readonly #options: BookOptions;
	readonly #groups: Map<string, Group> = new Map();
	/** Those that the store is asked for. */
	readonly #opening: Map<string, Promise<Group>> = new Map();
	/** What the store has not answered yet. */
	readonly #leaving: Set<Promise<void>> = new Set();

	constructor(options: BookOptions) {
		this.#options = options;
	}

	find(name: string): Group | undefined {
		return this.#groups.get(name);
	}

	/** The group, opened where it is not: as it is open on other instances, where it is. */
	open(name: string, facts: GroupFacts, meta: () => unknown): MaybePromise<Group> {
		const known = this.#groups.get(name) ?? this.#opening.get(name);
		if (known) return known;
		const fresh = { id: randomId(), meta: meta(), roles: facts.roles };
		const opened = this.#options.store.open(name, fresh, TTL);
		if (!isThenable(opened)) return this.#add(name, facts, opened);
		const opening = Promise.resolve(opened)
			.catch((error: unknown) => {
				// This instance goes on alone, and says so when it can.
				this.#fail(error);
				return fresh;
			})
			.then((record) => this.#groups.get(name) ?? this.#add(name, facts, record))
			.finally(() => this.#opening.delete(name));
		this.#opening.set(name, opening);
		return opening;
	}

	/** A group that was open here a moment ago. */
	reopen({ name, facts, record }: Group): Group {
		const known = this.#groups.get(name);
		if (known) return known;
		const group = this.#add(name, facts, record);
		this.#keep(group);
		return group;
	}

	#add(name: string, facts: GroupFacts, record: GroupRecord): Group {
		const group: Group = {
			name,
			facts,
			record,
			get meta() {
				return this.record.meta;
			},
			members: () => [],
			places: new Map(),
			connections: new Map(),
			isClosed: false,
			stopListening: () => {}
		};
		this.#groups.set(name, group);
		this.#listen(group);
		return group;
	}

	/**
	 * Keeps a place for a member; false where there is none.
	 *
	 * @throws {LiveError} SERVICE_UNAVAILABLE where it cannot be known.
	 */
	admit(group: Group, key: string): MaybePromise<boolean> {
		const { clock, presence } = this.#options;
		const { facts, name, places } = group;
		placeOf(places, key).seat = clock.now() + SEAT;
		if (facts.max === Infinity) return true;
		const refuse = (): void => {
			placeOf(places, key).seat = 0;
			this.#tidy(group, [key]);
		};
		const reserved = presence.reserve(MEMBERS + name, key, facts.max, SEAT);
		if (isThenable(reserved)) {
			return Promise.resolve(reserved).then(
				(isIn) => {
					if (!isIn) refuse();
					return isIn;
				},
				(error: unknown) => {
					refuse();
					throw error;
				}
			);
		}
		if (!reserved) refuse();
		return reserved as boolean;
	}

	join(group: Group, connection: Connection, key: string, data: unknown): void {
		this.#options.presence.join(MEMBERS + group.name, connection, data);
		const place = placeOf(group.places, key);
		place.refs += 1;
		place.seat = 0;
		group.connections.set(connection, (group.connections.get(connection) ?? 0) + 1);
	}

	leave(group: Group, connection: Connection, key: string): void {
		const joins = group.connections.get(connection);
		if (joins === undefined) return;
		if (joins > 1) group.connections.set(connection, joins - 1);
		else group.connections.delete(connection);
		this.#options.presence.leave(MEMBERS + group.name, connection);
		const place = group.places.get(key);
		if (place) place.refs -= 1;
		this.#tidy(group, [key]);
	}

	/** Whether somebody is a member, or is in grace. */
	has(name: string, key: string): boolean {
		const place = this.#groups.get(name)?.places.get(key);
		return place !== undefined && (place.refs > 0 || place.listed !== undefined);
	}

	/** Ends a group: its members leave. Who comes then opens it anew. */
	close(group: Group): void {
		group.isClosed = true;
		this.#forget(group);
		for (const [connection, joins] of group.connections) {
			for (let i = 0; i < joins; i += 1) {
				this.#options.presence.leave(MEMBERS + group.name, connection);
			}
		}
		group.connections.clear();
	}

	/** Frees the places of those who did not come. */
	sweep(): void {
		for (const group of [...this.#groups.values()]) this.#tidy(group, group.places.keys());
	}

	/** Says that the groups are open still. */
	keepAll(): void {
		for (const group of this.#groups.values()) this.#keep(group);
	}

	/** Resolves when the store knows that this instance has no group open. */
	clear(): Promise<unknown> {
		for (const group of [...this.#groups.values()]) this.#forget(group);
		return Promise.all(this.#leaving);
	}

	/** Who is a member is to be taken from the list: what has happened meanwhile is not known. */
	replaced(name: string): void {
		const group = this.#groups.get(name);
		if (!group) return;
		const members = group.members();
		const keys = new Set(members.map(({ key }) => key));
		const listed = [...group.places].filter(([, place]) => place.listed !== undefined);
		const gone = listed.map(([key]) => key).filter((key) => !keys.has(key));
		this.changed(name, members, gone);
	}

	/** Members have come, or gone, as presence tells of it. */
	changed(name: string, joins: readonly Member[], leaves: readonly string[]): void {
		const group = this.#groups.get(name);
		if (!group) return;
		const { onJoin, onLeave } = group.facts;
		for (const key of leaves) {
			const place = group.places.get(key);
			const member = place?.listed;
			if (!place || !member) continue;
			place.listed = undefined;
			this.tell(() => onLeave?.(member, group));
		}
		for (const member of joins) {
			const place = placeOf(group.places, member.key);
			const isNew = place.listed === undefined;
			const listed = (place.listed = toGroupMember(member));
			if (isNew) this.tell(() => onJoin?.(listed, group));
		}
		this.#tidy(group, leaves);
	}

	/** Who looks at the members is told of them, which is how this instance hears. */
	#listen(group: Group): void {
		const { presence, report } = this.#options;
		const following = chain(presence.follow(MEMBERS + group.name), ({ tail, value }) => {
			for (const member of value() as Member[]) {
				placeOf(group.places, member.key).listed = toGroupMember(member);
			}
			group.members = () => value() as readonly Member[];
			group.stopListening = () => tail.close();
			if (this.#groups.get(group.name) !== group) tail.close();
		});
		Promise.resolve(following).catch(report);
	}

	/** @param keys Whose places may be free now: it costs nothing for those who stay. */
	#tidy(group: Group, keys: Iterable<string>): void {
		free(group.places, keys, this.#options.clock.now());
		if (group.places.size === 0) this.#forget(group);
	}

	#forget(group: Group): void {
		if (this.#groups.get(group.name) !== group) return;
		this.#groups.delete(group.name);
		group.stopListening();
		this.#attempt(() => this.#options.store.leave(group.name, group.record.id));
	}

	#keep(group: Group): void {
		this.#attempt(() =>
			chain(this.#options.store.keep(group.name, group.record, TTL), (record) => {
				if (this.#groups.get(group.name) !== group) return;
				if (record) group.record = record;
				else this.#options.ended(group);
			})
		);
	}

	#attempt(task: () => MaybePromise<void>): void {
		try {
			const result = task();
			if (!isThenable(result)) return;
			const done = Promise.resolve(result).catch((error: unknown) => this.#fail(error));
			this.#leaving.add(done);
			void done.finally(() => this.#leaving.delete(done));
		} catch (error) {
			this.#fail(error);
		}
	}

	/** That a backend is out of reach is said by who provides it. */
	#fail(error: unknown): void {
		if (!isLiveError(error) || error.code !== 'SERVICE_UNAVAILABLE') this.#options.report(error);
	}

	/** Runs a handler of the app's, whose failure is nobody's but the operator's. */
	tell(task: () => MaybePromise<void>): void {
		const { report } = this.#options;
		try {
			Promise.resolve(task()).catch(report);
		} catch (error) {
			report(error);
		}
	}
}
