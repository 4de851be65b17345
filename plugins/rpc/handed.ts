/** The calls that another instance has taken over: they were sent here first, and have not run here. */

import type { HandedWord } from './last-word.ts';
import type { Question, Told } from './repeats.ts';

/** Calls of one client that are taken over at the most. */
const CALLS = 1000;

/** Who has taken over a call. */
export interface Taker {
	/** The instance. */
	readonly to: string;
	/** Its question, which it may have to ask twice. */
	readonly ask: string;
}

interface Taking extends Taker {
	/** On which it was sent. */
	readonly connection: number;
}

/** What of one client was taken over. */
export interface Handed {
	readonly calls: Map<number, Taker>;
	/** The latest connection on which any of these was sent. */
	connection: number;
	isIdle: boolean;
}

export interface HandedOptions {
	/** Clients; past it the one that was asked about longest ago is forgotten. */
	readonly most: number;
	/** Nothing is known any more of what was sent on a connection up to this one. */
	forget(connection: number): void;
}

/** A call that was sent here. */
export interface Sent {
	/** The connection on which it was. */
	readonly connection: number;
	/** It may have run. */
	readonly isLost: boolean;
}

export interface HandedCalls {
	/** By the name of the client's session. */
	find(name: string): Handed | undefined;
	/** False where there is no room. */
	add(name: string, id: number, taking: Taking): boolean;
	/**
	 * What to say of a call that has left no trace here. From when it is `never` it is not run here,
	 * however late its frame comes in.
	 */
	tell(question: Question, from: string, sent: Sent): Told;
	/** All of it, for another instance. */
	words(): HandedWord[];
	/** Forgets of whom nothing was taken over since the last time. */
	sweep(): void;
}

export function createHanded({ most, forget }: HandedOptions): HandedCalls {
	const clients = new Map<string, Handed>();

	function remove(name: string, { connection }: Handed): void {
		clients.delete(name);
		forget(connection);
	}

	function add(name: string, id: number, { to, ask, connection }: Taking): boolean {
		const handed = clients.get(name) ?? { calls: new Map(), connection, isIdle: false };
		if (handed.calls.size >= CALLS) return false;
		handed.calls.set(id, { to, ask });
		handed.connection = Math.max(handed.connection, connection);
		handed.isIdle = false;
		clients.delete(name);
		clients.set(name, handed);
		if (clients.size > most) remove(...clients.entries().next().value!);
		return true;
	}

	return {
		find: (name) => clients.get(name),
		add,
		tell({ name, id, ask }, from, { connection, isLost }) {
			const known = clients.get(name)?.calls.get(id);
			// A question whose answer was lost is the same question still.
			if (known?.ask === ask) return { state: 'never' };
			if (known !== undefined) return { state: 'moved', to: known.to };
			if (isLost || !add(name, id, { to: from, ask, connection })) return { state: 'unknown' };
			return { state: 'never' };
		},
		words: () =>
			[...clients].map(([name, { connection, calls }]) => [name, connection, [...calls]]),
		sweep() {
			for (const [name, handed] of clients) {
				if (handed.isIdle) remove(name, handed);
				else handed.isIdle = true;
			}
		}
	};
}
