/** Clients to talk to a transport with. */

import { connect, type Socket as NetSocket } from 'node:net';
import { WebSocket, type ClientOptions as NativeOptions } from 'ws';
import { Inbox } from './inbox.ts';

export interface ClientOptions extends NativeOptions {
	/** Subprotocols to offer. */
	protocols?: string[];
}

/** A client of the `ws` package. */
export class Client {
	readonly ws: WebSocket;
	readonly messages: Inbox<string | Buffer> = new Inbox();
	readonly opened: Promise<void>;
	readonly closed: Promise<{ code: number; reason: string }>;
	/** Headers of the 101 answer. */
	headers: Readonly<Record<string, string | string[] | undefined>> = {};

	constructor(port: number, path: string = '/ws', options: ClientOptions = {}) {
		const { protocols = [], ...rest } = options;
		this.ws = new WebSocket(`ws://127.0.0.1:${port}${path}`, protocols, {
			perMessageDeflate: false,
			...rest
		});
		this.ws.on('upgrade', (response) => (this.headers = response.headers));
		this.ws.on('message', (data, isBinary) =>
			this.messages.push(isBinary ? (data as Buffer) : (data as Buffer).toString())
		);
		this.opened = new Promise((resolve, reject) => {
			this.ws.once('open', resolve);
			this.ws.on('error', reject);
		});
		this.opened.catch(() => {});
		this.closed = new Promise((resolve) =>
			this.ws.on('close', (code, reason) => resolve({ code, reason: reason.toString() }))
		);
	}

	/** The socket below, for clients that misbehave. */
	get raw(): NetSocket {
		return (this.ws as unknown as { _socket: NetSocket })._socket;
	}
}

export const HANDSHAKE: readonly string[] = [
	'Host: 127.0.0.1',
	'Upgrade: websocket',
	'Connection: Upgrade',
	'Sec-WebSocket-Version: 13',
	'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=='
];

/** A client without any protocol of its own: sends lines, keeps what comes back. */
export class RawClient {
	readonly socket: NetSocket;
	readonly closed: Promise<void>;
	#text = '';
	#waiting: (() => void)[] = [];

	constructor(port: number, lines: readonly string[]) {
		this.socket = connect(port, '127.0.0.1');
		this.socket.write(`${lines.join('\r\n')}\r\n\r\n`);
		this.socket.on('data', (chunk) => {
			this.#text += chunk.toString('latin1');
			for (const waiting of this.#waiting) waiting();
		});
		// A reset counts as an end like any other.
		this.socket.on('error', () => {});
		this.closed = new Promise((resolve) => this.socket.once('close', () => resolve()));
	}

	/** All that has come once `part` is in it, or the server has hung up. */
	async until(part: string): Promise<string> {
		while (!this.#text.includes(part) && !this.socket.closed) {
			await Promise.race([
				new Promise<void>((resolve) => this.#waiting.push(resolve)),
				this.closed
			]);
		}
		return this.#text;
	}
}
