/** One connection over the virtual network, with a socket at each end. */

import type { WebSocketLike } from 'svelte-realtime/client';
import type {
	Connection,
	Payload,
	SendStatus,
	Socket,
	TransportHost
} from 'svelte-realtime/kernel';
import { Pipe, type PipeOptions } from './pipe.ts';
import type { Random } from './random.ts';
import type { Trace } from './trace.ts';

/** What a connection ends with when no close frame says more. */
const ABNORMAL = 1006;
/** Milliseconds that a client waits for the end after it has closed. */
const CLOSING = 3000;

export interface WireOptions extends PipeOptions {
	readonly name: string;
	readonly trace: Trace;
	readonly client: WebSocketLike;
	/** Chance that the client gets a message once more. */
	readonly duplicates: number;
	/** Which messages it may get once more. */
	mayRepeat(text: string): boolean;
	/** Something happened to the connection that can delay or lose an answer. */
	disturbed(what: 'changed' | 'dropped'): void;
}

export class Wire {
	readonly name: string;
	readonly up: Pipe;
	readonly down: Pipe;
	readonly #options: WireOptions;
	readonly #random: Random;
	/** A client that closes still hears what was on its way. */
	#client: 'open' | 'closing' | 'closed' = 'open';
	#server: ServerSocket | undefined = undefined;

	constructor(options: WireOptions) {
		this.name = options.name;
		this.#options = options;
		this.#random = options.random;
		this.up = new Pipe(options);
		this.down = new Pipe(options);
	}

	/** Whether both ends believe in it. */
	get isOpen(): boolean {
		return this.#client === 'open' && this.#server?.isOpen === true;
	}

	/** Whether the client believes in it, and should not. */
	get isBroken(): boolean {
		return this.#client === 'open' && (this.up.isBroken || this.down.isBroken);
	}

	get isOver(): boolean {
		return this.#client === 'closed' && this.#server?.isOpen !== true;
	}

	// --- the client's end ---

	get isConnected(): boolean {
		return this.#server !== undefined;
	}

