import {
	backoff,
	createListeners,
	localError,
	type ClientKernel,
	type Listeners,
	type Outgoing
} from '../../kernel/client/index.ts';
import { secureRandom } from '../../kernel/client/backoff.ts';
import type { Position } from '../../kernel/contexts.ts';
import { LiveError } from '../../kernel/live-error.ts';
import type { EventRecord, FrameOf } from '../../kernel/protocol.ts';
import type { MergeOptions, RecoveredFrame, SnapshotFrame } from './frames.ts';
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
	/** The follower answers to this id, and to its topic where that is known. */
	bind(follower: Follower, id: number): void;
	unbind(follower: Follower, id: number): void;
	/** Nobody listens any more. */
	dismiss(follower: Follower): void;
}

/** Milliseconds. */
const TIMEOUT = 30_000;

/** Follows one stream on behalf of everyone in this client who reads it. */
export class Follower implements StreamState {
	value: unknown = undefined;
	error: LiveError | undefined = undefined;
	ready = false;
	position: Position | undefined = undefined;
	topic: string | undefined = undefined;
	readonly address: StreamAddress;
	readonly #host: FollowerHost;
	readonly #listeners: Listeners = createListeners();
	#options: MergeOptions = { merge: 'crud', key: 'id', prepend: false, max: 0 };
	#running = false;
	/** Answered on this connection. */
	#live = false;
	/** Of the latest question; 0 where the server follows nothing for us. */
	#id = 0;
	/** The question that waits for an answer. */
	#asked: Outgoing | undefined;
	#failures = 0;
	#cancelTimer: () => void = () => {};

	constructor(host: FollowerHost, address: StreamAddress) {
		this.#host = host;
		this.address = address;
	}

	get loading(): boolean {
		return !this.ready && !this.error;
	}

	get connected(): boolean {
		return this.#live;
	}

	get stale(): boolean {
		return this.ready && (!this.#live || this.#asked !== undefined);
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
		const { position } = this;
		if (this.ready && !(position && seed.position && isAhead(seed.position, position))) return;
		this.#options = seed;
		this.value = seed.value;
		this.position = seed.position;
		this.ready = true;
		// Later in this tick, as with `connect`: a derived may be reading.
		queueMicrotask(() => this.#listeners.notify());
	}

	#begin(): void {
		this.#running = true;
		this.error = undefined;
		if (this.#host.kernel.status() === 'closed') this.error = localError('CONNECTION_CLOSED');
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
		const { kernel } = this.#host;
		if (!this.#running || kernel.status() !== 'open') return;
		const { position } = this;
		const { path, args } = this.address;
		const previous = this.#release();
		const since = this.ready && position ? { since: position } : {};
		this.#id = kernel.nextId();
		this.#asked = {
			frame: { type: 'stream', id: this.#id, path, ...since },
			args,
			fail: (error) => this.refuse(error)
		};
		this.#host.bind(this, this.#id);
		kernel.send(this.#asked);
		// After the new question, so that the server does not leave the topic in between.
		if (previous) this.#tell(previous);
		this.#cancelTimer = kernel.clock.after(kernel.options.timeout ?? TIMEOUT, () =>
			this.#end(localError('TIMEOUT'))
		);
	}

	answer(frame: (SnapshotFrame | RecoveredFrame) & { readonly type: string }): void {
		this.#cancelTimer();
		this.#asked = undefined;
		this.#failures = 0;
		this.#live = true;
		this.error = undefined;
		this.#options = frame;
		this.#host.unbind(this, this.#id);
		this.topic = frame.topic;
		this.#host.bind(this, this.#id);
		const { epoch, seq } = frame;
		if (frame.type === 'stream:snapshot') {
			const { data, devalue } = frame as SnapshotFrame;
			this.#take(() => initial(this.#decode(data, devalue), this.#options));
			this.position = { epoch, seq };
		} else {
			this.position = { epoch, seq: this.position?.seq ?? 0 };
		}
		for (const event of frame.events ?? []) {
			if (event.seq > this.position.seq) this.#apply(event, { epoch, seq: event.seq });
		}
		if (seq > this.position.seq) this.position = { epoch, seq };
		this.#listeners.notify();
	}

	/** There is no stream with the server, for this reason; what is here stays. */
	refuse(error: LiveError): void {
		this.#release();
		this.#live = false;
		this.error = error;
		if (error.retryable) {
			const { clock, options } = this.#host.kernel;
			const wait = backoff((this.#failures += 1) + 1, (options.random ?? secureRandom)());
			this.#cancelTimer = clock.after(error.retryAfter ?? wait, () => this.ask());
		}
		this.#listeners.notify();
	}

	/** The connection is gone. */
	lost(willRetry: boolean): void {
		this.#release();
		this.#live = false;
		if (!willRetry && this.#running) this.error = localError('CONNECTION_CLOSED');
		this.#listeners.notify();
	}

	/** One event of the topic, as it happens. */
	event(frame: FrameOf<'event'>): void {
		const { seq, epoch } = frame;
		if (!this.ready || !this.position) return;
		if (seq === undefined) {
			this.#apply(frame, this.position);
			return this.#listeners.notify();
		}
		// The answer to a question holds every event that reached this connection before it.
		if (this.#asked) return;
		const before = this.position;
		const begins = before.epoch === '' && before.seq === 0;
		const sameEpoch = epoch === undefined || epoch === before.epoch || begins;
		if (sameEpoch && seq <= before.seq) return;
		if (sameEpoch && seq === before.seq + 1)
			this.#apply(frame, { epoch: epoch ?? before.epoch, seq });
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
			this.error = new LiveError(
				'INVALID_REQUEST',
				'The server sent a value that cannot be read.',
				{
					cause
				}
			);
		}
	}

	#decode(data: unknown, devalue: true | undefined): unknown {
		return this.#host.kernel.values.decode(data, devalue);
	}

	/** Lets go of the running question or stream. The id, where the server knows of it; else 0. */
	#release(): number {
		const id = this.#id;
		const asked = this.#asked;
		this.#cancelTimer();
		this.#asked = undefined;
		this.#id = 0;
		if (id) this.#host.unbind(this, id);
		if (asked) this.#host.kernel.recall(asked);
		return asked && !asked.sent ? 0 : id;
	}

	/** Ends the stream with the server, where it is one there. */
	#end(error?: LiveError): void {
		const id = this.#release();
		this.#live = false;
		if (id) this.#tell(id);
		if (error) this.refuse(error);
	}

	/** Tells the server that the stream of this id is over. */
	#tell(id: number): void {
		const { kernel } = this.#host;
		if (kernel.status() === 'open') kernel.send({ frame: { type: 'stream:end', id } });
	}
}

function isAhead(one: Position, other: Position): boolean {
	return one.epoch === other.epoch && one.seq > other.seq;
}
