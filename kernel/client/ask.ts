/** Why the server lets nobody in: asked over HTTP, since a browser keeps the answer to an upgrade. */

import { ASK_HEADER } from '../asking.ts';

/** Why the server did not let the client in, in its own words. */
export interface Refused {
	readonly code: string;
	readonly reason: string;
	/** Milliseconds after which the client tries again. */
	readonly retryAfter?: number;
}

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
		const refused = (await response.json()) as Refused;
		if (typeof refused.code === 'string') return refused;
	} catch {
		// The server is not there, or is none of ours: the usual waits are all there is to do.
	}
	return undefined;
}
