/** The transport over the `ws` package and an HTTP server of Node. */

import { ServerResponse, type IncomingMessage, type Server } from 'node:http';
import type { Socket as NetSocket } from 'node:net';
import type { Duplex } from 'node:stream';
import { WebSocketServer } from 'ws';
import { isThenable } from '../../kernel/run.ts';
import type { Transport, UpgradeAnswer } from '../../kernel/transport.ts';
import { OVERSIZE_MARGIN, type Attachment } from './attachment.ts';
import { Followers } from './followers.ts';
import { answerAsks, readRequest } from './node-ask.ts';
import { NodeSocket, publish } from './node-socket.ts';
import { admit, refusal, refused, type Accepted, type Refused } from './upgrade.ts';

export interface NodeTransport extends Transport {
	readonly name: 'node';
	/**
	 * Takes the upgrades of one path from an HTTP server.
	 *
	 * @returns detaches: no upgrade is accepted any more; connections are the host's to close.
	 */
	attach(server: Server, attachment: Attachment): () => void;
}

/** Looks per idle time-out; a ping goes out after three silent ones, the end comes after five. */
const LOOKS = 4;
const PING_AFTER = 3;
const END_AFTER = 5;

/** Creates the transport that an `http.Server` of Node serves. */
export function nodeTransport(): NodeTransport {
	const followers = new Followers<NodeSocket>();
	return {
		name: 'node',
		publish: (topic, payload) => publish(followers, topic, payload),
		subscribers: (topic) => followers.of(topic)?.size ?? 0,
		attach(server, attachment) {
			const gate = new Gate(followers, server, attachment);
			return () => gate.detach();
		}
	};
}

/** One path of one HTTP server, and the connections that came in through it. */
class Gate {
	readonly #followers: Followers<NodeSocket>;
	readonly #server: Server;
	readonly #attachment: Attachment;
	readonly #handshake: WebSocketServer;
	readonly #sockets = new Set<NodeSocket>();
	/** What the host adds to the 101 answer of a request. */
	readonly #responseHeaders = new WeakMap<IncomingMessage, Readonly<Record<string, string>>>();
	readonly #looking: NodeJS.Timeout;
	readonly #stopAnswering: () => void;
	#isDetached = false;

	constructor(followers: Followers<NodeSocket>, server: Server, attachment: Attachment) {
		const { message, idleTimeout } = attachment.host.limits;
		this.#followers = followers;
		this.#server = server;
		this.#attachment = attachment;
		this.#handshake = new WebSocketServer({
			noServer: true,
			clientTracking: false,
			perMessageDeflate: false,
			maxPayload: message + OVERSIZE_MARGIN
		});
		this.#handshake.on('headers', (lines, request) => {
			const added = Object.entries(this.#responseHeaders.get(request) ?? {});
			for (const [name, value] of added) lines.push(`${name}: ${value}`);
		});
		this.#looking = setInterval(() => this.#sockets.forEach(look), idleTimeout / LOOKS);
		this.#looking.unref();
		server.on('upgrade', this.#onUpgrade);
		this.#stopAnswering = answerAsks(server, attachment);
	}

	detach(): void {
		this.#isDetached = true;
		this.#server.off('upgrade', this.#onUpgrade);
		this.#stopAnswering();
		clearInterval(this.#looking);
	}

	#onUpgrade = (request: IncomingMessage, raw: Duplex, head: Buffer): void => {
		const isOurs = request.url?.split('?', 1)[0] === this.#attachment.path && isWebSocket(request);
		if (!isOurs) {
			// Nobody else would ever answer it. Vite's module reloading, for one, has its own listener.
			if (this.#server.listenerCount('upgrade') === 1) serve(this.#server, request, raw);
			return;
		}
		raw.on('error', ignore);
		const settle = (answer: UpgradeAnswer): void => {
			// A client that has left in the meantime is let go by `ws` itself.
			if (this.#isDetached) refuse(raw, refused('SERVICE_UNAVAILABLE'));
			else if (!answer.ok) refuse(raw, answer);
			else this.#accept(answer, request, raw, head);
		};
		const answer = admit(this.#attachment, readRequest(request));
		if (isThenable(answer)) void (answer as Promise<UpgradeAnswer>).then(settle);
		else settle(answer);
	};

	#accept(answer: Accepted, request: IncomingMessage, raw: Duplex, head: Buffer): void {
		const { host } = this.#attachment;
		this.#responseHeaders.set(request, answer.responseHeaders);
		this.#handshake.handleUpgrade(request, raw, head, (ws) => {
			raw.off('error', ignore);
			const socket = new NodeSocket({
				ws,
				raw,
				host,
				followers: this.#followers,
				ended: () => this.#sockets.delete(socket)
			});
			this.#sockets.add(socket);
			socket.begun(answer.data);
		});
	}
}

/** Without it an `error` of a socket that nobody listens to would end the process. */
function ignore(): void {}

function isWebSocket(request: IncomingMessage): boolean {
	return request.headers.upgrade?.toLowerCase() === 'websocket';
}

function refuse(raw: Duplex, answer: Refused): void {
	const { status, headers, body } = refusal(answer);
	const lines = [
		`HTTP/1.1 ${status}`,
		'connection: close',
		`content-length: ${Buffer.byteLength(body)}`,
		...headers.map(([name, value]) => `${name}: ${value}`)
	];
	raw.once('finish', () => raw.destroy());
	raw.end(`${lines.join('\r\n')}\r\n\r\n${body}`);
}

/**
 * Answers a request that offers some upgrade which nobody takes (`Upgrade: h2c`) as plain HTTP.
 *
 * Node has stopped parsing it, so one that may have a body cannot be read any more.
 */
function serve(server: Server, request: IncomingMessage, raw: Duplex): void {
	raw.on('error', ignore);
	if (request.method !== 'GET' && request.method !== 'HEAD') {
		return refuse(raw, refused('INVALID_REQUEST'));
	}
	const response = new ServerResponse(request);
	response.shouldKeepAlive = false;
	response.assignSocket(raw as NetSocket);
	response.once('finish', () => raw.end(() => raw.destroy()));
	server.emit('request', request, response);
}

/** Pings a client that has gone quiet, and gives up one that does not answer. */
function look(socket: NodeSocket): void {
	if (socket.receivedBytes !== socket.heard) {
		socket.heard = socket.receivedBytes;
		socket.silence = 0;
	}
	socket.silence += 1;
	if (socket.silence >= END_AFTER) socket.terminate();
	else if (socket.silence >= PING_AFTER) socket.ping();
}
