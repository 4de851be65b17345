/** The way back to one client on uWebSockets.js, and the body that comes from it. */

import type { HttpResponse } from 'uWebSockets.js';
import { BODY_BUFFER, BODY_TIME, REFUSED_BYTES, REFUSED_TIME } from './front.ts';
import type { BodyInfo, Head, Reply } from './front.ts';

/** Header values are Latin-1, and uWebSockets.js writes strings as UTF-8. */
function encoded(value: string): string | Buffer {
	return /[^\0-\x7f]/.test(value) ? Buffer.from(value, 'latin1') : value;
}

// --- heads in few calls: each of them costs more than what it writes ---

interface Written {
	readonly status: string;
	readonly name: string;
	/** Value of the first header, and all the others. */
	readonly lines: string | Buffer;
}

/** Of heads that are sent again and again. */
const written = new WeakMap<Head, Written>();

function writtenOf(head: Head): Written {
	const known = head.isShared ? written.get(head) : undefined;
	if (known) return known;
	const [[name, value] = ['', ''], ...others] = head.headers;
	let lines = value;
	for (const [name, value] of others) lines += `\r\n${name}: ${value}`;
	const made = { status: `${head.status} ${head.reason}`, name, lines: encoded(lines) };
	if (head.isShared) written.set(head, made);
	return made;
}

/** Some builds can send a head before there is a body. */
interface HeadFirst {
	beginWrite?(): void;
}

export class UwsReply implements Reply {
	readonly copies: boolean = true;
	readonly #response: HttpResponse;
	/** The connection ends with this answer. */
	readonly #isLast: boolean;
	#listeners: (() => void)[] | undefined = undefined;
	/** The handler that took the request still runs: what it writes goes out when it returns. */
	#isHandling: boolean = true;
	#isClosed: boolean = false;
	/** uWebSockets.js throws on any use of a response that is complete or aborted. */
	#isDone: boolean = false;
	/** Announced bytes of the body, `undefined` for a chunked one. */
	#length: number | undefined = undefined;
	/** Continues a write that met a full socket. */
	#onWritable: ((offset: number) => boolean) | undefined = undefined;
	/** Settles that write. */
	#settle: (() => void) | undefined = undefined;
	#body: { isComplete: boolean; isPaused: boolean; drop: boolean; dropped: number } | undefined;

	constructor(response: HttpResponse, isLast: boolean) {
		this.#response = response;
		this.#isLast = isLast;
	}

	/** To be called when the handler returns: an answer that is complete by then cannot be aborted. */
	handedOver(): void {
		this.#isHandling = false;
		if (!this.#isDone) this.#response.onAborted(() => this.#close());
	}

	get isClosed(): boolean {
		return this.#isClosed;
	}

	onClosed(listener: () => void): void {
		if (this.#isClosed) listener();
		else (this.#listeners ??= []).push(listener);
	}

	// --- answers ---

	send(head: Head, body: Uint8Array | string | undefined, info: BodyInfo = {}): void {
		if (this.#isDone) return;
		this.#letBodyRun();
		this.#isDone = true;
		if (this.#isHandling) this.#sendWhole(head, body, info);
		else this.#response.cork(() => this.#sendWhole(head, body, info));
	}

	#sendWhole(head: Head, body: Uint8Array | string | undefined, info: BodyInfo): void {
		this.#writeHead(head);
		if (body !== undefined) {
			this.#response.end(body, this.#isLast);
			return;
		}
		// Any argument makes endWithoutBody break the connection, or the process, on some builds.
		if (info.length !== undefined) {
			this.#response.writeHeader('content-length', String(info.length));
		}
		this.#response.endWithoutBody();
	}

	refuse(head: Head, body: string, rest: number): void {
		if (this.#isDone) return;
		if (!this.#body) void this.readBody().cancel();
		if (rest <= REFUSED_BYTES) return this.send(head, body);
		// Written but not ended: the connection of an ended response cannot be closed any more.
		this.begin(head);
		this.write(Buffer.from(body));
		const end = (): void => {
			clearTimeout(timer);
			this.#end(true);
		};
		const timer = setTimeout(end, REFUSED_TIME);
		this.onClosed(() => clearTimeout(timer));
		this.#onBodyDropped = (): void => {
			const { isComplete, dropped } = this.#body!;
			if (isComplete || dropped > REFUSED_BYTES) end();
		};
		this.#letBodyRun();
		this.#onBodyDropped();
	}
	#onBodyDropped: (() => void) | undefined = undefined;

	begin(head: Head, info: BodyInfo = {}): void {
		if (this.#isDone) return;
		this.#length = info.length;
		this.#response.onWritable((offset) => {
			if (this.#onWritable) return this.#onWritable(offset);
			this.#flush();
			return true;
		});
		this.#response.cork(() => {
			this.#writeHead(head);
			// A head waits for its first chunk, unless this build can send it alone. An announced length
			// comes with that chunk: an empty `tryEnd` is the whole answer to builds like 20.57.
			if (info.length === undefined) (this.#response as HeadFirst).beginWrite?.();
		});
	}

	write(chunk: Uint8Array): Promise<void> | undefined {
		if (this.#isDone || chunk.byteLength === 0) return undefined;
		const isThrough = this.#length === undefined ? this.#writeChunk(chunk) : this.#writePart(chunk);
		if (isThrough) return undefined;
		return new Promise((resolve) => {
			this.#settle = resolve;
		});
	}

	/** Chunked: the server keeps what the socket does not take, and says when it is gone. */
	#writeChunk(chunk: Uint8Array): boolean {
		let hasRoom = true;
		this.#response.cork(() => {
			hasRoom = this.#response.write(chunk);
		});
		if (!hasRoom) {
			this.#onWritable = () => {
				this.#flush();
				return this.#continue();
			};
		}
		return hasRoom;
	}

	/**
	 * With a listener for it, uWebSockets.js leaves what it has buffered to the next write, which may
	 * be long in coming; an empty cork makes it write.
	 */
	#flush(): void {
		this.#response.cork(() => {});
	}

