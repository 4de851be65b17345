/** The HTTP front on uWebSockets.js. */

import type { HttpRequest, HttpResponse, TemplatedApp } from 'uWebSockets.js';
import { addHeader } from '../transports/upgrade.ts';
import type { RequestHeaders } from './env.ts';
import { isFraming, isRepeated, isUnclear } from './framing.ts';
import type { Incoming } from './front.ts';
import type { Site } from './site.ts';
import { UwsReply } from './uws-reply.ts';

/** Registers the site on every path that nothing else has taken. */
export function uwsFront(app: TemplatedApp, site: Site): void {
	app.any('/*', (response, request) => {
		const incoming = new UwsIncoming(response, request);
		// What its parser takes for the end of a chunk others may not: nothing that follows is read.
		const isLast = incoming.isUnclear || incoming.isChunked || site.isDraining;
		const reply = new UwsReply(response, isLast);
		incoming.body = () => reply.readBody();
		site.handle(incoming, reply);
		reply.handedOver();
	});
}

/**
 * A request is read at once: its object does not outlive the handler's synchronous part. What is
 * made of its headers is made when it is asked for, since a file asks for few of them.
 */
class UwsIncoming implements Incoming {
	readonly method: string;
	readonly path: string;
	readonly url: string;
	readonly isUnclear: boolean;
	readonly isChunked: boolean;
	body!: Incoming['body'];
	readonly #response: HttpResponse;
	/** Names and values by turns. */
	readonly #lines: readonly string[];
	#headers: RequestHeaders | undefined = undefined;

	constructor(response: HttpResponse, request: HttpRequest) {
		this.#response = response;
		this.method = request.getMethod().toUpperCase();
		this.path = request.getUrl();
		const query = request.getQuery();
		this.url = query ? `${this.path}?${query}` : this.path;
		lines = [];
		framing.length = 0;
		request.forEach(take);
		this.#lines = lines;
		this.isChunked = framing.includes('transfer-encoding');
		const isHostAlone = framing.length === 1 && framing[0] === 'host';
		this.isUnclear = !isHostAlone && (isRepeated(framing) || isUnclear(this.headers));
	}

	get headers(): RequestHeaders {
		if (this.#headers !== undefined) return this.#headers;
		// Without a prototype, so that a header called `constructor` is only that.
		const headers = Object.create(null) as Record<string, string>;
		const lines = this.#lines;
		for (let at = 0; at < lines.length; at += 2) {
			addHeader(headers, lines[at]!, latin1(lines[at + 1]!));
		}
		return (this.#headers = headers);
	}

	header(name: string): string | undefined {
		const lines = this.#lines;
		let found: string | undefined;
		for (let at = 0; at < lines.length; at += 2) {
			const { length } = lines[at]!;
			if (length !== name.length || lines[at] !== name) continue;
			if (found !== undefined) return this.headers[name];
			found = lines[at + 1]!;
		}
		return found === undefined ? undefined : latin1(found);
	}

	get socketAddress(): string {
		return Buffer.from(this.#response.getRemoteAddressAsText()).toString('latin1');
	}
}

// --- what a request is read into: a function made for each would cost more than all the rest ---

let lines: string[] = [];
const framing: string[] = [];

function take(name: string, value: string): void {
	lines.push(name, value);
	if (isFraming(name)) framing.push(name);
}

/** The string whose characters are the bytes that came: uWebSockets.js has read them as UTF-8. */
function latin1(text: string): string {
	return /[^\0-\x7f]/.test(text) ? Buffer.from(text).toString('latin1') : text;
}
