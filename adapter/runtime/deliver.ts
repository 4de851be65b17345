/** From a web Response to the client, at the client's pace. */

import { encode, headIn, SMALL, type Compression, type Source } from './compress.ts';
import type { Head, Reply } from './front.ts';
import { head } from './head.ts';
import { wholeBody } from './whole-body.ts';

/** Bytes of a body that is handed over in one piece; a larger one is written until it is through. */
const ONE_PACKET = 64 * 1024;

/** Headers that belong to the connection or that the front writes itself. */
const OWN_HEADERS = new Set([
	'connection',
	'content-length',
	'date',
	'keep-alive',
	'transfer-encoding'
]);

/**
 * Writes a Response: its head at once with the first bytes, each further chunk as it comes.
 *
 * @param compression Whether and how it is compressed. @default it is not
 * @throws Whatever the body fails with. The connection is then cut, since the head is gone.
 */
export function sendResponse(
	reply: Reply,
	method: string,
	response: Response,
	compression?: Compression
): Promise<void> | undefined {
	const plain = headOf(response);
	const answer = compression ? headIn(plain, undefined) : plain;
	const length = lengthOf(response);
	const isSent = method !== 'HEAD' && !isBodiless(response.status);
	const whole = isSent && compression?.coding === undefined ? wholeBody(response) : undefined;
	if (whole && isOnePacket(whole)) {
		reply.send(whole.byteLength < SMALL ? plain : answer, whole);
		return undefined;
	}
	if (!isSent || response.body === null) {
		// A body that is not sent must still be told, or its producer waits for ever.
		response.body?.cancel().catch(() => {});
		reply.send(answer, undefined, { length: lengthWithout(method, response, compression) });
		return undefined;
	}
	const reader = response.body.getReader();
	return sendBody(reply, reader, { answer, plain, length, compression });
}

async function sendBody(
	reply: Reply,
	reader: ReadableStreamDefaultReader<Uint8Array>,
	pumped: Pumped
): Promise<void> {
	const cancel = (): void => {
		reader.cancel(new Error('The client has left.')).catch(() => {});
	};
	reply.onClosed(cancel);
	try {
		await pump(reply, reader, pumped);
	} catch (error) {
		cancel();
		reply.abort();
		throw error;
	}
}

/** What is announced of a body that is not sent. */
function lengthWithout(
	method: string,
	response: Response,
	compression: Compression | undefined
): number | undefined {
	// The answer to a GET has another length then, and it is not known.
	if (method === 'HEAD') return compression?.coding ? undefined : lengthOf(response);
	if (response.status === 204 || response.status === 304) return undefined;
	// Whoever is told nothing reads on until the connection ends, which it does not.
	return 0;
}

interface Pumped {
	readonly answer: Head;
	/** The answer as it is where nothing of it is compressed. */
	readonly plain?: Head;
	readonly length: number | undefined;
	readonly compression?: Compression | undefined;
	/** Whether the head waits for the first bytes, which are sure to come. @default false */
	readonly waits?: boolean;
}

