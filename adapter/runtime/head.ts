/** Heads of answers, and the short answers that the server gives by itself. */

import { STATUS_CODES } from 'node:http';
import type { Head, Reply } from './front.ts';

/** What SvelteKit has handlers for. */
const METHODS = 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS';

/** A head with the usual reason phrase. */
export function head(status: number, headers: Head['headers'] = []): Head {
	return { status, reason: STATUS_CODES[status] ?? 'Unknown', headers };
}

/** A short answer of the server's own. */
export function sendText(reply: Reply, method: string, status: number, text?: string): void {
	const body = text ?? STATUS_CODES[status] ?? status;
	sendBody(reply, method, status, 'text/plain; charset=utf-8', `${body}\n`);
}

/** The same of any type. */
export function sendBody(
	reply: Reply,
	method: string,
	status: number,
	type: string,
	body: string
): void {
	const answer = head(status, [
		['content-type', type],
		['cache-control', 'no-store'],
		...(status === 405 ? [['allow', METHODS] as const] : [])
	]);
	if (method === 'HEAD') reply.send(answer, undefined, { length: Buffer.byteLength(body) });
	else reply.send(answer, body);
}
