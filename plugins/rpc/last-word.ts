/** What an instance that ends leaves with another one, which answers for it what it is asked of calls. */

import { createHanded, type Taker } from './handed.ts';
import type { Question, Told } from './repeats.ts';

/** What an instance knew of the calls that it was sent. */
export interface LastWord {
	readonly instance: string;
	/** How many connections it has had. */
	readonly connections: number;
	/** Of whom no session is known, nothing is known that was sent on a connection up to this one. */
	readonly forgotten: number;
	readonly sessions: readonly SessionWord[];
	readonly handed: readonly HandedWord[];
	/** Milliseconds for which it is kept. */
	readonly rest: number;
}

/**
 * @property since As of a session.
 * @property highest No call above this id has come in; of one up to it that has no reply here nothing
 * is known.
 */
export type SessionWord = readonly [
	who: string,
	name: string,
	since: number,
	highest: number,
	replies: readonly (readonly [id: number, reply: string])[]
];

export type HandedWord = readonly [
	name: string,
	connection: number,
	calls: readonly (readonly [id: number, taker: Taker])[]
];

/** The last word of an instance, in the hands of another. */
export interface Book {
	/** Answers in its stead. */
	tell(question: Question, from: string): Told;
	/** What to leave with the next one. */
	word(): LastWord;
}

/** Replies of one instance that ends, in characters; with them all else that it leaves. */
export const SIZE: number = 2 * 1024 * 1024;
/** Characters of what is written around each reply, about. */
const AROUND = 16;

/** Which connection of an instance it is, counted from 1; 0 when it is not one of them. */
export function ordinalOf(id: unknown, instance: string, connections: number): number {
	if (typeof id !== 'string' || instanceOf(id) !== instance) return 0;
	const number = Number.parseInt(id.slice(instance.length + 1), 36);
	return number <= connections ? number : 0;
}

/** The instance whose connection it is. */
export function instanceOf(connection: string): string {
	return connection.slice(0, Math.max(0, connection.lastIndexOf('-')));
}

/** A session as it ends. */
export interface Ended {
	readonly word: readonly [who: string, name: string, since: number, highest: number];
	/** Which connection it was on last. */
	readonly connection: number;
	/** Its latest reply but so many; undefined where there are not as many. */
	reply(before: number): readonly [id: number, reply: string] | undefined;
}

/**
 * As much of what is known as there is room for: who left last comes first, and of everybody the
 * latest reply comes before anybody's second latest.
 *
 * @param sessions Those that matter most first.
 * @returns undefined where there is no room for what must not be left out.
 */
export function wordOf(
	facts: Omit<LastWord, 'sessions'>,
	sessions: Iterable<Ended>,
	size: number = SIZE
): LastWord | undefined {
	let room = size - JSON.stringify(facts.handed).length;
	if (room < 0) return undefined;
	let { forgotten } = facts;
	const kept: { readonly replies: (readonly [number, string])[]; readonly ended: Ended }[] = [];
	for (const ended of sessions) {
		const [who, name] = ended.word;
		const length = who.length + name.length + 2 * AROUND;
		// Once there is one that has no room, whoever comes after has none either.
		if (room < length) room = 0;
		room -= length;
		if (room >= 0) kept.push({ ended, replies: [] });
		else forgotten = Math.max(forgotten, ended.connection);
	}
	for (let before = 0, isLeft = true; isLeft && room > AROUND; before += 1) {
		isLeft = false;
		for (const { ended, replies } of kept) {
			const reply = ended.reply(before);
			if (reply === undefined) continue;
			isLeft = true;
			const length = reply[1].length + AROUND;
			if (length > room) continue;
			room -= length;
			replies.push(reply);
		}
	}
	const words = kept.map(({ ended, replies }): SessionWord => [...ended.word, replies]);
	return { ...facts, forgotten, sessions: words };
}

/** @param age Milliseconds since it was opened. */
export function openBook(word: LastWord, age: () => number): Book {
	const { instance, connections, forgotten } = word;
	const names = new Set<string>();
	const sessions = new Map<string, { readonly session: SessionWord; readonly replies: Replies }>();
	for (const session of word.sessions) {
		const [who, name, , , replies] = session;
		names.add(name);
		sessions.set(`${who} ${name}`, { session, replies: new Map(replies) });
	}
	const handed = createHanded({ most: Infinity, forget() {} });
	for (const [name, connection, calls] of word.handed)
		for (const [id, taker] of calls) handed.add(name, id, { ...taker, connection });

	return {
		tell(question, from) {
			const { key, name, id, via } = question;
			const known = sessions.get(key);
			const reply = known?.replies.get(id);
			if (reply !== undefined) return { state: 'done', reply };
			const connection = ordinalOf(via, instance, connections);
			const [, , since = 0, highest = 0] = known?.session ?? [];
			const isLost = known
				? id <= highest || connection <= since
				: names.has(name) || connection <= forgotten;
			return handed.tell(question, from, { connection, isLost });
		},
		word: () => ({ ...word, handed: handed.words(), rest: word.rest - age() })
	};
}

type Replies = ReadonlyMap<number, string>;
