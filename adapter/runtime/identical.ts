/** Which requests are the same question, and what of an answer, or of its making, is for one alone. */

import type { RequestHeaders } from './env.ts';
import type { Head, Incoming } from './front.ts';

/** Characters of a key; a longer question is answered by itself. */
const LONGEST = 4096;

/** Whoever sends one of these is somebody, sends something, or wants something else than the page. */
const OWN = new Set([
	'authorization',
	'content-length',
	'cookie',
	'expect',
	'if-match',
	'if-modified-since',
	'if-none-match',
	'if-range',
	'if-unmodified-since',
	'proxy-authorization',
	'range',
	'transfer-encoding'
]);

/**
 * What is another one for each visitor, or for each request, and what hardly any page looks at. It is
 * no part of the question as long as the page does not read it, which is watched; and so are all the
 * `sec-` headers of browsers.
 */
const VISITORS = new Set([
	// Where somebody is, in the words of proxies.
	...['client-ip', 'forwarded', 'true-client-ip', 'x-client-ip', 'x-cluster-client-ip'],
	...['x-forwarded-for', 'x-original-forwarded-for', 'x-real-ip', 'cf-connecting-ip'],
	...['cf-connecting-ipv6', 'do-connecting-ip', 'fastly-client-ip', 'fly-client-ip'],
	...['x-appengine-user-ip', 'x-azure-clientip', 'x-envoy-external-address'],
	...['x-nf-client-connection-ip', 'x-vercel-forwarded-for'],
	// Which request it is.
	...['b3', 'baggage', 'cf-ray', 'fly-request-id', 'newrelic', 'sentry-trace', 'traceparent'],
	...['tracestate', 'x-amz-cf-id', 'x-amzn-trace-id', 'x-azure-ref', 'x-b3-parentspanid'],
	...['x-b3-sampled', 'x-b3-spanid', 'x-b3-traceid', 'x-cloud-trace-context'],
	...['x-correlation-id', 'x-datadog-parent-id', 'x-datadog-sampling-priority'],
	...['x-datadog-trace-id', 'x-nf-request-id', 'x-queue-start', 'x-request-id'],
	...['x-request-start', 'x-vercel-id'],
	// With which browser, from where, and how somebody has come.
	...['cache-control', 'connection', 'dnt', 'keep-alive', 'pragma', 'priority', 'purpose'],
	...['referer', 'te', 'upgrade-insecure-requests', 'user-agent']
]);

function isVisitors(name: string): boolean {
	return VISITORS.has(name) || name.startsWith('sec-');
}

/**
 * Two requests with one key are the same question; `undefined`: there is no other like it.
 *
 * @param origin Where it was sent to.
 * @param addressHeader Holds the visitor's address as well.
 */
export function keyOf(
	{ method, url, headers }: Incoming,
	origin: string | undefined,
	addressHeader: string | undefined
): string | undefined {
	if ((method !== 'GET' && method !== 'HEAD') || origin === undefined) return undefined;
	if (headers['accept']?.includes('text/event-stream')) return undefined;
	let key = `${method} ${origin}${url}`;
	for (const name in headers) {
		if (OWN.has(name)) return undefined;
		// What is not known to be without meaning may be a credential.
		if (!isVisitors(name) && name !== addressHeader) key += `\n${name}:${headers[name]}`;
	}
	return key.length > LONGEST ? undefined : key;
}

/** Whether an answer is for everybody with that question, as far as its head says. */
export function isForAll({ headers }: Head): boolean {
	return headers.every(([name, value]) => {
		if (name === 'set-cookie') return false;
		if (name === 'cache-control') return !/\b(?:private|no-store)\b/i.test(value);
		if (name === 'vary') {
			const names = value.toLowerCase().split(',');
			return names.every((one) => one.trim() !== '*' && !isVisitors(one.trim()));
		}
		if (name === 'content-type') return !/^text\/event-stream/i.test(value);
		// A nonce that a second visitor has is none any more.
		return !name.startsWith('content-security-policy') || !value.includes("'nonce-");
	});
}

// --- what a page reads of its request ---

const HELD = Symbol('held');

interface Held {
	readonly lines: readonly (readonly [name: string, value: string])[];
	readonly addressHeader: string | undefined;
	readonly noticed: () => void;
}

/** Tells when somebody looks at what is a visitor's own; that is also missing in copies until then. */
class WatchedHeaders extends Headers {
	declare [HELD]: Held | undefined;

	override get(name: string): string | null {
		look(this, name);
		return super.get(name);
	}
	override has(name: string): boolean {
		look(this, name);
		return super.has(name);
	}
	override set(name: string, value: string): void {
		look(this, name);
		super.set(name, value);
	}
	override append(name: string, value: string): void {
		look(this, name);
		super.append(name, value);
	}
	override delete(name: string): void {
		look(this, name);
		super.delete(name);
	}
	override forEach(...args: Parameters<Headers['forEach']>): void {
		look(this);
		super.forEach(...args);
	}
	override keys(): ReturnType<Headers['keys']> {
		look(this);
		return super.keys();
	}
	override values(): ReturnType<Headers['values']> {
		look(this);
		return super.values();
	}
	override entries(): ReturnType<Headers['entries']> {
		look(this);
		return super.entries();
	}
	override [Symbol.iterator](): ReturnType<Headers['entries']> {
		return this.entries();
	}
}

/** @param name `undefined`: at all of them. */
function look(headers: WatchedHeaders, name?: string): void {
	const held = headers[HELD];
	if (held === undefined) return;
	const asked = name === undefined ? undefined : String(name).toLowerCase();
	// That a header is not there is an answer too, which may be another one for the next visitor.
	if (asked !== undefined && !isVisitors(asked) && asked !== held.addressHeader) return;
	headers[HELD] = undefined;
	for (const [one, value] of held.lines) headers.append(one, value);
	held.noticed();
}

/**
 * Calls `noticed` when what is no part of the key is read from the headers of a request, which has it
 * from then on as if nothing had been.
 *
 * @param sent All that it came with.
 */
export function watchHeaders(
	headers: Headers,
	sent: RequestHeaders,
	addressHeader: string | undefined,
	noticed: () => void
): void {
	const lines: [string, string][] = [];
	for (const name in sent) {
		if (!isVisitors(name) && name !== addressHeader) continue;
		lines.push([name, sent[name]!]);
		headers.delete(name);
	}
	const watched = Object.setPrototypeOf(headers, WatchedHeaders.prototype) as WatchedHeaders;
	watched[HELD] = { lines, addressHeader, noticed };
}
