/** A socket that tells what goes through it, and lets faults happen to it. */

import type { WebSocketConstructor, WebSocketLike } from '../../../kernel/client/index.ts';
import type { Clock } from '../../../kernel/clock.ts';
import {
	decodeBinary,
	decodeTrusted,
	isMalformed,
	type RawFrame
} from '../../../kernel/protocol.ts';
import type { Direction, Faults } from './faults.ts';
import { createLane, type Lane } from './lane.ts';

/** What went through the socket at once. */
export interface Message {
	readonly direction: Direction;
	readonly bytes: number;
	readonly frames: readonly RawFrame[];
	/** Those of the frames that did not get through. */
	readonly lost: readonly RawFrame[];
}

/** What a recorded socket belongs to. */
export interface Recording {
	readonly clock: Clock;
	readonly faults: Faults;
	began(socket: RecordedSocket): void;
	ended(socket: RecordedSocket): void;
	message(message: Message): void;
	/** Milliseconds between a question whether anybody is there and its answer. */
	latency(ms: number): void;
}

export interface RecordedSocket {
	/** Asks whether anybody is there; the page does not see the answer. */
	ping(): void;
	/** Ends it as a network does that is gone. */
	cut(): void;
}

const PING = '{"type":"ping"}';
/** What a socket that ended without a close frame reports. */
const ABNORMAL = 1006;

type Data = string | ArrayBuffer | ArrayBufferView;

/** Makes a constructor of recorded sockets out of one of sockets. */
export function recorded(Base: WebSocketConstructor, recording: Recording): WebSocketConstructor {
	return class extends Recorded {
		constructor(url: string, protocols?: string[]) {
			super(recording, () => new Base(url, protocols));
		}
	};
}

class Recorded implements WebSocketLike, RecordedSocket {
	onmessage: ((event: never) => void) | null = null;
	onclose: ((event: never) => void) | null = null;
	onerror: ((event: never) => void) | null = null;
	readonly #recording: Recording;
	readonly #inner: WebSocketLike | undefined;
	readonly #in: Lane;
	readonly #out: Lane;
	/** When each question left, and whether it is ours. */
	readonly #pings: { readonly at: number; readonly isOurs: boolean }[] = [];
	#hasEnded: boolean = false;

	constructor(recording: Recording, open: () => WebSocketLike) {
		const { clock, faults } = recording;
		this.#recording = recording;
		this.#in = createLane(clock, () => faults.delay);
		this.#out = createLane(clock, () => faults.delay);
		if (faults.isCut) {
			clock.after(0, () => this.#end(ABNORMAL, ''));
			return;
		}
		const inner = (this.#inner = open());
		inner.onmessage = ({ data }: { data: Data }) => this.#in.push(() => this.#receive(data));
		inner.onclose = ({ code, reason }: { code: number; reason: string }) =>
			this.#in.push(() => this.#end(code, reason));
		inner.onerror = (event) => this.onerror?.(event);
		recording.began(this);
	}

	send(data: Data): void {
		const { faults } = this.#recording;
		if (data === PING) return this.#ask(false);
		const frames = framesOf(data);
		const lost = frames.filter((frame) => faults.loses('out', frame));
		this.#recording.message({ direction: 'out', bytes: bytesOf(data), frames, lost });
		const rest = without(data, frames, lost);
		if (rest !== undefined) this.#out.push(() => this.#inner?.send(rest as string));
	}

	ping(): void {
		this.#ask(true);
	}

	close(code?: number, reason?: string): void {
		if (!this.#hasEnded) this.#recording.ended(this);
		this.#hasEnded = true;
		this.#in.close();
		this.#out.push(() => this.#inner?.close(code, reason));
	}

	cut(): void {
		this.#out.close();
		this.#in.close();
		this.#inner?.close();
		this.#end(ABNORMAL, '');
	}

	/** What an upload looks at. */
	get bufferedAmount(): number {
		return (this.#inner as { bufferedAmount?: number } | undefined)?.bufferedAmount ?? 0;
	}

	set binaryType(type: string) {
		Object.assign(this.#inner ?? {}, { binaryType: type });
	}

	#ask(isOurs: boolean): void {
		this.#pings.push({ at: this.#recording.clock.now(), isOurs });
		this.#out.push(() => this.#inner?.send(PING));
	}

	#receive(data: Data): void {
		const { faults, clock } = this.#recording;
		const all = framesOf(data);
		const pongs = all.filter(({ type }) => type === 'pong');
		const ours = pongs.filter(() => {
			// They are answered in the order in which they were asked.
			const ping = this.#pings.shift();
			if (ping) this.#recording.latency(clock.now() - ping.at);
			return ping?.isOurs;
		});
		const frames = all.filter((frame) => frame.type !== 'pong');
		const lost = frames.filter((frame) => faults.loses('in', frame));
		if (frames.length > 0 || all.length === 0) {
			this.#recording.message({ direction: 'in', bytes: bytesOf(data), frames, lost });
		}
		const rest = without(data, all, [...ours, ...lost]);
		if (rest !== undefined) this.onmessage?.({ data: rest } as never);
	}

	#end(code: number, reason: string): void {
		if (this.#hasEnded) return;
		this.#hasEnded = true;
		this.#recording.ended(this);
		this.onclose?.({ code, reason } as never);
	}
}

function framesOf(data: Data): readonly RawFrame[] {
	if (typeof data === 'string') return decodeTrusted(data);
	const bytes = ArrayBuffer.isView(data)
		? new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
		: new Uint8Array(data);
	const decoded = decodeBinary(bytes);
	return isMalformed(decoded as never) ? [] : [(decoded as { frame: RawFrame }).frame];
}

/** The message with what is left of its frames; undefined where that is nothing. */
function without(
	data: Data,
	frames: readonly RawFrame[],
	gone: readonly RawFrame[]
): Data | undefined {
	if (gone.length === 0) return data;
	const left = frames.filter((frame) => !gone.includes(frame));
	if (left.length === 0) return undefined;
	return JSON.stringify(left.length === 1 ? left[0] : left);
}

const encoder = new TextEncoder();

/** Bytes on the wire, without what the network adds. */
export function bytesOf(data: Data): number {
	return typeof data === 'string' ? encoder.encode(data).byteLength : data.byteLength;
}
