/** The part of an upgrade that both transports share: ask the host, and word a refusal. */

import { STATUS_CODES, validateHeaderName, validateHeaderValue } from 'node:http';
import { ASK_HEADER } from '../../kernel/asking.ts';
import { messageOf, statusOf, type DenialCode } from '../../kernel/codes.ts';
import { chain, isThenable } from '../../kernel/run.ts';
import type { MaybePromise, UpgradeAnswer } from '../../kernel/transport.ts';
import type { Attachment } from './attachment.ts';

export type Accepted = Extract<UpgradeAnswer, { ok: true }>;
export type Refused = Extract<UpgradeAnswer, { ok: false }>;

/** What a transport copies from its native request before anything is awaited. */
export interface NativeRequest {
	/** Path and query, as sent. */
	readonly url: string;
	/** Names in lower case. */
	readonly headers: Record<string, string>;
	/** Address of the other end of the socket. */
	readonly address: string;
}

/**
 * Asks the host whether a request may become a connection. Never throws or rejects.
 *
 * @param how For the upgrade itself, or for a page that asks before it. @default 'upgrade'
 */
export function admit(
	attachment: Attachment,
	native: NativeRequest,
	how: 'upgrade' | 'preflight' = 'upgrade'
): MaybePromise<UpgradeAnswer> {
	const { url, headers } = native;
	let resolved: { ip: string; origin: string | undefined };
	try {
		resolved = attachment.resolve(headers, native.address);
	} catch {
		// A host or forwarded header that is no address: the client's (or a proxy's) fault alone.
		return refused('INVALID_REQUEST');
	}
	try {
		const answer = attachment.host[how]({ url, headers, ...resolved });
		if (!isThenable(answer)) return checked(answer);
		return (answer as Promise<UpgradeAnswer>).then(checked).catch(failed);
	} catch (error) {
		return failed(error);
	}
}

export function refused(code: DenialCode): Refused {
	return { ok: false, status: statusOf(code), code, reason: messageOf(code) };
}

/** Neither native layer looks at the headers of a 101, so a line break would go out as written. */
function checked(answer: UpgradeAnswer): UpgradeAnswer {
	if (!answer.ok) return answer;
	for (const [name, value] of Object.entries(answer.responseHeaders)) {
		validateHeaderName(name);
		validateHeaderValue(name, value);
	}
	for (const cookie of answer.setCookies ?? []) validateHeaderValue('set-cookie', cookie);
	return answer;
}

function failed(error: unknown): Refused {
	console.error(error);
	return refused('INTERNAL_ERROR');
}

/** Status line, headers and body of an answer in plain HTTP. */
export interface PlainAnswer {
	readonly status: string;
	readonly headers: readonly (readonly [name: string, value: string])[];
	readonly body: string;
}

/** The answer to an upgrade that is refused. */
export function refusal({ status, code, reason, retryAfter }: Refused): PlainAnswer {
	return {
		status: `${status} ${STATUS_CODES[status] ?? 'Refused'}`,
		headers: headersOf(retryAfter),
		body: JSON.stringify({ code, reason, retryAfter })
	};
}

function headersOf(retryAfter?: number): [string, string][] {
	const headers: [string, string][] = [
		['content-type', 'application/json'],
		['cache-control', 'no-store']
	];
	// HTTP counts in seconds.
	if (retryAfter !== undefined) headers.push(['retry-after', `${Math.ceil(retryAfter / 1000)}`]);
	return headers;
}

/** Says what an upgrade would be answered, to a page that its browser does not tell. */
export function answerAsk(
	attachment: Attachment,
	native: NativeRequest
): MaybePromise<PlainAnswer> {
	const headers = { ...native.headers, 'sec-websocket-protocol': native.headers[ASK_HEADER]! };
	const answer = admit(attachment, { ...native, headers });
	return chain(answer, (settled) => {
		if (!settled.ok) return refusal(settled);
		// Two attempts have failed before a page asks: a proxy may not let such an answer pass.
		const setsCookies = Object.keys(settled.responseHeaders).some(isSetCookie);
		const body = JSON.stringify({ setsCookies: setsCookies || undefined });
		return { status: '200 OK', headers: headersOf(), body };
	});
}

function isSetCookie(name: string): boolean {
	return name.toLowerCase() === 'set-cookie';
}

/** Headers of which Node keeps the first only when a request repeats them. */
const SINGLE = new Set(
	(
		'age authorization content-length content-type etag expires from host if-modified-since ' +
		'if-unmodified-since last-modified location max-forwards proxy-authorization referer ' +
		'retry-after server user-agent'
	).split(' ')
);

/** Adds a header to those of one request, joining repeated ones as Node does. */
export function addHeader(headers: Record<string, string>, name: string, value: string): void {
	const present = headers[name];
	if (present === undefined) headers[name] = value;
	else if (!SINGLE.has(name))
		headers[name] = `${present}${name === 'cookie' ? '; ' : ', '}${value}`;
}
