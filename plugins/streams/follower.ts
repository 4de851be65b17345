import {
	backoff,
	createListeners,
	localError,
	randomOf,
	type ClientKernel,
	type Listeners,
	type Outgoing
} from '../../kernel/client/index.ts';
import type { Position } from '../../kernel/contexts.ts';
import { LiveError } from '../../kernel/live-error.ts';
import type { EventRecord, FrameOf } from '../../kernel/protocol.ts';
import type { DeltaFrame, Head, MergeOptions, RecoveredFrame, SnapshotFrame } from './frames.ts';
import { initial, merge } from './merge/index.ts';
import type { Seed } from './seed.ts';
import type { StreamAddress } from './store.ts';

/** What a reader can see of a stream. */
export interface StreamState {
	readonly value: unknown;
	readonly error: LiveError | undefined;
	/** Neither a value nor an error is there yet. */
	readonly loading: boolean;
	/** There is a value. */
	readonly ready: boolean;
	/** The server sends every change as it happens. */
	readonly connected: boolean;
	/** There is a value, and the server may have a newer one that is on no way here. */
	readonly stale: boolean;
	readonly position: Position | undefined;
}

/** What a follower needs of those who keep it. */
export interface FollowerHost {
	readonly kernel: ClientKernel;
	/** The follower hears what comes for this id, and for its topic where that is known. */
	bind(id: number, follower: Follower): void;
	unbind(id: number): void;
	/** Nobody listens any more. */
	dismiss(follower: Follower): void;
}

/** Milliseconds. */
const TIMEOUT = 30_000;

/** Follows one stream on behalf of everyone in this client who reads it. */
export class Follower implements StreamState {
	value: unknown;
	error: LiveError | undefined;
	ready = false;
	/** Answered on this connection. */
	connected = false;
	position: Position | undefined;
	topic: string | undefined;
	readonly address: StreamAddress;
	readonly #host: FollowerHost;
	readonly #kernel: ClientKernel;
	readonly #listeners: Listeners = createListeners();
	/** What the server says of the value's version. */
	#version: unknown;
	/** Known as soon as there is a value. */
	#options!: MergeOptions;
	#running = false;
	/** Of the latest question; 0 where the server follows nothing for us. */
	#id = 0;
	/** The question that waits for an answer. */
	#asked: Outgoing | undefined;
	#failures = 0;
	#cancelTimer: () => void = () => {};

	constructor(host: FollowerHost, address: StreamAddress) {
		this.#host = host;
		this.#kernel = host.kernel;
		this.address = address;
	}

	get loading(): boolean {
		return !this.ready && !this.error;
	}

