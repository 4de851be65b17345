/** The transport over uWebSockets.js: a thin layer from its native sockets to the kernel's port. */

import type { HttpRequest, HttpResponse, TemplatedApp, us_socket_context_t } from 'uWebSockets.js';
import { ASK_HEADER, preflightPath } from '../../kernel/asking.ts';
import { chain, isThenable } from '../../kernel/run.ts';
import type {
	MaybePromise,
	Payload,
	Transport,
	TransportHost,
	UpgradeAnswer
} from '../../kernel/transport.ts';
import { OVERSIZE_MARGIN, type Attachment } from './attachment.ts';
import { Home, Homes } from './homes.ts';
import { answerPreflight } from './preflight.ts';
import {
	addHeader,
	admit,
	answerAsk,
	refusal,
	type NativeRequest,
	type PlainAnswer,
	type Refused
} from './upgrade.ts';
import { UwsSocket, type Seated } from './uws-socket.ts';

export interface UwsTransport extends Transport {
	readonly name: 'uws';
	/**
	 * Registers the WebSocket route; an HTTP request for the same path goes on to other routes.
	 *
	 * @returns retires the app, which accepts nothing any more: it is let go of after its last socket.
	 */
	attach(app: TemplatedApp, attachment: Attachment): () => void;
}

/** Creates the transport that `app.ws()` of uWebSockets.js serves. */
export function uwsTransport(): UwsTransport {
	const homes = new Homes();

	return {
		name: 'uws',
		publish: (topic, payload) => homes.publish(topic, payload),
		subscribers: (topic) => homes.subscribers(topic),
		attach(app, attachment) {
			const { limits } = attachment.host;
			const home = new Home(app, homes);
			app.ws<Seated>(attachment.path, {
				maxPayloadLength: limits.message + OVERSIZE_MARGIN,
				maxBackpressure: limits.sendBuffer,
				idleTimeout: idleSeconds(limits.idleTimeout),
				sendPingsAutomatically: true,
				compression: 0,
				upgrade: (response, request, context) => upgrade(attachment, response, request, context),
				open: (ws) => {
					home.opened();
					const seated = ws.getUserData();
					seated.seat = new UwsSocket(attachment.host, ws, home);
					seated.seat.begun(seated.data);
				},
				message: (ws, message, isBinary) =>
					ws.getUserData().seat.received(copy(message, isBinary), message.byteLength),
				drain: (ws) => {
					// It also fires when a part was written.
					if (ws.getBufferedAmount() === 0) ws.getUserData().seat.drained();
				},
				close: (ws, code, reason) => {
					ws.getUserData().seat.gone(code, text(reason));
					home.closed();
				}
			});
			app.get(attachment.path, (response, request) => asked(attachment, response, request));
			app.any(preflightPath(attachment.path), (response, request) =>
				preflight(attachment, response, request)
			);
			homes.add(home);
			return () => home.retire();
		}
	};
}

/** uWebSockets.js takes whole seconds from 8 to 960, and counts in steps of four. */
function idleSeconds(milliseconds: number): number {
	return Math.min(960, Math.max(8, Math.ceil(milliseconds / 4000) * 4));
}

function text(bytes: ArrayBuffer): string {
	return Buffer.from(bytes).toString();
}

/** The native buffer is emptied when the callback returns. */
function copy(message: ArrayBuffer, isBinary: boolean): Payload {
	return isBinary ? new Uint8Array(message.slice(0)) : text(message);
}

// --- upgrade ---

function upgrade(
	attachment: Attachment,
	response: HttpResponse,
	request: HttpRequest,
	context: us_socket_context_t
): void {
	// The native route only looks for a key.
	if (request.getHeader('upgrade').toLowerCase() !== 'websocket') {
		request.setYield(true);
		return;
	}
	let isAborted = false;
	response.onAborted(() => {
		isAborted = true;
	});

	// Neither the request nor the address outlives this call.
	const native = read(request, response);
	const key = native.headers['sec-websocket-key']!;
	const protocol = native.headers['sec-websocket-protocol'] ?? '';

	function settle(answer: UpgradeAnswer): void {
		if (isAborted) return;
		response.cork(() => {
			if (!answer.ok) return refuse(response, answer);
			response.writeStatus('101 Switching Protocols');
			for (const [name, value] of Object.entries(answer.responseHeaders)) {
				response.writeHeader(name, value);
			}
			const seated: Pick<Seated, 'data'> = { data: answer.data };
			// Echoes the first subprotocol that was offered: browsers give up on a server without.
			response.upgrade(seated as Seated, key, protocol, '', context);
		});
	}

	const answer = admit(attachment, native);
	if (isThenable(answer)) void (answer as Promise<UpgradeAnswer>).then(settle);
	else settle(answer);
}

function read(request: HttpRequest, response: HttpResponse): NativeRequest {
	const headers = Object.create(null) as Record<string, string>;
	request.forEach((name, value) => addHeader(headers, name, value));
	// Without a query it is undefined, whatever the types say.
	const query = request.getQuery() as string | undefined;
	return {
		url: query ? `${request.getUrl()}?${query}` : request.getUrl(),
		headers,
		address: text(response.getRemoteAddressAsText())
	};
}

function refuse(response: HttpResponse, answer: Refused): void {
	write(response, refusal(answer), true);
}

function write(
	response: HttpResponse,
	{ status, headers, body }: PlainAnswer,
	isLast: boolean
): void {
	response.writeStatus(status);
	for (const [name, value] of headers) response.writeHeader(name, value);
	response.end(body, isLast);
}

/** A plain request for the path goes on to other routes, unless it asks about an upgrade. */
function asked(attachment: Attachment, response: HttpResponse, request: HttpRequest): void {
	if (request.getHeader(ASK_HEADER) === '') {
		request.setYield(true);
		return;
	}
	tell(response, answerAsk(attachment, read(request, response)));
}

/** Whoever sends more than a little is not listened to: the connection ends with the answer. */
function preflight(attachment: Attachment, response: HttpResponse, request: HttpRequest): void {
	const native = read(request, response);
	const { 'content-length': length = 0, 'transfer-encoding': encoding } = native.headers;
	const isLast = Number(length) > 0 || encoding !== undefined;
	tell(response, answerPreflight(attachment, request.getMethod().toUpperCase(), native), isLast);
}

function tell(response: HttpResponse, told: MaybePromise<PlainAnswer>, isLast = false): void {
	let isAborted = false;
	response.onAborted(() => {
		isAborted = true;
	});
	void chain(told, (answer) => {
		if (!isAborted) response.cork(() => write(response, answer, isLast));
	});
}
