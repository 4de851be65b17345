/** Where a request ends, and whom it is for: what a proxy and this server must read in the same way. */

import type { RequestHeaders } from './env.ts';

/** Whether a header, its name in lower case, is one of those: they stand there once, or not at all. */
export function isFraming(name: string): boolean {
	// By its length first: no other header of a browser's is as long as one of these.
	switch (name.length) {
		case 0:
			return true;
		case 4:
			return name === 'host';
		case 14:
			return name === 'content-length';
		case 17:
			return name === 'transfer-encoding';
		default:
			return false;
	}
}

/** Whether one of them stands there again. */
export function isRepeated(names: readonly string[]): boolean {
	return names.some((name, index) => name === '' || names.indexOf(name) !== index);
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
