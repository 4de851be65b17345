import { randomBytes } from 'node:crypto';

/** 72 random bits in 12 characters: for instances, epochs, and whatever nobody may guess by chance. */
export function randomId(): string {
	return randomBytes(9).toString('base64url');
}
