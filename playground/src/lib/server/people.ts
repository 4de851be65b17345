/** Who can sign in. A real app asks for more than a name; what follows from it is the same. */

import { createHash, randomBytes } from 'node:crypto';
import type { Visitor } from '../model';
import { records } from './records';

/** The cookie of whoever has signed in. It is a secret. */
export const SESSION = 'session';

export const PEOPLE: readonly Visitor[] = [
	{ id: 'ada', name: 'Ada', hue: 300, role: 'member' },
	{ id: 'grace', name: 'Grace', hue: 160, role: 'admin' }
];

/** By a hash of its secret. Without Redis they end with the server. */
const sessions = records<{ id: string; person: string }>('sessions', {
	most: 10_000,
	full: 'drop oldest'
});

const hash = (secret: string): string => createHash('sha256').update(secret).digest('base64url');

/** Begins a session, and returns its secret; `undefined` where there is nobody of that id. */
export async function signIn(id: string): Promise<string | undefined> {
	const person = PEOPLE.find((one) => one.id === id);
	if (!person) return undefined;
	const secret = randomBytes(16).toString('base64url');
	await sessions.add({ id: hash(secret), person: id });
	return secret;
}

/** Whose session it is; nobody's for as long as that cannot be found out. */
export async function personOf(secret: string | undefined): Promise<Visitor | undefined> {
	if (secret === undefined) return undefined;
	const session = await sessions.find(hash(secret)).catch(() => undefined);
	return PEOPLE.find(({ id }) => id === session?.person);
}

export async function signOut(secret: string): Promise<void> {
	await sessions.remove(hash(secret));
}

/** Ends all sessions of somebody. */
export async function signOutEverywhere(id: string): Promise<void> {
	const own = (await sessions.list()).filter(({ person }) => person === id);
	await Promise.all(own.map((session) => sessions.remove(session.id)));
}
