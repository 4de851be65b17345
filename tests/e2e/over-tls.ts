/** Requests, sockets and clients that come to a proxy with TLS, from an address that a test chooses. */

import { request as plain, type IncomingMessage } from 'node:http';
import { request as secure } from 'node:https';
import { connect } from 'node:http2';
import { createClient, type Client } from 'svelte-realtime/client';
import { WebSocket } from 'ws';

/** Nobody has signed the certificate of the fixture. */
const TLS = { rejectUnauthorized: false };

export interface Asking {
	readonly method?: string;
	readonly headers?: Readonly<Record<string, string>>;
	/** Of 127.0.0.0/8. @default '127.0.0.1' */
	readonly from?: string;
	/** Sent as it comes. */
	readonly body?: AsyncIterable<string | Uint8Array> | string;
}

export interface Answer {
	readonly status: number;
	readonly headers: IncomingMessage['headers'];
	/** What of the body is there already. */
	soFar(): string;
	/** Of the whole body. */
	text(): Promise<string>;
}

/** Asks, and comes back with the head of the answer. */
export async function ask(url: string, asking: Asking = {}): Promise<Answer> {
	const { method = 'GET', headers = {}, from, body } = asking;
	const send = url.startsWith('https') ? secure : plain;
	const request = send(url, {
		...TLS,
		method,
		headers,
		agent: false,
		family: 4,
		...(from && { localAddress: from })
	});
	const answered = new Promise<IncomingMessage>((resolve, reject) => {
		request.on('response', resolve).on('error', reject);
	});
	if (typeof body === 'string') request.write(body);
	else if (body) for await (const chunk of body) request.write(chunk);
	request.end();
	const response = await answered;
	let text = '';
	response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
	const ended = new Promise<string>((resolve, reject) => {
		response.on('end', () => resolve(text)).on('error', reject);
	});
	ended.catch(() => {});
	return {
		status: response.statusCode!,
		headers: response.headers,
		soFar: () => text,
		text: () => ended
	};
}

/** The status of a page, asked for over HTTP/2. */
export async function askHttp2(url: string): Promise<{ protocol: string; status: number }> {
	const { origin, pathname } = new URL(url);
	const session = connect(origin, TLS);
	try {
		const stream = session.request({ ':path': pathname });
		const status = await new Promise<number>((resolve, reject) => {
			stream.on('response', (headers) => resolve(headers[':status']!)).on('error', reject);
			session.on('error', reject);
		});
		return { protocol: session.alpnProtocol!, status };
	} finally {
		session.destroy();
	}
}

export interface Visiting {
	readonly headers?: Readonly<Record<string, string>>;
	readonly from?: string;
	/** Of the client. @default 25,000 */
	readonly heartbeat?: number;
}

/** A WebSocket with headers and an address, as a client takes it. */
function socketOf({ headers = {}, from }: Visiting): typeof WebSocket {
	return class extends WebSocket {
		constructor(address: string, protocols?: string | string[]) {
			super(address, protocols, {
				...TLS,
				headers,
				family: 4,
				...(from && { localAddress: from })
			});
		}
	} as typeof WebSocket;
}

/** A client of the app behind a proxy; its test closes it. */
export function visitor(url: string, visiting: Visiting = {}): Client {
	const { heartbeat = 25_000 } = visiting;
	const address = `${url.replace(/^http/, 'ws')}/ws`;
	return createClient({ url: address, WebSocket: socketOf(visiting), heartbeat });
}

/** What an upgrade is answered that does not come to a socket. */
export function refusalOf(url: string, visiting: Visiting = {}): Promise<number> {
	const socket = new (socketOf(visiting))(`${url.replace(/^http/, 'ws')}/ws`);
	return new Promise((resolve, reject) => {
		socket.on('unexpected-response', (request, { statusCode }) => {
			request.destroy();
			resolve(statusCode!);
		});
		socket.on('open', () => (socket.terminate(), reject(new Error('It has opened.'))));
		socket.on('error', reject);
	});
}
