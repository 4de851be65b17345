/** Answers a page that asks over HTTP before it connects: who it is, and which cookies it gets. */

import { preflightPath } from '../../kernel/asking.ts';
import { chain } from '../../kernel/run.ts';
import type { MaybePromise } from '../../kernel/transport.ts';
import type { Attachment } from './attachment.ts';
import { admit, refusal, refused, type NativeRequest, type PlainAnswer } from './upgrade.ts';

type Headers = PlainAnswer['headers'];

/** Bytes of a body, which nobody reads. */
const BODY = 1024;
/** Seconds that a browser remembers what other origins may do. */
const REMEMBERED = 600;

/** Whether a request is for the place where pages ask. */
export function isPreflight(attachment: Attachment, url: string): boolean {
	return url.split('?', 1)[0] === preflightPath(attachment.path);
}

/** What a page may send, wherever it is from; only its origin decides whether it is let in. */
export function answerPreflight(
	attachment: Attachment,
	method: string,
	native: NativeRequest
): MaybePromise<PlainAnswer> {
	const { headers } = native;
	if (method !== 'POST' && method !== 'OPTIONS') return plain(405, [['allow', 'POST, OPTIONS']]);
	const cors = corsOf(attachment, native);
	if (cors === undefined) return refusal(refused('FORBIDDEN'));
	if (method === 'OPTIONS') return plain(204, [...cors, ...PERMISSIONS]);
	if (headers['transfer-encoding'] !== undefined) return plain(411, cors);
	const length = Number(headers['content-length'] ?? 0);
	if (!(length <= BODY)) return plain(413, cors);
	// What a form can send without asking is not what a page of ours sends.
	if (length > 0 && !/^application\/json\b/i.test(headers['content-type'] ?? '')) {
		return plain(415, cors);
	}
	// To the gates it is the upgrade that follows.
	const url = native.url.replace(/^[^?]*/, attachment.path);
	return chain(admit(attachment, { ...native, url }, 'preflight'), (answer) => {
		if (!answer.ok) {
			const told = refusal(answer);
			return { ...told, headers: [...told.headers, ...cors] };
		}
		const { responseHeaders, setCookies = [] } = answer;
		return plain(204, [
			...cors,
			...Object.entries(responseHeaders),
			...setCookies.map((cookie) => ['set-cookie', cookie] as const)
		]);
	});
}

const PERMISSIONS: Headers = [
	['access-control-allow-methods', 'POST'],
	['access-control-allow-headers', 'content-type'],
	['access-control-max-age', String(REMEMBERED)]
];

/** What lets a page of another origin read the answer; undefined where it may not even ask. */
function corsOf(attachment: Attachment, native: NativeRequest): Headers | undefined {
	const { headers, url } = native;
	const { origin } = headers;
	// Browsers name the origin of every POST, so this is none, or one that hides where it comes from.
	if (origin === undefined) return isHidden(headers) ? undefined : [];
	try {
		const own = attachment.resolve(headers, native.address);
		if (!attachment.host.allows({ url, headers, ...own })) return undefined;
	} catch {
		// The headers name no valid host: what it is told is the matter of whoever answers.
		return [];
	}
	return [
		['access-control-allow-origin', origin],
		['access-control-allow-credentials', 'true'],
		['vary', 'origin']
	];
}

function isHidden({ 'sec-fetch-site': site = 'none' }: NativeRequest['headers']): boolean {
	return site !== 'none' && site !== 'same-origin';
}

function plain(status: number, headers: Headers): PlainAnswer {
	const told = refusal({ ok: false, status, code: '', reason: '' });
	const [, ...rest] = told.headers;
	return { status: told.status, headers: [...rest, ...headers], body: '' };
}
