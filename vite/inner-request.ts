/** Requests that the dev or preview server asks of itself, without a network in between. */

import { randomUUID } from 'node:crypto';
import { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { expectRequest, NAME_HEADER } from '../adapter/hooks.ts';
import type { Answered, Respond } from '../adapter/runtime/visit.ts';

/** Vite's middlewares, SvelteKit's last among them. */
export type Middlewares = (
	request: IncomingMessage,
	response: ServerResponse,
	next: (error?: unknown) => void
) => void;

/**
 * Has SvelteKit answer through the middlewares of Vite, since there its server is nowhere else to be
 * had. The slot is found by a name that is known to this process only, and good for one request.
 */
export function innerResponder(middlewares: Middlewares): Respond {
	return async (request, slot, ip) => {
		const name = randomUUID();
		const forget = expectRequest(name, slot);
		try {
			return await ask(middlewares, incoming(request, name, ip));
		} finally {
			forget();
		}
	};
}

function incoming(request: Request, name: string, ip: string): IncomingMessage {
	const socket = new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() });
	const message = new IncomingMessage(Object.assign(socket, { remoteAddress: ip }) as Socket);
	const { pathname, search, host } = new URL(request.url);
	message.method = request.method;
	message.url = pathname + search;
	message.httpVersion = '1.1';
	message.headers = { ...Object.fromEntries(request.headers), host, [NAME_HEADER]: name };
	message.rawHeaders = Object.entries(message.headers).flat() as string[];
	message.complete = true;
	message.push(null);
	return message;
}

function ask(middlewares: Middlewares, request: IncomingMessage): Promise<Answered> {
	return new Promise((resolve, reject) => {
		const response = new ServerResponse(request);
		const sink = new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() });
		response.assignSocket(sink as Socket);
		const answered = (status: number): Answered => {
			const headers = new Headers();
			for (const [name, value] of Object.entries(response.getHeaders())) {
				if (value !== undefined) headers.set(name, String(value));
			}
			return { status, headers };
		};
		response.once('finish', () => resolve(answered(response.statusCode)));
		middlewares(request, response, (error) => {
			if (error === undefined || error === null) resolve(answered(404));
			else reject(error instanceof Error ? error : new Error(String(error)));
		});
	});
}
