/** How a token that says who connects travels: as a subprotocol, the one header that a page can set. */

const PREFIX = 'svelte-realtime.auth.';

/**
 * Writes the subprotocols that carry a token; percent-encoded, which leaves the usual kinds of token
 * as they are. The server answers with the first of them, which does not repeat the token.
 */
export function subprotocols(token: string | null | undefined): string[] | undefined {
	if (token == null) return undefined;
	// `encodeURIComponent` leaves parentheses, which no subprotocol may hold.
	return ['svelte-realtime', PREFIX + encodeURIComponent(token).replace(/[()]/g, escape)];
}

/** Reads the token out of a `sec-websocket-protocol` header; one that is not well formed is none. */
export function readToken(header: string = ''): string | undefined {
	const entry = header
		.split(',')
		.map((name) => name.trim())
		.find((name) => name.startsWith(PREFIX));
	try {
		return entry && decodeURIComponent(entry.slice(PREFIX.length));
	} catch {
		// Nobody who means well sends half an escape, and the gates refuse whom they do not know.
		return undefined;
	}
}
