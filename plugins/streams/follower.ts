import {
	backoff,
	createListeners,
	localError,
	randomOf,
	type Outgoing
} from '../../kernel/client/index.ts';
import type { Position } from '../../kernel/contexts.ts';
import { LiveError } from '../../kernel/live-error.ts';
import type { EventRecord, FrameOf } from '../../kernel/protocol.ts';
import type { Follower, FollowerHost, Said } from './followed.ts';
import type { SnapshotFrame } from './frames.ts';
import { apply, createList, type List } from './merge/index.ts';
import type { StreamAddress } from './store.ts';

export type { Follower, FollowerHost, Said, StreamState } from './followed.ts';

/** Follows one stream. A closure and no class, since a page with one stream pays for every `this`. */
export function createFollower(host: FollowerHost, address: StreamAddress): Follower {
	const { kernel } = host;
	const listeners = createListeners();
	let list: List | undefined;
	let error: LiveError | undefined;
	/** Answered on this connection. */
	let connected = false;
	let position: Position | undefined;
	let isRunning = false;
	/** Of the latest question; 0 where the server follows nothing for us. */
	let id = 0;
	/** The question that waits for an answer. */
	let asked: Outgoing | undefined;
	let failures = 0;
	let cancelTimer = (): void => {};

	function begin(): void {
		isRunning = true;
		error = undefined;
		if (kernel.status() === 'closed') error = localError('CONNECTION_CLOSED');
		else ask();
	}

	function stop(): void {
		if (!isRunning) return;
		isRunning = false;
		end();
		notify();
	}

	function notify(): void {
		queueMicrotask(listeners.notify);
	}

	// --- the server ---

	function ask(): void {
		if (!isRunning || kernel.status() !== 'open') return;
		const { path, args } = address;
		const previous = release();
		const since = list && position;
		id = kernel.nextId();
		const { version, pages } = ((since && self.options) ?? {}) as Said;
		asked = { frame: { type: 'stream', id, path, since, version, pages }, args, fail: refuse };
		host.byId.set(id, self);
		kernel.send(asked);
		// After the new question, so that the server does not leave the topic in between.
		if (previous) tell(previous);
		cancelTimer = kernel.expire(end);
	}

	function refuse(reason: LiveError): void {
		release();
		connected = false;
		error = reason;
		if (reason.retryable) {
			const wait = backoff((failures += 1) + 1, randomOf(kernel.options));
			cancelTimer = kernel.clock.after(reason.retryAfter ?? wait, ask);
		}
		notify();
	}

	/** Lets go of the running question or stream. The id, where the server knows of it; else 0. */
	function release(): number {
		const question = asked;
		const released = question && !question.sent ? 0 : id;
		cancelTimer();
		host.byId.delete(id);
		if (question) kernel.recall(question);
		asked = undefined;
		id = 0;
		return released;
	}

	/** Ends the stream with the server, where it is one there. */
	function end(reason?: LiveError): void {
		const ended = release();
		connected = false;
		if (ended) tell(ended);
		if (reason) refuse(reason);
	}

	/** Tells the server that the stream of this id is over. */
	function tell(ended: number): void {
		if (kernel.status() === 'open') kernel.send({ frame: { type: 'stream:end', id: ended } });
	}

	// --- the value ---

	function applyOne({ event, data, devalue }: Omit<EventRecord, 'seq'>): void {
		take(() => apply(list!, event, kernel.values.decode(data, devalue)));
	}

	/** Changes the value; what cannot be read shows as the error, and the stream goes on. */
	function take(change: () => void): void {
		try {
			change();
		} catch (cause) {
			error = new LiveError('INVALID_REQUEST', 'A value cannot be read.', { cause });
		}
	}

	const self: Follower = {
		address,
		topic: undefined,
		options: undefined as never,
		store: undefined,
		get isRunning() {
			return isRunning;
		},
		get id() {
			return id;
		},
		get list() {
			return list;
		},
		get value() {
			return list?.read();
		},
		get error() {
			return error;
		},
		get loading() {
			return !list && !error;
		},
		get ready() {
			return !!list;
		},
		get connected() {
			return connected;
		},
		get stale() {
			return !!list && (!connected || !!asked);
		},
		get position() {
			return position;
		},

		add(listener) {
			if (!isRunning) begin();
			const remove = listeners.add(listener);
			return () => {
				remove();
				queueMicrotask(() => {
					if (listeners.size > 0) return;
					stop();
					host.dismiss(self);
				});
			};
		},

		adopt(seed) {
			if (list && !isAhead(seed.position, position)) return;
			self.options = seed;
			list = createList(seed.value, seed);
			position = seed.position;
			notify();
		},

		answer(frame) {
			cancelTimer();
			asked = undefined;
			failures = 0;
			connected = true;
			error = undefined;
			self.topic = frame.topic;
			notify();
			const { type, epoch, seq, events = [] } = frame;
			// A seed may have come in that is newer than an answer on its way, or the answer comes twice.
			if (isAhead(position, { epoch, seq: events.at(-1)?.seq ?? seq })) return;
			const isSnapshot = type === 'stream:snapshot';
			// What else the server said of the value goes on holding for a value that goes on.
			self.options = isSnapshot ? frame : { ...self.options, ...frame };
			take(() => {
				const next = createList(list?.peek(), self.options);
				const { data, devalue } = frame as SnapshotFrame;
				if (isSnapshot) next.reset(kernel.values.decode(data, devalue));
				list = next;
			});
			let at = type === 'stream:recovered' ? (position?.seq ?? 0) : seq;
			for (const event of events) {
				// A change of a delta has no number: it belongs to the position that the frame begins with.
				if (event.seq! <= at) continue;
				at = event.seq ?? at;
				applyOne(event);
			}
			position = { epoch, seq: Math.max(at, seq) };
		},

		event(frame) {
			const { seq, epoch } = frame;
			if (!list || !position) return;
			if (seq !== undefined) {
				// The answer to a question holds every event that reached this connection before it.
				if (asked) return;
				// The epoch stands only where it is new, or where it may be news to somebody.
				const at = { epoch: epoch ?? position.epoch, seq };
				const isSameEpoch = at.epoch === position.epoch;
				if (isSameEpoch && seq <= position.seq) return;
				if (!isSameEpoch || seq > position.seq + 1 || !('event' in frame)) {
					ask();
					return notify();
				}
				position = at;
			}
			applyOne(frame as FrameOf<'event'>);
			notify();
		},

		lost(willRetry) {
			release();
			connected = false;
			if (!willRetry && isRunning) error = localError('CONNECTION_CLOSED');
			notify();
		},

		stop,
		ask,
		refuse,
		notify
	};
	return self;
}

function isAhead(one: Position | undefined, other: Position | undefined): boolean {
	return one?.epoch === other?.epoch && one?.seq! > other?.seq!;
}