	get stale(): boolean {
		return this.ready && (!this.connected || this.#asked !== undefined);
	}

	// --- readers ---

	/** Adds a reader; the first one begins the stream. Notifies nobody before this tick is over. */
	add(listener: () => void): () => void {
		if (!this.#running) this.#begin();
		const remove = this.#listeners.add(listener);
		return () => {
			remove();
			queueMicrotask(() => {
				if (this.#listeners.size > 0) return;
				this.stop();
				this.#host.dismiss(this);
			});
		};
	}

	/** Takes over what the server rendered, unless what is here is as new. */
	adopt(seed: Seed): void {
		if (this.ready && !isAhead(seed.position, this.position)) return;
		this.#options = seed;
		this.value = seed.value;
		this.position = seed.position;
		this.#version = seed.version;
		this.ready = true;
		// Later in this tick, as with `connect`: a derived may be reading.
		queueMicrotask(() => this.#listeners.notify());
	}

	#begin(): void {
		this.#running = true;
		this.error = undefined;
		if (this.#kernel.status() === 'closed') this.error = localError('CONNECTION_CLOSED');
		else this.ask();
	}

	/** Ends the stream; its readers keep what they have. The next one to come begins it again. */
	stop(): void {
		if (!this.#running) return;
		this.#running = false;
		this.#end();
		this.#listeners.notify();
	}

	// --- the server ---

	/** Asks for the stream, from where the value stands. Waits for `open` where there is no connection. */
	ask(): void {
		const kernel = this.#kernel;
		if (!this.#running || kernel.status() !== 'open') return;
		const { path, args } = this.address;
		const previous = this.#release();
		const since = this.ready ? this.position : undefined;
		this.#id = kernel.nextId();
		this.#asked = {
			frame: { type: 'stream', id: this.#id, path, since, version: since && this.#version },
			args,
			fail: (error) => this.refuse(error)
		};
		this.#host.bind(this.#id, this);
		kernel.send(this.#asked);
		// After the new question, so that the server does not leave the topic in between.
		if (previous) this.#tell(previous);
		this.#cancelTimer = kernel.clock.after(kernel.options.timeout ?? TIMEOUT, () =>
			this.#end(localError('TIMEOUT'))
		);
	}

	answer(frame: (SnapshotFrame | RecoveredFrame | DeltaFrame) & { readonly type: string }): void {
		this.#cancelTimer();
		this.#asked = undefined;
		this.#failures = 0;
		this.connected = true;
		this.error = undefined;
		this.#options = frame;
		this.topic = frame.topic;
		const { epoch, seq } = frame;
		const head = { epoch, seq: frame.events?.at(-1)?.seq ?? seq };
		// A seed may have come in that is newer than an answer on its way, or the answer comes twice.
		if (isAhead(this.position, head)) return this.#listeners.notify();
		if (frame.type === 'stream:snapshot') {
			const { data, devalue } = frame as SnapshotFrame;
			this.#take(() => initial(this.#decode(data, devalue), this.#options));
		}
		if (frame.type === 'stream:recovered') {
			this.position = { epoch, seq: this.position?.seq ?? 0 };
		} else {
			this.position = { epoch, seq };
			this.#version = (frame as DeltaFrame).version;
		}
		for (const event of frame.events ?? []) {
			// A change of a delta has no number: it belongs to the position that the frame begins with.
			const at = event.seq ?? seq;
			if (!event.seq || at > this.position.seq) this.#apply(event, { epoch, seq: at });
		}
		if (seq > this.position.seq) this.position = { epoch, seq };
		this.#listeners.notify();
	}

	/** There is no stream with the server, for this reason; what is here stays. */
	refuse(error: LiveError): void {
		this.#release();
		this.connected = false;
		this.error = error;
		if (error.retryable) {
			const { clock, options } = this.#kernel;
			const wait = backoff((this.#failures += 1) + 1, randomOf(options));
			this.#cancelTimer = clock.after(error.retryAfter ?? wait, () => this.ask());
		}
		this.#listeners.notify();
	}

	/** The connection is gone. */
	lost(willRetry: boolean): void {
		this.#release();
		this.connected = false;
		if (!willRetry && this.#running) this.error = localError('CONNECTION_CLOSED');
		this.#listeners.notify();
	}

	/** One event of the topic, as it happens; or only how far the topic has come. */
	event(frame: FrameOf<'event'> | Head): void {
		const { seq, epoch } = frame;
		const { position } = this;
		if (!this.ready || !position) return;
		if (seq === undefined) {
			this.#apply(frame as FrameOf<'event'>, position);
			return this.#listeners.notify();
		}
		// The answer to a question holds every event that reached this connection before it.
		if (this.#asked) return;
		// The epoch stands only where it is new, or where it may be news to somebody.
		const at = { epoch: epoch ?? position.epoch, seq };
		const isSameEpoch = at.epoch === position.epoch;
		if (isSameEpoch && seq <= position.seq) return;
		if (isSameEpoch && seq === position.seq + 1 && 'event' in frame) this.#apply(frame, at);
		else this.ask();
		this.#listeners.notify();
	}

	// --- inside ---

	#apply(event: Omit<EventRecord, 'seq'>, position: Position): void {
		this.position = position;
		this.#take(() =>
			merge(this.value, event.event, this.#decode(event.data, event.devalue), this.#options)
		);
	}

	/** Computes the value; what cannot be read shows as the error, and the stream goes on. */
	#take(compute: () => unknown): void {
		try {
			this.value = compute();
			this.ready = true;
		} catch (cause) {
			this.error = new LiveError('INVALID_REQUEST', 'A value cannot be read.', { cause });
		}
	}

	#decode(data: unknown, devalue: true | undefined): unknown {
		return this.#kernel.values.decode(data, devalue);
	}

	/** Lets go of the running question or stream. The id, where the server knows of it; else 0. */
	#release(): number {
		const id = this.#id;
		const asked = this.#asked;
		this.#cancelTimer();
		this.#asked = undefined;
		this.#id = 0;
		this.#host.unbind(id);
		if (asked) this.#kernel.recall(asked);
		return asked && !asked.sent ? 0 : id;
	}

	/** Ends the stream with the server, where it is one there. */
	#end(error?: LiveError): void {
		const id = this.#release();
		this.connected = false;
		if (id) this.#tell(id);
		if (error) this.refuse(error);
	}

	/** Tells the server that the stream of this id is over. */
	#tell(id: number): void {
		if (this.#kernel.status() !== 'open') return;
		this.#kernel.send({ frame: { type: 'stream:end', id } });
	}
}

function isAhead(one: Position | undefined, other: Position | undefined): boolean {
	return one?.epoch === other?.epoch && one?.seq! > other?.seq!;
}
