/** Why the server lets nobody in: asked over HTTP, since a browser keeps the answer to an upgrade. */

import { ASK_HEADER } from '../asking.ts';

/** Why the server did not let the client in, in its own words. */
export interface Refused {
	readonly code: string;
	readonly reason: string;
	/** Milliseconds after which the client tries again. */
	readonly retryAfter?: number;
}

/** Said once: it is the same for every attempt. */
let hasWarned = false;

const WARNING =
	'[svelte-realtime] The server lets this page in, and sets cookies as it does; still no connection ' +
	'holds. Some proxies (Cloudflare Tunnel is one) cut a connection whose 101 answer sets cookies. ' +
	'configure({ auth: true }) has them set over HTTP before each upgrade.';

/**
 * Asks once what an upgrade would be answered.
 *
 * @param url Of the WebSocket.
 * @param protocols The subprotocols that it would offer.
 * @returns nothing where it would not be refused, or where nobody answers.
 */
export async function ask(
	url: string,
	protocols: readonly string[] = []
): Promise<Refused | undefined> {
	try {
		const response = await fetch(url.replace('ws', 'http'), {
			headers: { [ASK_HEADER]: protocols.join() || '1' },
			cache: 'no-store'
		});
		const answer = (await response.json()) as Refused & { setsCookies?: boolean };
		if (typeof answer.code === 'string') return answer;
		if (answer.setsCookies && !hasWarned) console.warn(WARNING);
		hasWarned ||= answer.setsCookies === true;
	} catch {
		// The server is not there, or is none of ours: the usual waits are all there is to do.
	}
	return undefined;
}
