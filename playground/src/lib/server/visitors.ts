/** Who somebody is: a guest with a made-up name, the same for as long as the browser keeps a cookie. */

import { createHash, randomBytes } from 'node:crypto';
import type { Visitor } from '../model';

/** The cookie that tells visitors apart. It is a secret; nobody else sees more than a hash of it. */
export const VISITOR = 'visitor';

const FIRST = ['Amber', 'Brisk', 'Calm', 'Clever', 'Dapper', 'Eager', 'Gentle', 'Jolly', 'Keen'];
const MORE = ['Lively', 'Merry', 'Nimble', 'Quiet', 'Sunny', 'Swift', 'Witty', 'Bold'];
const LAST = ['Badger', 'Crane', 'Dormouse', 'Finch', 'Hare', 'Heron', 'Ibis', 'Lynx', 'Marten'];
const REST = ['Newt', 'Otter', 'Plover', 'Raven', 'Stoat', 'Teal', 'Vole', 'Wren', 'Yak'];

export function newVisitor(): string {
	return randomBytes(16).toString('base64url');
}

/** The visitor with this cookie; `null` without one. */
export function visitorOf(secret: string | undefined): Visitor | null {
	if (!secret || secret.length > 64) return null;
	const hash = createHash('sha256').update(secret).digest();
	const pick = (words: readonly string[], at: number): string => words[hash[at]! % words.length]!;
	return {
		id: hash.toString('base64url', 0, 12),
		name: `${pick([...FIRST, ...MORE], 13)} ${pick([...LAST, ...REST], 14)}`,
		hue: Math.round(((hash[15]! * 256 + hash[16]!) / 65_536) * 360),
		role: 'guest'
	};
}
