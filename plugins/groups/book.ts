/** The groups that this instance has members in, and who has a place there. */

import type { Clock, Connection, MaybePromise } from 'svelte-realtime/kernel';
import { chain } from 'svelte-realtime/kernel';
import type { Member, Presence } from 'svelte-realtime/plugins/presence';
import type { GroupFacts, GroupMember } from './options.ts';

/** Stands before the name of a group where its members are listed. */
export const MEMBERS = 'group:';
/** Milliseconds that a place is kept for somebody who has been let in and has not come yet. */
const SEAT = 10_000;

/** One member's place. It is free when nobody has it, nobody is listed and nobody is expected. */
interface Place {
	/** Connections of this instance. */
	refs: number;
	/** As presence tells of it, also while it is in grace. */
	listed: GroupMember | undefined;
	/** Until when somebody is expected. */
	seat: number;
}

/** A group while it is open: from the first who is let in to the last who leaves, or to its end. */
export interface Group {
	readonly name: string;
	readonly facts: GroupFacts;
	readonly meta: unknown;
	readonly places: Map<string, Place>;
	/** How often each connection has joined. */
	readonly connections: Map<Connection, number>;
	isClosed: boolean;
	stopListening: () => void;
}

export interface BookOptions {
	readonly clock: Clock;
	readonly presence: Presence;
	readonly report: (error: unknown) => void;
}

export class Book {
	readonly #options: BookOptions;
	readonly #groups: Map<string, Group> = new Map();

	constructor(options: BookOptions) {
		this.#options = options;
	}

	find(name: string): Group | undefined {
		return this.#groups.get(name);
	}

	/** The group, opened where it is not. */
	open(name: string, facts: GroupFacts, meta: () => unknown): Group {
		const known = this.#groups.get(name);
		if (known) return known;
		const none = { places: new Map(), connections: new Map(), isClosed: false };
		const group: Group = { name, facts, meta: meta(), ...none, stopListening: () => {} };
		this.#groups.set(name, group);
		this.#listen(group);
		return group;
	}

	/** Keeps a place for a member; false where there is none. */
	admit({ places, facts }: Group, key: string): boolean {
		const now = this.#options.clock.now();
		if (!places.has(key) && places.size >= facts.max) free(places, places.keys(), now);
		if (!places.has(key) && places.size >= facts.max) return false;
		placeOf(places, key).seat = now + SEAT;
		return true;
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

	clear(): void {
		for (const group of [...this.#groups.values()]) this.#forget(group);
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

const TAKEN: Place = { refs: 1, listed: undefined, seat: 0 };

function placeOf(places: Group['places'], key: string): Place {
	let place = places.get(key);
	if (place === undefined) places.set(key, (place = { refs: 0, listed: undefined, seat: 0 }));
	return place;
}

function free(places: Group['places'], keys: Iterable<string>, now: number): void {
	for (const key of keys) {
		const { refs, listed, seat } = places.get(key) ?? TAKEN;
		if (refs <= 0 && listed === undefined && seat <= now) places.delete(key);
	}
}

/** What presence has of a member, as those of a group see it. */
export function toGroupMember({ key, data }: Member): GroupMember {
	const { role, data: own } = data as { role: string; data?: unknown };
	return { key, role, data: own };
}
