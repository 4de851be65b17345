/** The sessions of clients: what has to outlive a connection so that no call runs twice. */

import { LiveError, type Clock, type Connection } from 'svelte-realtime/kernel';
import { Caller } from './calls.ts';
import { createHanded, type Handed } from './handed.ts';
import { instanceOf, ordinalOf, wordOf, type Ended, type LastWord } from './last-word.ts';
import type { Question, Told } from './repeats.ts';
import { Results } from './results.ts';

export interface SessionOptions {
	/**
	 * Milliseconds that results are kept for a client that is gone, at the least; at the most twice
	 * as long. @default 300,000
	 */
	window?: number;
	/** Sessions at the most; past it the one that connected longest ago is forgotten. @default 100,000 */
	sessions?: number;
	/** Characters of the results of one session; past it its oldest are forgotten. @default 1,048,576 */
	sessionSize?: number;
	/** Characters of all results; past it whole sessions forget theirs. @default 67,108,864 */
	size?: number;
}

/** What a client says of itself when it introduces itself. */
export interface Introduction {
	readonly session: string;
	/** The highest id that it has to ask for again. */
	readonly last?: unknown;
	/** The connection on which it first sent any of those. */
	readonly via?: unknown;
}

/** Where a call is to be found: it has not run and may run here; nobody knows; another instance does. */
export type Whereabouts = 'here' | 'nowhere' | { readonly instance: string };

export interface Sessions {
	/** Finds the session again, or begins it, and moves it to this connection. */
	enter(connection: Connection, introduction: Introduction): Session;
	/** Keeps what a call came to. */
	keep(session: Session, id: number, reply: string): void;
	acknowledge(session: Session, id: unknown): void;
	/**
	 * Where to look for a call that has left no trace in its session.
	 *
	 * @param again As in its frame.
	 */
	find(session: Session, id: number, again: unknown): Whereabouts;
	/**
	 * What this instance knows of a call that was first sent to it, and that another one is asked for.
	 *
	 * @throws {LiveError} SERVICE_UNAVAILABLE once it has ended: another instance is to be asked.
	 */
	tell(question: Question, from: string): Told;
	/** The client of a session has left the connection. @param isOver It does not come back. */
	left(session: Session, isOver: boolean): void;
	/** Nothing is begun any more, and whoever asks is to ask somebody else, who is told this. */
	end(): LastWord | undefined;
	readonly isEnded: boolean;
	/** Resolves when a call that runs is over. */
	settled(question: Question): Promise<void>;
	/** How many there are. */
	count(): number;
	/** Characters of everything that is kept. */
	size(): number;
}

/** It has not left. */
const NEVER = Number.MAX_SAFE_INTEGER;

export class Session extends Caller {
	declare readonly results: Results;
	readonly key: string;
	/** What the client calls it, whoever it is. */
	readonly name: string;
	/** Nothing has happened since the last sweep. */
	isIdle: boolean = false;
	/** It is not to be found any more, and keeps nothing. */
	isForgotten: boolean = false;
	/** Of what was sent on a connection up to this one, nothing is known. */
	readonly since: number;
	/** The higher, the later its client has left; 0 for one that does not come back. */
	departure: number = NEVER;
	/** Its calls that another instance has taken over. */
	handed: Handed | undefined;

	constructor(
		connection: Connection,
		{ key, name, since }: Pick<Session, 'key' | 'name' | 'since'>,
		results: Results
	) {
		super(connection, results);
		this.key = key;
		this.name = name;
		this.since = since;
	}
}

