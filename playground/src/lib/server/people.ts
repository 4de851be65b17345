/** Who can sign in. A real app asks for more than a name; what follows from it is the same. */

import { randomBytes } from 'node:crypto';
import type { Visitor } from '../model';

/** The cookie of whoever has signed in. It is a secret. */
export const SESSION = 'session';

export const PEOPLE: readonly Visitor[] = [
	{ id: 'ada', name: 'Ada', hue: 300, role: 'member' },
	{ id: 'grace', name: 'Grace', hue: 160, role: 'admin' }
];

/** Whose session is whose; they end with the server. */
const sessions = new Map<string, Visitor>();

/** Begins a session, and returns its secret; `undefined` where there is nobody of that id. */
export function signIn(id: string): string | undefined {
	const person = PEOPLE.find((one) => one.id === id);
	if (!person) return undefined;
	const secret = randomBytes(16).toString('base64url');
	sessions.set(secret, person);
	return secret;
}

/** Whose session it is. */
export function personOf(secret: string | undefined): Visitor | undefined {
	return secret === undefined ? undefined : sessions.get(secret);
}

export function signOut(secret: string): void {
	sessions.delete(secret);
}

/** Ends all sessions of somebody. */
export function signOutEverywhere(id: string): void {
	for (const [secret, person] of sessions) if (person.id === id) sessions.delete(secret);
}