	/** With a length: what the socket does not take is left to us, and offered again. */
	#writePart(chunk: Uint8Array): boolean {
		const length = this.#length!;
		const start = this.#response.getWriteOffset();
		let isThrough = true;
		const offer = (offset: number): void => {
			const [ok, isComplete] = this.#response.tryEnd(chunk.subarray(offset - start), length);
			isThrough = ok || isComplete;
			if (isComplete) this.#isDone = true;
		};
		this.#response.cork(() => offer(start));
		if (!isThrough) {
			this.#onWritable = (offset) => {
				this.#response.cork(() => offer(offset));
				return isThrough ? this.#continue() : false;
			};
		}
		return isThrough;
	}

	#continue(): true {
		this.#onWritable = undefined;
		const settle = this.#settle;
		this.#settle = undefined;
		settle?.();
		return true;
	}

	end(): void {
		this.#end(this.#isLast);
	}

	#end(isLast: boolean): void {
		if (this.#isDone) return;
		this.#letBodyRun();
		this.#isDone = true;
		this.#response.cork(() => this.#response.end(undefined, isLast));
	}

	abort(): void {
		if (this.#isDone) return;
		// Runs onAborted, and with it #close(), where the handler has returned.
		this.#response.close();
		this.#close();
	}

	#writeHead(head: Head): void {
		const { status, name, lines } = writtenOf(head);
		this.#response.writeStatus(status);
		if (name !== '') this.#response.writeHeader(name, lines);
	}

	#close(): void {
		if (this.#isClosed) return;
		this.#isDone = true;
		this.#isClosed = true;
		this.#continue();
		const listeners = this.#listeners ?? [];
		this.#listeners = undefined;
		for (const listener of listeners) listener();
	}

	// --- the request body ---

	/** Bytes flow while somebody reads: a full queue pauses the connection. */
	readBody(): ReadableStream<Uint8Array<ArrayBuffer>> {
		const state = { isComplete: false, isPaused: false, drop: false, dropped: 0 };
		this.#body = state;
		let controller!: ReadableStreamDefaultController<Uint8Array<ArrayBuffer>>;
		const stream = new ReadableStream<Uint8Array<ArrayBuffer>>(
			{
				start: (given) => {
					controller = given;
				},
				pull: () => this.#resume(),
				cancel: () => this.#letBodyRun()
			},
			new ByteLengthQueuingStrategy({ highWaterMark: BODY_BUFFER })
		);
		const end = performance.now() + BODY_TIME;
		this.#response.onData((chunk, isLast) => {
			state.isComplete = isLast;
			if (state.drop) {
				state.dropped += chunk.byteLength;
				this.#onBodyDropped?.();
				return;
			}
			// The buffer is taken back when this call returns.
			if (chunk.byteLength > 0) controller.enqueue(new Uint8Array(chunk.slice(0)));
			if (isLast) return controller.close();
			const isFull = (controller.desiredSize ?? 0) <= 0;
			if (this.#isDone || state.isPaused || (!isFull && performance.now() > end)) return;
			state.isPaused = true;
			this.#response.pause();
			// With it the sender has ten seconds anew, who else had to send 160 kB in each ten.
			if (!isFull) this.#resume();
		});
		this.onClosed(() => {
			if (!state.isComplete && !state.drop) {
				controller.error(new Error('The client has left before its request was complete.'));
			}
		});
		return stream;
	}

	#resume(): void {
		if (!this.#body?.isPaused || this.#isDone) return;
		this.#body.isPaused = false;
		this.#response.resume();
	}

	/** What is left of a body that nobody wants must pass, or the connection could take no more. */
	#letBodyRun(): void {
		if (!this.#body || this.#body.isComplete) return;
		this.#body.drop = true;
		this.#resume();
	}
}
