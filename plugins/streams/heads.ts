/** Telling a connection where its topics stand, so that it notices what it has lost. */

import { encode, type Connection, type Position } from 'svelte-realtime/kernel';
import type { Follower } from './follow.ts';
import type { Head } from './frames.ts';

/** Milliseconds from one connection's look to its next. Two of them are less than 15 s. */
const PERIOD = 7000;
/** Milliseconds: the connections are looked at in turns, not all at once. */
export const TURN = 1000;

/**
 * Sends the heads of those topics that the connection has not been told of since they last moved.
 *
 * @param quietOnly Leave out what moves: its next event shows the gap as well.
 */
export function tellHeads(
	connection: Connection,
	followers: Iterable<Follower>,
	quietOnly: boolean
): void {
	let heads: Map<string, Head> | undefined;
	const told: Follower[] = [];
	for (const follower of followers) {
		const { tail, seen } = follower;
		if (tail === undefined || follower.told === undefined) continue;
		const head = tail.head();
		const isQuiet = isSame(head, seen);
		if (!isQuiet) follower.seen = head;
		if (isSame(head, follower.told) || (quietOnly && !isQuiet)) continue;
		heads ??= new Map();
		heads.set(follower.topic, { topic: follower.topic, ...head });
		told.push(follower);
	}
	if (heads === undefined) return;
	const status = connection.send(encode({ type: 'stream:heads', heads: [...heads.values()] }));
	if (status === 'dropped') return;
	for (const follower of told) follower.told = follower.seen;
}

function isSame(one: Position, other: Position | undefined): boolean {
	return one === other || (one.seq === other?.seq && one.epoch === other.epoch);
}

/** Connections in as many parts as a period has turns. */
export interface Wheel {
	/** It must not be there yet. */
	add(connection: Connection): void;
	remove(connection: Connection): void;
	all(): Iterable<Connection>;
	/** The connections whose turn it is. */
	turn(): Iterable<Connection>;
}

export function createWheel(): Wheel {
	const parts = Array.from({ length: PERIOD / TURN }, () => new Set<Connection>());
	let added = 0;
	let turns = 0;
	return {
		add: (connection) => void parts[(added += 1) % parts.length]!.add(connection),
		// To remember of each where it is would take more than to look for it, once.
		remove: (connection) => void parts.some((part) => part.delete(connection)),
		all: () => parts.flatMap((part) => [...part]),
		turn: () => parts[(turns += 1) % parts.length]!
	};
}