	sendUp(text: string): void {
		if (this.#client !== 'open') return; // A WebSocket that is closing discards silently.
		this.#log('>', text);
		this.up.push(() => this.#server?.receive(text));
	}

	closeByClient(code: number): void {
		if (this.#client !== 'open') return;
		this.#log('>', `close ${code}`);
		this.#client = 'closing';
		this.up.push(() => {
			this.#server?.end(code, '');
			this.down.push(() => this.endClient(code));
		});
		// A browser does not wait for ever for the answer to its close frame.
		this.#options.time.after(CLOSING, () => this.endClient(1006));
	}

	/** The client notices that the connection is over. */
	endClient(code: number): void {
		if (this.#client === 'closed') return;
		this.#log('<', `end ${code}`);
		this.#client = 'closed';
		this.#options.disturbed('changed');
		this.#options.client.onclose?.({ code, reason: '' } as never);
	}

	// --- the server's end ---

	/** The upgrade went through. */
	accept(server: ServerSocket): void {
		this.#server = server;
		this.#options.disturbed('changed');
	}

	/** The server notices that the connection is over. */
	endServer(code: number = ABNORMAL): void {
		this.#server?.end(code, '');
	}

	sendDown(text: string, written: () => void): void {
		this.down.push(() => {
			written();
			this.#arrive(text);
			if (!this.#options.mayRepeat(text)) return;
			if (!this.#random.chance(this.#options.duplicates)) return;
			if (this.#random.chance(0.5)) this.#arrive(text);
			else this.#options.time.after(this.#random.below(500), () => this.#arrive(text));
		});
	}

	dropped(text: string): void {
		this.#log('x', text);
		this.#options.disturbed('dropped');
	}

	closeByServer(code: number): void {
		this.down.push(() => this.endClient(code));
	}

	/** The client reads on: all at once, or with pauses of so many milliseconds at the most. */
	resume(pause: number): void {
		this.#options.disturbed('changed');
		this.down.resume(pause);
	}

	stall(): void {
		this.#log('.', 'stalls');
		this.#options.disturbed('changed');
		this.down.stall();
	}

	#arrive(text: string): void {
		if (this.#client === 'closed') return;
		this.#log('<', text);
		this.#options.client.onmessage?.({ data: text } as never);
	}

	#log(direction: string, text: string): void {
		this.#options.trace.add(this.#options.time.now, `${this.name} ${direction} ${text}`);
	}
}

/** The server's socket of a wire: as harsh as the native one, on which a call after the end throws. */
export class ServerSocket implements Socket {
	readonly #wire: Wire;
	readonly #host: TransportHost;
	readonly #topics: Map<string, Set<ServerSocket>>;
	#connection: Connection | undefined = undefined;
	#isOver: boolean = false;
	#hadBackpressure: boolean = false;
	bufferedBytes: number = 0;

	constructor(wire: Wire, host: TransportHost, topics: Map<string, Set<ServerSocket>>) {
		this.#wire = wire;
		this.#host = host;
		this.#topics = topics;
	}

	get isOpen(): boolean {
		return !this.#isOver;
	}

	/** To be called once, right after the upgrade. */
	open(connection: Connection): void {
		this.#connection = connection;
	}

	receive(text: string): void {
		if (this.#isOver) return;
		this.#host.message(this.#connection!, text, Buffer.byteLength(text));
	}

	end(code: number, reason: string): void {
		if (this.#isOver) return;
		this.#isOver = true;
		for (const members of this.#topics.values()) members.delete(this);
		if (this.#connection) this.#host.close(this.#connection, code, reason);
	}

	/** Hands a text to the network, or drops it over the limit, as a publish does in silence. */
	deliver(text: string): SendStatus {
		const { down } = this.#wire;
		if (down.isStalled && this.bufferedBytes > this.#host.limits.sendBuffer) {
			this.#wire.dropped(text);
			return 'dropped';
		}
		const isQueued = down.isStalled;
		this.#hadBackpressure ||= isQueued;
		const bytes = Buffer.byteLength(text);
		this.bufferedBytes += bytes;
		this.#wire.sendDown(text, () => this.#written(bytes));
		return isQueued ? 'queued' : 'sent';
	}

	#written(bytes: number): void {
		this.bufferedBytes -= bytes;
		if (this.#isOver || !this.#hadBackpressure || this.bufferedBytes > 0) return;
		this.#hadBackpressure = false;
		this.#host.drain(this.#connection!);
	}

	// --- Socket ---

	send(payload: Payload): SendStatus {
		this.#assertOpen('send');
		return this.deliver(String(payload));
	}

	subscribe(topic: string): void {
		this.#assertOpen('subscribe');
		const members = this.#topics.get(topic) ?? new Set();
		this.#topics.set(topic, members.add(this));
	}

	unsubscribe(topic: string): void {
		this.#assertOpen('unsubscribe');
		this.#topics.get(topic)?.delete(this);
	}

	publish(topic: string, payload: Payload): boolean {
		this.#assertOpen('publish');
		return publishTo(this.#topics.get(topic), payload, this);
	}

	cork(work: () => void): void {
		this.#assertOpen('cork');
		work();
	}

	close(code: number, reason: string): void {
		this.#assertOpen('close');
		this.#wire.closeByServer(code);
		this.end(code, reason);
	}

	#assertOpen(method: string): void {
		if (this.#isOver) throw new Error(`Invalid access of a closed socket: ${method}`);
	}
}

/** Sends to the followers of a topic, in the order in which they came. */
export function publishTo(
	members: ReadonlySet<ServerSocket> | undefined,
	payload: Payload,
	except?: ServerSocket
): boolean {
	let heard = false;
	for (const socket of members ?? []) {
		if (socket === except) continue;
		socket.deliver(String(payload));
		heard = true;
	}
	return heard;
}