async function pump(reply: Reply, source: Source, pumped: Pumped): Promise<void> {
	const { answer, plain = answer, compression, waits = compression?.coding !== undefined } = pumped;
	let { length } = pumped;
	let isBegun = false;
	const begin = (): void => {
		isBegun = true;
		reply.begin(length === undefined ? notHeldBack(answer) : answer, { length });
	};
	// Who waits for the first bytes hears meanwhile that they will come, if nothing hangs on them.
	const early = waits ? undefined : setImmediate(begin);
	const first = await source.read();
	clearImmediate(early);
	if (first.value === undefined) return isBegun ? reply.end() : reply.send(plain, new Uint8Array());
	const isPlain = !isBegun && compression?.coding === undefined;
	if (isPlain && first.value.byteLength === length && isOnePacket(first.value)) {
		reply.send(length < SMALL ? plain : answer, first.value);
		if (!(await source.read()).done) throw wrongLength(length);
		return;
	}
	const second = source.read();
	if (!isBegun) {
		// A page that is there as a whole has its end ready within this turn: then one packet with a
		// Content-Length does. A page that streams is not kept waiting for its second chunk.
		const ready = await Promise.race([second, immediate()]);
		const isSmall = ready?.done === true && first.value.byteLength < SMALL;
		if (compression?.coding && !isSmall) {
			const rest = resumed(first.value, second, source);
			const whole = ready?.done ? first.value : undefined;
			const encoded = encode(compression.coding, rest, whole);
			const coded = headIn(answer, compression.coding);
			const next = { answer: coded, length: undefined, waits: true };
			return pump(reply, encoded, next).finally(encoded.close);
		}
		if (ready?.done && isOnePacket(first.value)) {
			return reply.send(isSmall ? plain : answer, first.value);
		}
		if (ready?.done) length = first.value.byteLength;
	}

	let sent = 0;
	const write = (chunk: Uint8Array): Promise<void> | undefined => {
		sent += chunk.byteLength;
		if (length !== undefined && sent > length) throw wrongLength(length);
		return reply.write(chunk);
	};
	if (!isBegun) begin();
	await write(first.value);
	for (let next = await second; next.value; next = await source.read()) await write(next.value);
	if (reply.isClosed) return;
	if (length !== undefined && sent < length) throw wrongLength(length);
	reply.end();
}

/** A source whose first two reads have been made already. */
function resumed(first: Uint8Array, second: ReturnType<Source['read']>, source: Source): Source {
	let reads = 0;
	return {
		read() {
			reads += 1;
			if (reads === 1) return Promise.resolve({ done: false, value: first });
			return reads === 2 ? second : source.read();
		}
	};
}

function immediate(): Promise<undefined> {
	return new Promise((resolve) => setImmediate(resolve, undefined));
}

function isOnePacket({ byteLength }: Uint8Array): boolean {
	return byteLength <= ONE_PACKET;
}

function wrongLength(length: number): Error {
	return new Error(`A response body is not as long as its Content-Length of ${length} says.`);
}

/** In one pass: each question that is asked of Headers is dear. */
function headOf(response: Response): Head {
	const headers: [string, string][] = [];
	let isStreamOfEvents = false;
	let isHeldBackKnown = false;
	let isSniffingKnown = false;
	// Cookies come one by one, as they must: a comma is a legal character inside of one.
	response.headers.forEach((value, name) => {
		if (OWN_HEADERS.has(name)) return;
		headers.push([name, value]);
		if (name === 'content-type') isStreamOfEvents = value.startsWith('text/event-stream');
		else if (name === 'x-accel-buffering') isHeldBackKnown = true;
		else if (name === 'x-content-type-options') isSniffingKnown = true;
	});
	// Proxies of the nginx family hold a stream of events back otherwise.
	if (isStreamOfEvents && !isHeldBackKnown) headers.push(['x-accel-buffering', 'no']);
	if (!isSniffingKnown) headers.push(['x-content-type-options', 'nosniff']);
	const usual = head(response.status, headers);
	return response.statusText ? { ...usual, reason: response.statusText } : usual;
}

/**
 * Text that comes bit by bit, as a page with promises does, is to be shown so, like events. Other
 * bodies are left to the proxy, which can also cache what it may hold back.
 */
function notHeldBack(answer: Head): Head {
	const { headers } = answer;
	const isText = headers.some(([name, value]) => name === 'content-type' && /^text\//i.test(value));
	const isSet = headers.some(([name]) => name === 'x-accel-buffering');
	return isText && !isSet
		? { ...answer, headers: [...headers, ['x-accel-buffering', 'no']] }
		: answer;
}

function lengthOf(response: Response): number | undefined {
	const text = response.headers.get('content-length');
	return text !== null && /^\d+$/.test(text) ? Number(text) : undefined;
}

function isBodiless(status: number): boolean {
	return status === 204 || status === 205 || status === 304;
}
