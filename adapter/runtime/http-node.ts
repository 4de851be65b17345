/** The HTTP front on Node's own server. */

import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { isUnclear } from './framing.ts';
import type { RequestHeaders } from './env.ts';
import type { BodyInfo, Head, Incoming, Reply } from './front.ts';
import { BODY_BUFFER, REFUSED_BYTES, REFUSED_TIME } from './front.ts';
import type { Site } from './site.ts';

/** Answers the requests of a server of Node's with the site. */
export function nodeFront(site: Site): RequestListener {
	return (request, response) => {
		const reply = new NodeReply(request, response);
		const incoming = incomingOf(request, reply);
		if (site.isDraining || incoming.isUnclear) response.shouldKeepAlive = false;
		site.handle(incoming, reply);
	};
}

function incomingOf(request: IncomingMessage, reply: NodeReply): Incoming {
	const headers = flatten(request.headers);
	const url = request.url ?? '/';
	return {
		method: request.method ?? 'GET',
		url,
		path: url.split('?', 1)[0]!,
		headers,
		header: (name) => headers[name],
		isUnclear: hasTwoHosts(request.rawHeaders) || isUnclear(headers),
		// Empty once the peer is gone; then nobody gets to see it.
		socketAddress: request.socket.remoteAddress ?? '',
		body: () => reply.readBody()
	};
}

/** Node keeps the first, and says nothing of the second. */
function hasTwoHosts(rawHeaders: readonly string[]): boolean {
	let hosts = 0;
	for (let index = 0; index < rawHeaders.length; index += 2) {
		const name = rawHeaders[index]!;
		if (name.length === 4 && name.toLowerCase() === 'host') hosts += 1;
	}
	return hosts > 1;
}

function flatten(headers: IncomingMessage['headers']): RequestHeaders {
	const flat: Record<string, string> = {};
	for (const [name, value] of Object.entries(headers)) {
		if (value !== undefined) flat[name] = Array.isArray(value) ? value.join(', ') : value;
	}
	return flat;
}

class NodeReply implements Reply {
	readonly copies: boolean = false;
	readonly #request: IncomingMessage;
	readonly #response: ServerResponse;
	readonly #listeners: (() => void)[] = [];
	#isClosed: boolean = false;
	#isBodyDropped: boolean = false;

	constructor(request: IncomingMessage, response: ServerResponse) {
		this.#request = request;
		this.#response = response;
		// Without a listener an error of the connection would end the process.
		request.on('error', () => {});
		response.on('error', () => {});
		response.once('close', () => {
			if (!response.writableFinished) this.#close();
		});
		response.once('finish', () => this.#letBodyRun());
	}

	get isClosed(): boolean {
		return this.#isClosed;
	}

	onClosed(listener: () => void): void {
		if (this.#isClosed) listener();
		else this.#listeners.push(listener);
	}

	send(head: Head, body: Uint8Array | string | undefined, info: BodyInfo = {}): void {
		if (this.#isClosed) return;
		const length = body === undefined ? info.length : Buffer.byteLength(body);
		this.#writeHead(head, length);
		this.#response.end(body);
	}

	refuse(head: Head, body: string): void {
		if (this.#isClosed) return;
		this.send(head, body);
		this.#letBodyRun();
		const { socket } = this.#request;
		const timer = setTimeout(() => socket.destroy(), REFUSED_TIME);
		let dropped = 0;
		this.#request.on('data', (chunk: Buffer) => {
			dropped += chunk.byteLength;
			if (dropped > REFUSED_BYTES) socket.destroy();
		});
		this.#request.once('close', () => clearTimeout(timer));
	}

	begin(head: Head, info: BodyInfo = {}): void {
		if (this.#isClosed) return;
		this.#writeHead(head, info.length);
		this.#response.flushHeaders();
	}

	write(chunk: Uint8Array): Promise<void> | undefined {
		if (this.#isClosed || this.#response.write(chunk)) return undefined;
		return new Promise((resolve) => {
			const settle = (): void => {
				this.#response.off('drain', settle);
				this.#response.off('close', settle);
				resolve();
			};
			this.#response.on('drain', settle);
			this.#response.on('close', settle);
		});
	}

	end(): void {
		if (!this.#isClosed) this.#response.end();
	}

	abort(): void {
		this.#response.destroy();
		this.#close();
	}

	#writeHead(head: Head, length: number | undefined): void {
		const flat: string[] = [];
		for (const [name, value] of head.headers) flat.push(name, value);
		if (length !== undefined) flat.push('content-length', String(length));
		this.#response.writeHead(head.status, head.reason, flat);
	}

	#close(): void {
		if (this.#isClosed) return;
		this.#isClosed = true;
		for (const listener of this.#listeners.splice(0)) listener();
	}

	// --- the request body ---

	/** Bytes flow while somebody reads: a full queue pauses the connection. */
	readBody(): ReadableStream<Uint8Array<ArrayBuffer>> {
		const request = this.#request;
		return new ReadableStream<Uint8Array<ArrayBuffer>>(
			{
				start: (controller) => {
					// Something that stands before us has read it: there is nothing left, and no event to come.
					if (request.readableEnded) return controller.close();
					request.on('data', (chunk: Buffer<ArrayBuffer>) => {
						if (this.#isBodyDropped) return;
						controller.enqueue(chunk);
						if ((controller.desiredSize ?? 0) <= 0) request.pause();
					});
					request.once('end', () => {
						if (!this.#isBodyDropped) controller.close();
					});
					request.once('close', () => {
						if (request.readableEnded || this.#isBodyDropped) return;
						controller.error(new Error('The client has left before its request was complete.'));
					});
					request.pause();
				},
				pull: () => void request.resume(),
				cancel: () => this.#letBodyRun()
			},
			new ByteLengthQueuingStrategy({ highWaterMark: BODY_BUFFER })
		);
	}

	/** What is left of a body that nobody wants must pass, or the connection could take no more. */
	#letBodyRun(): void {
		this.#isBodyDropped = true;
		this.#request.resume();
	}
}
