import type { Duplex } from 'node:stream';
import type { RawData, WebSocket } from 'ws';
import type { Payload, SendStatus, TransportHost } from '../../kernel/transport.ts';
import type { Followers } from './followers.ts';
import { Seat } from './seat.ts';

const OPEN = 1;
/** The connection ended without a close frame. */
const ABNORMAL = 1006;

export interface NodeSocketParts {
	readonly ws: WebSocket;
	/** The TCP or TLS socket below. */
	readonly raw: Duplex;
	readonly host: TransportHost;
	readonly followers: Followers<NodeSocket>;
	/** Called once, when the host's connection has ended. */
	readonly ended: () => void;
}

/** A socket of the `ws` package, with what uWebSockets.js does natively: topics, limits, drain. */
export class NodeSocket extends Seat {
	/** Bytes received when the transport last looked, and how often that has not changed. */
	heard: number = 0;
	silence: number = 0;
	readonly #parts: NodeSocketParts;
	readonly #topics = new Set<string>();
	#isOver = false;
	#isCorked = false;
	#isWaiting = false;

	constructor(parts: NodeSocketParts) {
		super(parts.host);
		this.#parts = parts;
		const { ws } = parts;
		ws.on('message', (data, isBinary) => this.#receive(data, isBinary));
		ws.on('close', (code, reason) => this.#lost(code, reason.toString()));
		// A breach of the protocol: `ws` answers with a code, the host need not wait for the rest.
		ws.on('error', (error) => this.#lost(ABNORMAL, error.message));
	}

	override get bufferedBytes(): number {
		return this.#parts.ws.bufferedAmount;
	}

	override send(payload: Payload): SendStatus {
		return this.deliver(payload, typeof payload !== 'string');
	}

	override subscribe(topic: string): void {
		if (this.#isOver) return;
		this.#topics.add(topic);
		this.#parts.followers.add(topic, this);
	}

	override unsubscribe(topic: string): void {
		this.#topics.delete(topic);
		this.#parts.followers.remove(topic, this);
	}

	override publish(topic: string, payload: Payload): boolean {
		return publish(this.#parts.followers, topic, payload, this);
	}

	override cork(work: () => void): void {
		if (this.#isCorked) return work();
		const { raw, ws } = this.#parts;
		this.#isCorked = true;
		raw.cork();
		try {
			work();
		} finally {
			this.#isCorked = false;
			raw.uncork();
			this.#isWaiting ||= ws.bufferedAmount > 0;
		}
	}

	/** The host's connection ends here, as with uWebSockets.js; the handshake goes on without it. */
	override close(code: number, reason: string): void {
		try {
			this.#parts.ws.close(code, reason);
		} catch {
			// A code that no close frame may carry: there is only the end itself to tell.
			this.#parts.ws.terminate();
		}
		this.#finish();
		this.ended(code, reason);
	}

	/** Sends a frame whose bytes may be shared with other sockets. */
	deliver(data: string | Uint8Array, binary: boolean): SendStatus {
		const { ws, host } = this.#parts;
		const { sendBuffer } = host.limits;
		if (ws.readyState !== OPEN) return 'dropped';
		if (ws.bufferedAmount > sendBuffer) {
			// What waits may do so for the cork alone.
			if (this.#isCorked) this.#flush();
			if (ws.bufferedAmount > sendBuffer) return 'dropped';
		}
		ws.send(data, { binary }, this.#written);
		if (this.#isCorked || ws.bufferedAmount === 0) return 'sent';
		this.#isWaiting = true;
		return 'queued';
	}

	ping(): void {
		this.#parts.ws.ping();
	}

	/** Ends the connection of a client that is not there any more. */
	terminate(): void {
		this.#parts.ws.terminate();
		this.#lost(ABNORMAL, 'No sign of life');
	}

	/** Bytes received in all; a plain stream, as tests use, counts none. */
	get receivedBytes(): number {
		return (this.#parts.raw as { bytesRead?: number }).bytesRead ?? 0;
	}

	#receive(data: RawData, isBinary: boolean): void {
		// `binaryType` is `nodebuffer`. The copy is a plain array of its own memory, as on uws.
		const bytes = data as Buffer;
		this.received(isBinary ? new Uint8Array(bytes) : bytes.toString(), bytes.length);
	}

	#flush(): void {
		this.#parts.raw.uncork();
		this.#parts.raw.cork();
	}

	/** Runs when a frame has left the send buffer, or never will. */
	#written = (): void => {
		if (!this.#isWaiting || this.#parts.ws.bufferedAmount > 0) return;
		this.#isWaiting = false;
		this.drained();
	};

	#lost(code: number, reason: string): void {
		this.#finish();
		this.left(code, reason);
	}

	/** May run more than once: after a close of the host's, and again when the socket is gone. */
	#finish(): void {
		this.#isOver = true;
		for (const topic of this.#topics) this.#parts.followers.remove(topic, this);
		this.#topics.clear();
		this.#parts.ended();
	}
}

/**
 * Sends to every follower of a topic but `except`, encoding once.
 *
 * @returns whether there was anyone to send to.
 */
export function publish(
	followers: Followers<NodeSocket>,
	topic: string,
	payload: Payload,
	except?: NodeSocket
): boolean {
	const sockets = followers.of(topic);
	if (sockets === undefined) return false;
	const binary = typeof payload !== 'string';
	const bytes = binary ? payload : Buffer.from(payload);
	let anyone = false;
	for (const socket of sockets) {
		if (socket === except) continue;
		socket.deliver(bytes, binary);
		anyone = true;
	}
	return anyone;
}