export function createSessions(
	kernel: { readonly clock: Clock; readonly instanceId: string; readonly connectionCount: number },
	options: SessionOptions
): Sessions {
	const { clock, instanceId } = kernel;
	const { window = 5 * 60_000, sessions: most = 100_000 } = options;
	const { sessionSize = 1024 * 1024, size: mostSize = 64 * 1024 * 1024 } = options;
	// In the order in which they connected last.
	const sessions = new Map<string, Session>();
	/** By their names, how many of them there are: a client whose user changes has one for each. */
	const names = new Map<string, number>();
	let size = 0;
	// No session that is forgotten was met on a connection after this one. What was before this
	// plugin was set up, in a server that runs already, it cannot know.
	let forgottenUpTo = kernel.connectionCount;
	const forgetUpTo = (connection: number): void => {
		forgottenUpTo = Math.max(forgottenUpTo, connection);
	};
	const handed = createHanded({ most, forget: forgetUpTo });
	let departures = 0;
	let isEnded = false;

	/** Which connection of this process it is, counted from 1; 0 when it is not one of them. */
	function ordinal(id: unknown): number {
		return ordinalOf(id, instanceId, kernel.connectionCount);
	}

	/**
	 * A session that is not known is new, or lost with what ran in it. It is new for certain when its
	 * first unanswered call was sent to this process, later than any session was forgotten, and the
	 * client has not been somebody else here, as whom that call may have run.
	 */
	function begin(connection: Connection, key: string, introduction: Introduction): Session {
		const { session: name, last, via } = introduction;
		const isNew = last === undefined || (ordinal(via) > forgottenUpTo && !names.has(name));
		const forgotten = isNew ? -1 : typeof last === 'number' ? last : Infinity;
		// What was sent on this connection is this user's, whoever the client has been before.
		const since = names.has(name) ? ordinal(connection.id) - 1 : forgottenUpTo;
		names.set(name, (names.get(name) ?? 0) + 1);
		const results = new Results(forgotten, sessionSize);
		const session = new Session(connection, { key, name, since }, results);
		session.handed = handed.find(name);
		return session;
	}

	function measured(session: Session, change: () => void): void {
		const before = session.results.size;
		change();
		size += session.results.size - before;
	}

	function forget(session: Session): void {
		forgetUpTo(ordinal(session.connection.id));
		sessions.delete(session.key);
		const others = names.get(session.name)! - 1;
		if (others > 0) names.set(session.name, others);
		else names.delete(session.name);
		session.isForgotten = true;
		measured(session, () => session.results.forget());
		if (!session.connection.isOpen) session.abandon();
	}

	function sweep(): void {
		handed.sweep();
		for (const session of sessions.values()) {
			if (!session.isIdle) session.isIdle = true;
			else if (!session.connection.isOpen) forget(session);
			else measured(session, () => session.results.forget());
		}
	}
	clock.every(window, sweep);

	/** What is left of it for another instance. Of calls that still run nobody will know the outcome. */
	function ended({ key, name, since, results, connection }: Session): Ended {
		const { highest, acknowledged, forgotten } = results;
		const known = Math.min(Math.max(highest, acknowledged, forgotten), Number.MAX_SAFE_INTEGER);
		return {
			word: [key.slice(0, -name.length - 1), name, since, known],
			connection: ordinal(connection.id),
			reply: (before) => results.latest(before)
		};
	}

	return {
		enter(connection, introduction) {
			const key = `${identity(connection)} ${introduction.session}`;
			const session = sessions.get(key) ?? begin(connection, key, introduction);
			// What a connection that the client has left still had on its way comes too late.
			if (ordinal(session.connection.id) > ordinal(connection.id)) return session;
			session.connection = connection;
			session.departure = NEVER;
			session.isIdle = false;
			sessions.delete(key);
			sessions.set(key, session);
			if (sessions.size > most) forget(sessions.values().next().value!);
			return session;
		},
		keep(session, id, reply) {
			if (session.isForgotten) return;
			session.isIdle = false;
			size -= session.results.size;
			session.results.keep(id, reply);
			size += session.results.size;
			if (size <= mostSize) return;
			for (const oldest of sessions.values()) {
				if (size <= mostSize) return;
				measured(oldest, () => oldest.results.forget());
				sessions.delete(oldest.key);
				sessions.set(oldest.key, oldest);
			}
		},
		acknowledge: (session, id) => measured(session, () => session.results.acknowledge(id)),
		find(session, id, again) {
			const to = session.handed?.calls.get(id)?.to;
			if (again === undefined) return to === undefined ? 'here' : 'nowhere';
			if (id <= session.results.forgotten) return 'nowhere';
			if (typeof again !== 'string') return to === undefined ? 'here' : 'nowhere';
			if (to !== undefined) return { instance: to };
			const instance = instanceOf(again);
			if (instance !== instanceId) return { instance };
			return ordinal(again) > session.since ? 'here' : 'nowhere';
		},
		tell(question, from) {
			if (isEnded) throw new LiveError('SERVICE_UNAVAILABLE');
			const { key, name, id, via } = question;
			const session = sessions.get(key);
			const reply = session?.results.find(id);
			if (reply !== undefined) return { state: 'done', reply };
			const current = session?.running.get(id);
			// Who waits for another instance must not be waited for by that one.
			if (current !== undefined && !current.isElsewhere) return { state: 'running' };
			const connection = ordinal(via);
			const isLost =
				session === undefined
					? names.has(name) || connection <= forgottenUpTo
					: id <= Math.max(session.results.acknowledged, session.results.forgotten) ||
						connection <= session.since;
			const told = handed.tell(question, from, { connection, isLost });
			if (told.state === 'never' && session) session.handed = handed.find(name);
			return told;
		},
		left(session, isOver) {
			session.departure = isOver ? 0 : (departures += 1);
		},
		end() {
			isEnded = true;
			const { connectionCount: connections } = kernel;
			const facts = { instance: instanceId, connections, forgotten: forgottenUpTo };
			const byDeparture = [...sessions.values()].sort(
				(one, other) => other.departure - one.departure
			);
			return wordOf({ ...facts, handed: handed.words(), rest: window }, byDeparture.map(ended));
		},
		get isEnded() {
			return isEnded;
		},
		settled: async ({ key, id }) => sessions.get(key)?.running.get(id)?.settled,
		count: () => sessions.size,
		size: () => size
	};
}

/** Who it is, so that nobody is handed the results of somebody else who knows the session. */
function identity({ data: { user } }: Connection): string {
	const id: unknown =
		typeof user === 'object' && user !== null ? ((user as { id?: unknown }).id ?? '') : user;
	return JSON.stringify([typeof id, String(id ?? '')]);
}
