/** What a request, or the proxy before it, says of itself: whose it is, and where it was sent to. */

import { peerAddress } from './address.ts';
import type { RequestHeaders } from './env.ts';

// --- the address of the client ---

export interface AddressRule {
	/** In lower case; `undefined`: the peer itself is the client. */
	readonly header: string | undefined;
	readonly depth: number;
	/** Of the variable that names the header. */
	readonly name: string;
}

/** The address of the client, or what is wrong with the request. */
export function forwardedAddress(
	headers: RequestHeaders,
	socketAddress: string,
	rule: AddressRule
): string | Error {
	if (rule.header === undefined) return peerAddress(socketAddress);
	const value = headers[rule.header];
	if (!value) {
		return new Error(`${rule.name} is "${rule.header}", and the request has no such header.`);
	}
	if (rule.header !== 'x-forwarded-for') return value;
	const addresses = value.split(',');
	// Counted from the right: what stands further left may be the client's own invention.
	const address = addresses[addresses.length - rule.depth]?.trim();
	if (address) return address;
	return new Error(
		`XFF_DEPTH is ${rule.depth}, and x-forwarded-for holds ${addresses.length} addresses.`
	);
}

// --- the origin of the server ---

export interface OriginRules {
	/** Whatever the request says. */
	readonly fixed: string | undefined;
	/** Of a request whose proxy does not name one. */
	readonly protocol: 'http' | 'https';
	readonly protocolHeader: string | undefined;
	readonly hostHeader: string | undefined;
	readonly portHeader: string | undefined;
}

/** Tells the server's own origin; `undefined` where the request names no valid host. */
export function originReader(rules: OriginRules): (headers: RequestHeaders) => string | undefined {
	if (rules.fixed !== undefined) return () => rules.fixed;
	/** Parsing a URL is dear and hosts repeat; emptied when somebody sends ever new ones. */
	const known = new Map<string, string | undefined>();
	return (headers) => {
		const text = candidate(rules, headers);
		if (text === undefined) return undefined;
		if (known.has(text)) return known.get(text);
		if (known.size >= 256) known.clear();
		const origin = URL.canParse(text) ? new URL(text).origin : undefined;
		known.set(text, origin);
		return origin;
	};
}

function candidate(rules: OriginRules, headers: RequestHeaders): string | undefined {
	const protocol = (rules.protocolHeader && headers[rules.protocolHeader]) || rules.protocol;
	if (protocol !== 'http' && protocol !== 'https') return undefined;
	let host = (rules.hostHeader && headers[rules.hostHeader]) || headers['host'];
	if (!host || /[^\x21-\x7e]|[/\\@?#,]/.test(host)) return undefined;
	const port = rules.portHeader && headers[rules.portHeader];
	if (port) {
		if (!/^\d{1,5}$/.test(port)) return undefined;
		host = `${host.replace(/:\d*$/, '')}:${port}`;
	}
	return `${protocol}://${host}`;
}
