/** Why the server lets nobody in: asked over HTTP, since a browser keeps the answer to an upgrade. */

import { ASK_HEADER } from '../asking.ts';
import type { Closed } from './connection.ts';

/** Of a connection that the server would take, and that something on the way to it does not let pass. */
const BLOCKED = 'UPGRADE_BLOCKED';

/** Why the server did not let the client in, in its own words. */
export interface Refused {
	readonly code: string;
	readonly reason: string;
	/** Milliseconds after which the client tries again. */
	readonly retryAfter?: number;
}

/** What asking has come to: neither, where nobody answers. */
export interface Answer {
	/** Why the server would refuse the upgrade: it need not be tried. */
	readonly refused?: Refused | undefined;
	/** Why the upgrade that is tried next fails, if it fails without an answer. */
	readonly doubt?: Refused | undefined;
}

/** Said once: it is the same for every attempt. */
const said = new Set<string>();

const CUT =
	'The server lets this page in, and sets cookies as it does; still no connection holds. Some ' +
	'proxies (Cloudflare Tunnel is one) cut a connection whose 101 answer sets cookies. ' +
	'configure({ auth: true }) has them set over HTTP before each upgrade.';

const ADVICE =
	'Goes on trying. Where the proxy is yours, have it pass upgrades on; for nginx: ' +
	'proxy_http_version 1.1, and the headers Upgrade and Connection.';

/**
 * Asks once what an upgrade would be answered.
 *
 * @param url Of the WebSocket.
 * @param protocols The subprotocols that it would offer.
 * @param closed How the last attempt ended: what it was found to have failed of is put into the log.
 */
export async function ask(
	url: string,
	protocols: readonly string[] = [],
	closed?: Closed
): Promise<Answer> {
	const { code, reason } = closed?.refused ?? {};
	if (code === BLOCKED) warn(reason === CUT ? CUT : `${reason} ${ADVICE}`);
	try {
		const response = await fetch(url.replace('ws', 'http'), {
			headers: { [ASK_HEADER]: protocols.join() || '1' },
			cache: 'no-store'
		});
		const answer = await response.json().catch(nothing);
		if (typeof answer?.code === 'string') return { refused: answer as Refused };
		if (answer?.setsCookies) {
			warn(CUT);
			return { doubt: { code: BLOCKED, reason: CUT } };
		}
		const { ok, status } = response;
		// With more a proxy says that its server is away, or restarts.
		if (status < 500) return { doubt: blocked(url, answer && ok, status) };
	} catch {
		// Nobody is there: the usual waits are all there is to do.
	}
	return {};
}

const nothing = (): undefined => {};

/** @param isOurs Whether the server itself has answered, and would let this page in. */
function blocked(url: string, isOurs: boolean, status: number): Refused {
	const reason = isOurs
		? `The server answers over HTTP, and no WebSocket to ${url} opens: a proxy on the way does not pass the upgrade on.`
		: `No WebSocket to ${url} opens, and what answers there with ${status} is not its server: a proxy leads elsewhere, or the site is served without it.`;
	return { code: BLOCKED, reason };
}

function warn(text: string): void {
	if (!said.has(text)) console.warn(`[svelte-realtime] ${text}`);
	said.add(text);
}
