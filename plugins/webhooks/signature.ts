/** The signatures that most services put on what they post. */

import { createHmac, timingSafeEqual } from 'node:crypto';
import { systemClock } from 'svelte-realtime/kernel';

export interface SignatureOptions {
	/** The bytes, or the text, that were posted. */
	readonly body: string | Uint8Array;
	/** The header that holds the signature; without one nothing is genuine. */
	readonly header: string | null | undefined;
	readonly secret: string;
	/**
	 * What the header is: `t=…,v1=…`, a time in seconds and the signature of it, a dot and the body
	 * (Stripe); or `sha256=…`, the signature of the body alone (GitHub), which a listener can repeat
	 * for ever. HMAC of SHA-256, in hex. @default 'timed'
	 */
	readonly scheme?: 'timed' | 'plain';
	/** Milliseconds that the signed time may be away from now. @default 300000 */
	readonly tolerance?: number;
	/** Milliseconds since the Unix epoch. @default the machine's clock */
	readonly now?: number;
}

/**
 * Says whether a body bears a signature of `secret`, in a time that tells nothing of it.
 *
 * @example verify: ({ body, bytes, headers }) =>
 * 	verifySignature({ body: bytes, header: headers.get('stripe-signature'), secret }) && JSON.parse(body)
 */
export function verifySignature(options: SignatureOptions): boolean {
	const { body, header, secret, scheme = 'timed', tolerance = 5 * 60_000 } = options;
	if (typeof secret !== 'string' || secret === '' || typeof header !== 'string') return false;
	if (scheme === 'plain') {
		return isSame(header.replace(/^sha256=/, ''), createHmac('sha256', secret).update(body));
	}
	const fields = header.split(',').map((field) => field.trim().split('=', 2));
	const [time, ...more] = fields.filter(([name]) => name === 't').map(([, value]) => value ?? '');
	if (time === undefined || more.length > 0 || !/^\d{1,12}$/.test(time)) return false;
	const { now = systemClock.now() } = options;
	if (Math.abs(now - Number(time) * 1000) > tolerance) return false;
	// While a secret is replaced there are several.
	return fields
		.filter(([name]) => name === 'v1')
		.some(([, signature = '']) =>
			isSame(signature, createHmac('sha256', secret).update(`${time}.`).update(body))
		);
}

function isSame(signature: string, expected: ReturnType<typeof createHmac>): boolean {
	const own = expected.digest();
	const given = Buffer.from(signature, 'hex');
	return given.length === own.length && timingSafeEqual(given, own);
}
