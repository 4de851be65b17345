/** Who has a place in a group. */

import type { Member } from 'svelte-realtime/plugins/presence';
import type { GroupMember } from './options.ts';

/** Milliseconds that a place is kept for somebody who has been let in and has not come yet. */
export const SEAT = 10_000;

/** One member's place. It is free when nobody has it, nobody is listed and nobody is expected. */
export interface Place {
	/** Connections of this instance. */
	refs: number;
	/** As presence tells of it, also while it is in grace. */
	listed: GroupMember | undefined;
	/** Until when somebody is expected. */
	seat: number;
}

/** By the key of the member. */
export type Places = Map<string, Place>;

const TAKEN: Place = { refs: 1, listed: undefined, seat: 0 };

/** A member's place, made where it has none. */
export function placeOf(places: Places, key: string): Place {
	let place = places.get(key);
	if (place === undefined) places.set(key, (place = { refs: 0, listed: undefined, seat: 0 }));
	return place;
}

/** Lets go of those that are free. */
export function free(places: Places, keys: Iterable<string>, now: number): void {
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
