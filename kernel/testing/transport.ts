import type { Payload, SendStatus, Socket, Transport } from '../transport.ts';

/** What a test sees of one connection: everything it was sent, and how it ended. */
export class FakeSocket implements Socket {
	readonly sent: Payload[] = [];
	closed: { readonly code: number; readonly reason: string } | undefined = undefined;
	/** What `send` answers; set it to play a full send buffer. */
	status: SendStatus = 'sent';
	bufferedBytes: number = 0;
	readonly #topics: Map<string, Set<FakeSocket>>;
	readonly #open: Set<FakeSocket>;
	/** Sees what is sent before the test does; what it answers `true` to stays out of `sent`. */
	onSend: ((payload: Payload) => boolean) | undefined = undefined;
	/** Called as the far end would notice it. */
	onClose: ((code: number, reason: string) => void) | undefined = undefined;

	constructor(topics: Map<string, Set<FakeSocket>>, open: Set<FakeSocket> = new Set()) {
		this.#topics = topics;
		this.#open = open.add(this);
	}

	send(payload: Payload): SendStatus {
		this.#assertOpen('send');
		if (this.status !== 'dropped' && this.onSend?.(payload)) return this.status;
		if (this.status !== 'dropped') this.sent.push(payload);
		return this.status;
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
		return deliver(this.#topics.get(topic), payload, this);
	}

	cork(work: () => void): void {
		this.#assertOpen('cork');
		work();
	}

	close(code: number, reason: string): void {
		this.#assertOpen('close');
		this.end(code, reason);
	}

	/** The socket ends, whoever wanted it. */
	end(code: number, reason: string): void {
		if (this.closed) return;
		this.closed = { code, reason };
		this.#open.delete(this);
		for (const members of this.#topics.values()) members.delete(this);
		this.onClose?.(code, reason);
	}

	/** As harsh as the native socket, on which any call after the end throws. */
	#assertOpen(method: string): void {
		if (this.closed) throw new Error(`Invalid access of a closed socket: ${method}`);
	}
}

function deliver(
	members: Iterable<FakeSocket> = [],
	payload: Payload,
	except?: FakeSocket
): boolean {
	let heard = false;
	for (const socket of members) {
		if (socket === except) continue;
		socket.send(payload);
		heard = true;
	}
	return heard;
}

/** A transport of maps and sets: no port, no native addon. */
export interface FakeTransport extends Transport {
	/** Sockets that have not ended. */
	readonly open: ReadonlySet<FakeSocket>;
	/** Who follows what. */
	readonly topics: ReadonlyMap<string, ReadonlySet<FakeSocket>>;
	socket(): FakeSocket;
}

export function fakeTransport(): FakeTransport {
	const topics = new Map<string, Set<FakeSocket>>();
	const open = new Set<FakeSocket>();
	return {
		name: 'fake',
		open,
		topics,
		publish: (topic, payload) => deliver(topics.get(topic), payload),
		subscribers: (topic) => topics.get(topic)?.size ?? 0,
		socket: () => new FakeSocket(topics, open)
	};
}
