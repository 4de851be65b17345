/** Where a request ends, and whom it is for: what a proxy and this server must read in the same way. */

import type { RequestHeaders } from './env.ts';

/** Headers that stand there once, or not at all. */
const ONCE: ReadonlySet<string> = new Set(['host', 'content-length', 'transfer-encoding']);

/**
 * Whether one more header makes a request unclear.
 *
 * @param headers Those before it, names in lower case.
 */
export function makesUnclear(headers: RequestHeaders, name: string): boolean {
	return name === '' || (headers[name] !== undefined && ONCE.has(name));
}

/**
 * Whether two readers of these headers can come to different requests: such a request is refused,
 * and its connection is not used again (RFC 9112, section 6.3; request smuggling).
 */
export function isUnclear(headers: RequestHeaders): boolean {
	const length = headers['content-length'];
	const coding = headers['transfer-encoding'];
	if (coding === undefined) return length !== undefined && !/^\d{1,15}$/.test(length);
	return length !== undefined || coding.toLowerCase() !== 'chunked';
}
