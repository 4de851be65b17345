import type { ClientKernel } from '../../../kernel/client/index.ts';
import type { RawFrame } from '../../../kernel/protocol.ts';
import { rpcClient, type Call } from '../../../plugins/rpc/client.ts';
import type { Message } from './socket.ts';

/** Calls that are remembered after they are over. */
export const REMEMBERED = 100;

/** `waiting`: not sent yet; `sent`: no answer yet. */
export type CallState = 'waiting' | 'sent' | 'done' | 'failed';

/** Where a call travelled. */
export interface Travel {
	/** Of the message among those that the page has sent, from 1. */
	readonly message: number;
	/** Calls in it. */
	readonly calls: number;
	/** A fault lost it. */
	readonly isLost: boolean;
}

export interface CallError {
	readonly code: string;
	readonly message: string;
	readonly issues: unknown;
	/** Milliseconds. */
	readonly retryAfter: number | undefined;
}

/** One call. */
export interface CallRecord {
	/** Counted from 1. */
	readonly number: number;
	readonly path: string;
	readonly state: CallState;
	/** By which server and client mean it; undefined until it begins. */
	readonly id: number | undefined;
	/** The call that had to be over before, in a sequential batch. */
	readonly after: number | undefined;
	/** Milliseconds since the Unix epoch. */
	readonly startedAt: number;
	/** Milliseconds that it took, waiting included; undefined while it runs. */
	readonly ms: number | undefined;
	/** More than one where it was asked for again on the next connection. */
	readonly travels: readonly Travel[];
	/** Bytes that it uploads. */
	readonly upload: number | undefined;
	/** As they were sent; while they wait, as they are. */
	readonly args: unknown;
	/** As it arrived. */
	readonly result: unknown;
	readonly error: CallError | undefined;
}

export interface Calls {
	readonly pending: number;
	/** Newest first: those that run, and the last 100 that are over. */
	list(): CallRecord[];
	clear(): void;
	/** Reads what was sent and answered. */
	message(message: Message, number: number): void;
}

/** Observes the calls of a client, from their beginning. */
export function recordCalls(kernel: ClientKernel): Calls {
	const client = rpcClient(kernel);
	const running = new Map<Call, Entry>();
	const over: Entry[] = [];
	let count = 0;

	function track(call: Call): void {
		if (running.has(call) || call.isOver) return;
		const entry = new Entry(kernel, call, (count += 1));
		running.set(call, entry);
		const { succeed, fail } = call;
		// Not by the promise: who listens to that keeps the page from hearing what nobody catches.
		const ending =
			<V>(end: (value: V) => void, error: boolean) =>
			(value: V) => {
				if (running.delete(call)) {
					entry.end(error ? value : undefined);
					over.push(entry);
					if (over.length > REMEMBERED) over.shift();
				}
				end.call(call, value);
			};
		call.succeed = ending(succeed, false);
		call.fail = ending(fail, true);
	}

	// A batch collects calls before they begin: here each is one, so that none is missed.
	const { call: make } = client;
	client.call = (path, args, options) => {
		const outer = client.collected;
		const made: Call[] = (client.collected = []);
		let promise;
		try {
			promise = make.call(client, path, args, options);
		} finally {
			client.collected = outer;
		}
		for (const call of made) {
			track(call);
			if (outer) outer.push(call);
			else client.start(call);
		}
		return promise;
	};
	// Uploads, and the calls that the last page left behind.
	const { create } = client;
	client.create = (...given) => {
		const call = create(...given);
		track(call);
		return call;
	};

	function sent(frames: readonly RawFrame[], lost: readonly RawFrame[], message: number): void {
		const calls = frames.filter(({ type }) => type === 'rpc' || type === 'binary');
		for (const entry of running.values()) {
			const frame = calls.find(({ id }) => id === entry.id);
			if (frame) entry.sent(frame, { message, calls: calls.length, isLost: lost.includes(frame) });
		}
	}

	return {
		get pending() {
			return running.size;
		},
		list: () => [...over, ...running.values()].sort((one, other) => other.number - one.number),
		clear: () => void (over.length = 0),
		message({ direction, frames, lost }, number) {
			if (direction === 'out') return sent(frames, lost, number);
			for (const reply of frames) {
				if (reply.type !== 'reply') continue;
				for (const entry of running.values()) if (entry.id === reply['id']) entry.reply = reply;
			}
		}
	};
}

class Entry implements CallRecord {
	readonly number: number;
	readonly startedAt: number;
	readonly #kernel: ClientKernel;
	readonly #call: Call;
	readonly travels: Travel[] = [];
	/** What travelled, as frames of our own: the app may change its objects. */
	#frame: RawFrame | undefined;
	reply: RawFrame | undefined;
	state: CallState = 'waiting';
	ms: number | undefined = undefined;
	error: CallError | undefined = undefined;

	constructor(kernel: ClientKernel, call: Call, number: number) {
		this.#kernel = kernel;
		this.#call = call;
		this.number = number;
		this.startedAt = kernel.clock.now();
	}

	get path(): string {
		return this.#call.path;
	}

	get id(): number | undefined {
		return this.#call.id;
	}

	get after(): number | undefined {
		return this.#call.after?.id;
	}

	get upload(): number | undefined {
		const frame = this.#frame;
		return frame?.type === 'binary' ? Number(frame['size']) : undefined;
	}

	get args(): unknown {
		const frame = this.#frame;
		return frame ? this.#read(frame['args'] ?? [], frame) : this.#call.args;
	}

	get result(): unknown {
		const { reply } = this;
		return this.state === 'done' && reply ? this.#read(reply['data'], reply) : undefined;
	}

	sent(frame: RawFrame, travel: Travel): void {
		this.#frame = frame;
		this.travels.push(travel);
		this.state = 'sent';
	}

	end(error: unknown): void {
		this.ms = this.#kernel.clock.now() - this.startedAt;
		this.state = error === undefined ? 'done' : 'failed';
		if (error !== undefined) this.error = errorOf(error);
	}

	#read(data: unknown, frame: RawFrame): unknown {
		try {
			return this.#kernel.values.decode(data, frame['devalue']);
		} catch {
			// Said elsewhere by then; here it is shown as it travelled.
			return data;
		}
	}
}

/** What there is to see of an error, whoever made it. */
export function errorOf(error: unknown): CallError {
	const { code, name, message, issues, retryAfter } = Object(error) as Record<string, unknown>;
	return {
		code: String(code ?? name ?? 'Error'),
		message: String(message ?? error),
		issues,
		retryAfter: typeof retryAfter === 'number' ? retryAfter : undefined
	};
}
