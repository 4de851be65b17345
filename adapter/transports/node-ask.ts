/** Answers the plain requests of an HTTP server of Node that ask about an upgrade. */

import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { ASK_HEADER } from '../../kernel/asking.ts';
import { chain } from '../../kernel/run.ts';
import type { Attachment } from './attachment.ts';
import { answerPreflight, isPreflight } from './preflight.ts';
import { answerAsk, type NativeRequest } from './upgrade.ts';

/** Who answers on each server, the latest last. */
const answering = new WeakMap<Server, Set<Attachment>>();

/**
 * Takes the requests with the header from a server, before its listeners see them: of several
 * listeners none can keep a request from the others.
 *
 * @returns stops it.
 */
export function answerAsks(server: Server, attachment: Attachment): () => void {
	let attachments = answering.get(server);
	if (attachments === undefined) {
		answering.set(server, (attachments = new Set()));
		intercept(server, attachments);
	}
	attachments.add(attachment);
	const known = attachments;
	return () => void known.delete(attachment);
}

function intercept(server: Server, attachments: ReadonlySet<Attachment>): void {
	const emit = server.emit.bind(server) as (name: string, ...args: unknown[]) => boolean;
	server.emit = (name: string, ...args: unknown[]): boolean => {
		if (name === 'request') {
			const [request, response] = args as [IncomingMessage, ServerResponse];
			const asked = attachmentOf(request, attachments);
			if (asked) {
				answer(asked, request, response);
				return true;
			}
		}
		return emit(name, ...args);
	};
}

function attachmentOf(
	{ method, url, headers }: IncomingMessage,
	attachments: ReadonlySet<Attachment>
): Attachment | undefined {
	const latest = [...attachments].reverse();
	const before = latest.find((attachment) => isPreflight(attachment, url ?? ''));
	if (before || method !== 'GET' || headers[ASK_HEADER] === undefined) return before;
	const path = url?.split('?', 1)[0];
	return latest.find((attachment) => attachment.path === path);
}

function answer(attachment: Attachment, request: IncomingMessage, response: ServerResponse): void {
	response.on('error', () => {
		// The page is gone, and nobody waits for the answer.
	});
	const { method = 'GET', url = '' } = request;
	const native = readRequest(request);
	const told = isPreflight(attachment, url)
		? answerPreflight(attachment, method, native)
		: answerAsk(attachment, native);
	request.resume();
	void chain(told, ({ status, headers, body }) => {
		const [code = '500', ...words] = status.split(' ');
		// What is still to come is not waited for.
		if (code === '411' || code === '413') response.setHeader('connection', 'close');
		response.writeHead(Number(code), words.join(' '), headers.flat() as string[]).end(body);
	});
}

/** What is known of a request without its body. */
export function readRequest(request: IncomingMessage): NativeRequest {
	const headers = Object.create(null) as Record<string, string>;
	for (const [name, value] of Object.entries(request.headers)) {
		if (value !== undefined) headers[name] = typeof value === 'string' ? value : value.join(', ');
	}
	return { url: request.url ?? '/', headers, address: request.socket.remoteAddress ?? '' };
}
