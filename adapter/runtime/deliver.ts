/** From a web Response, or a file, to the client, at the client's pace. */

import { createReadStream } from 'node:fs';
import type { FileAnswer } from './file-answer.ts';
import type { Head, Reply } from './front.ts';
import { head } from './head.ts';

/** Bytes read from a file at a time. */
const FILE_CHUNK = 256 * 1024;

/** Bytes of a body that is handed over in one piece; a larger one is written until it is through. */
const ONE_PACKET = 64 * 1024;

/** Headers that belong to the connection or that the front writes itself. */
const OWN_HEADERS = new Set([
	'connection',
	'content-length',
	'date',
	'keep-alive',
	'set-cookie',
	'transfer-encoding'
]);

/**
 * Writes a Response: its head at once with the first bytes, each further chunk as it comes.
 *
 * @throws Whatever the body fails with. The connection is then cut, since the head is gone.
 */
export async function sendResponse(
	reply: Reply,
	method: string,
	response: Response
): Promise<void> {
	const answer = headOf(response);
	const length = lengthOf(response);
	if (response.body === null || method === 'HEAD' || isBodiless(response.status)) {
		// A body that is not sent must still be told, or its producer waits for ever.
		response.body?.cancel().catch(() => {});
		reply.send(answer, undefined, { length });
		return;
	}
	const reader = response.body.getReader();
	const cancel = (): void => {
		reader.cancel(new Error('The client has left.')).catch(() => {});
	};
	reply.onClosed(cancel);
	try {
		await pump(reply, reader, answer, length);
	} catch (error) {
		cancel();
		reply.abort();
		throw error;
	}
}

async function pump(
	reply: Reply,
	reader: ReadableStreamDefaultReader<Uint8Array>,
	answer: Head,
	length: number | undefined
): Promise<void> {
	const first = await reader.read();
	if (first.done) return reply.send(answer, new Uint8Array());
	const second = reader.read();
	// A page that is there as a whole has its end ready within this turn: then one packet with a
	// Content-Length does. A page that streams is not kept waiting for its second chunk.
	const ready = await Promise.race([second, immediate()]);
	if (ready?.done && first.value.byteLength <= ONE_PACKET) return reply.send(answer, first.value);
	if (ready?.done) length = first.value.byteLength;

	let sent = 0;
	const write = (chunk: Uint8Array): Promise<void> | undefined => {
		sent += chunk.byteLength;
		if (length !== undefined && sent > length) throw wrongLength(length);
		return reply.write(chunk);
	};
	reply.begin(answer, { length });
	await write(first.value);
	for (let next = await second; !next.done; next = await reader.read()) await write(next.value);
	if (reply.isClosed) return;
	if (length !== undefined && sent < length) throw wrongLength(length);
	reply.end();
}

function immediate(): Promise<undefined> {
	return new Promise((resolve) => setImmediate(resolve, undefined));
}

function wrongLength(length: number): Error {
	return new Error(`A response body is not as long as its Content-Length of ${length} says.`);
}

function headOf(response: Response): Head {
	const headers: [string, string][] = [];
	response.headers.forEach((value, name) => {
		if (!OWN_HEADERS.has(name)) headers.push([name, value]);
	});
	// Cookies must not be joined: a comma is a legal character inside of one.
	for (const cookie of response.headers.getSetCookie()) headers.push(['set-cookie', cookie]);
	if (response.headers.get('content-type')?.startsWith('text/event-stream')) {
		// Proxies of the nginx family hold a stream of events back otherwise.
		if (!response.headers.has('x-accel-buffering')) headers.push(['x-accel-buffering', 'no']);
	}
	if (!response.headers.has('x-content-type-options')) {
		headers.push(['x-content-type-options', 'nosniff']);
	}
	const usual = head(response.status, headers);
	return response.statusText ? { ...usual, reason: response.statusText } : usual;
}

function lengthOf(response: Response): number | undefined {
	const text = response.headers.get('content-length');
	return text !== null && /^\d+$/.test(text) ? Number(text) : undefined;
}

function isBodiless(status: number): boolean {
	return status === 204 || status === 205 || status === 304;
}

/** Writes a file, or the part of it that was asked for; large ones from the disk at the client's pace. */
export async function sendFile(reply: Reply, answer: FileAnswer): Promise<void> {
	if (answer.source === undefined) {
		reply.send(answer.head, answer.body, { length: answer.length });
		return;
	}
	const { path, start, end } = answer.source;
	const file = createReadStream(path, { start, end, highWaterMark: FILE_CHUNK });
	reply.onClosed(() => file.destroy());
	let begun = false;
	let sent = 0;
	try {
		for await (const chunk of file as AsyncIterable<Buffer>) {
			if (!begun) reply.begin(answer.head, { length: answer.length });
			begun = true;
			sent += chunk.byteLength;
			const room = reply.write(chunk);
			if (room) await room;
		}
	} catch (error) {
		if (reply.isClosed) return;
		if (begun) reply.abort();
		throw error;
	}
	if (reply.isClosed) return;
	if (sent === answer.length) return reply.end();
	reply.abort();
	throw new Error(`${path} has become shorter while it was sent.`);
}
