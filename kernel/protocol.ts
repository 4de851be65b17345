/**
 * The wire: one message is one JSON object, a frame, or an array of at most `limits.batch` frames.
 *
 * Every frame has a `type`. A frame that carries a value has it in `data` (or `args`) as JSON; where
 * the value needs more than JSON the same place holds devalue's flat form and `devalue: true`
 * stands beside it. README.md shows each frame with an example; a test runs those examples.
 *
 * Server and client share this module, so it imports nothing that does not belong in a browser.
 */

import type { EncodedValue, Position } from './contexts.ts';
import type { WireError } from './live-error.ts';

/** The version of the protocol, announced by `welcome`. */
export const PROTOCOL = 1;

/** Frame type → fields. A plugin adds its own in its `frames.ts`, by declaration merging. */
export interface Frames {
	/** Server: the first frame of a connection. */
	welcome: {
		readonly protocol: number;
		/** The connection's id. */
		readonly connection: string;
		/** What the server enforces, so that a client need not run into it. */
		readonly limits: { readonly message: number; readonly batch: number };
	};
	/** Server: the answer to the client's frame with this `id`; `null` where it had none that could be read. */
	reply: {
		readonly id: number | null;
		readonly data?: unknown;
		readonly devalue?: true;
		readonly error?: WireError;
	};
	/** Client: is anybody there? Pages can neither send nor see the pings of a WebSocket. */
	ping: {};
	/** Server: the answer to `ping`. */
	pong: {};
	/** Server: one event of a topic. `seq` on logged topics; `epoch` where it changes. */
	event: {
		readonly topic: string;
		readonly event: string;
		readonly data?: unknown;
		readonly devalue?: true;
		readonly seq?: number;
		readonly epoch?: string;
		/** The operation of a client that it is the outcome of, in that client's words. */
		readonly op?: string;
	};
}

export type FrameType = keyof Frames & string;
export type FrameOf<T extends FrameType> = { readonly type: T } & Frames[T];
export type Frame = { [T in FrameType]: FrameOf<T> }[FrameType];

/** A decoded frame: an object with a `type`, nothing else is known yet. */
export type RawFrame = Readonly<Record<string, unknown>> & { readonly type: string };

/** An event as a log keeps it, and as it stands in the `events` of an answer. */
export interface EventRecord {
	readonly event: string;
	readonly data?: unknown;
	readonly devalue?: true;
	readonly seq: number;
	readonly op?: string;
}

// --- encoding ---

/**
 * Writes a frame. Its value is spliced in as text that is encoded already, so that nothing is
 * encoded twice; `parts` are further fields whose text is at hand.
 */
export function encode<T extends FrameType, Part extends string = never>(
	frame: { readonly type: T } & Omit<Frames[T], Part>,
	value?: EncodedValue,
	parts?: Readonly<Record<Part, string>>
): string {
	if (value === undefined && parts === undefined) return JSON.stringify(frame);
	return encodeWith(frame, value === undefined ? '' : valueField(value), parts);
}

/** Writes a frame that carries no value of its own: all that a page has to load of the encoder. */
export function encodeWith(
	frame: { readonly type: string },
	fields: string,
	parts?: Readonly<Record<string, string>>
): string {
	let text = JSON.stringify(frame).slice(0, -1) + fields;
	for (const name in parts) text += `,"${name}":${parts[name]}`;
	return text + '}';
}

/** Writes an `event` frame: the one encoder of a publish. */
export function encodeEvent(
	topic: string,
	event: string,
	value: EncodedValue,
	position: Position | undefined,
	withEpoch: boolean,
	op?: string
): string {
	const head = `{"type":"event","topic":${JSON.stringify(topic)},"event":${JSON.stringify(event)}`;
	let text = head + valueField(value);
	if (position !== undefined && position.seq > 0) {
		text += `,"seq":${position.seq}`;
		if (withEpoch) text += `,"epoch":${JSON.stringify(position.epoch)}`;
	}
	return text + opField(op) + '}';
}

/** Writes one entry of an `events` field; a change that is no event of the topic has no `seq`. */
export function encodeRecord(
	event: string,
	value: EncodedValue,
	seq?: number,
	op?: string
): string {
	const number = seq === undefined ? '' : `,"seq":${seq}`;
	return `{"event":${JSON.stringify(event)}${valueField(value)}${number}${opField(op)}}`;
}

/** Writes the `reply` of a call that succeeded. */
export function encodeReply(id: number, value: EncodedValue): string {
	return `{"type":"reply","id":${id}${valueField(value)}}`;
}

function opField(op: string | undefined): string {
	return op === undefined ? '' : `,"op":${JSON.stringify(op)}`;
}

function valueField(value: EncodedValue): string {
	if (value.json === undefined) return '';
	return value.devalue ? `,"data":${value.json},"devalue":true` : `,"data":${value.json}`;
}

// --- decoding ---

/** Why a message could not be read. */
export interface Malformed {
	readonly malformed: string;
	/** The ids of the frames in it, each of which is owed an answer. */
	readonly ids: readonly (number | null)[];
}

/** Reads a message of the server's, leaving out what is no frame. Never throws. */
export function decodeTrusted(text: string): readonly RawFrame[] {
	try {
		return ([] as unknown[]).concat(JSON.parse(text)).filter(isFrame);
	} catch {
		// Nobody to answer: the server does not send what is not JSON.
		return [];
	}
}

/**
 * Reads a message into its frames. Never throws, whatever it is given.
 *
 * @param batch Most frames that one message may hold.
 */
export function decode(text: string, batch: number): RawFrame | readonly RawFrame[] | Malformed {
	let parsed: unknown;
	try {
		parsed = JSON.parse(text);
	} catch {
		// The parser's own words name positions in a text that the sender knows; they help nobody.
		return { malformed: 'The message is not JSON.', ids: [null] };
	}
	if (isFrame(parsed)) return parsed;
	if (!Array.isArray(parsed))
		return { malformed: 'A frame is an object with a type.', ids: [idOf(parsed)] };
	if (parsed.length > batch) {
		return { malformed: `A message holds at most ${batch} frames.`, ids: parsed.map(idOf) };
	}
	if (parsed.length === 0 || !parsed.every(isFrame)) {
		return {
			malformed: 'Each entry of a message is a frame, an object with a type.',
			ids: parsed.length === 0 ? [null] : parsed.map(idOf)
		};
	}
	return parsed;
}

export function isMalformed(
	message: RawFrame | readonly RawFrame[] | Malformed
): message is Malformed {
	return 'malformed' in message && 'ids' in message && !('type' in message);
}

function isFrame(value: unknown): value is RawFrame {
	// Of what JSON can hold, only an object can have it.
	return typeof (value as { type?: unknown } | null)?.type === 'string';
}

/** A frame's `id` where it is one: a whole number from 0. */
export function idOf(frame: unknown): number | null {
	if (typeof frame !== 'object' || frame === null) return null;
	const { id } = frame as { id?: unknown };
	return typeof id === 'number' && Number.isSafeInteger(id) && id >= 0 ? id : null;
}

// --- binary frames ---

/** Bytes of a binary frame's header at the most: its length is written in two. */
export const BINARY_HEADER = 0xffff;

/**
 * Reads a binary frame: the length of a JSON header in two bytes (big endian), the header, the bytes.
 * Never throws.
 */
export function decodeBinary(
	message: Uint8Array
): { readonly frame: RawFrame; readonly bytes: Uint8Array } | Malformed {
	const malformed = (reason: string): Malformed => ({ malformed: reason, ids: [null] });
	if (message.byteLength < 2)
		return malformed('A binary frame begins with the length of its header.');
	const length = (message[0]! << 8) | message[1]!;
	if (message.byteLength < 2 + length) return malformed('The header of a binary frame is cut off.');
	const header = decode(new TextDecoder().decode(message.subarray(2, 2 + length)), 1);
	if (isMalformed(header) || Array.isArray(header)) {
		return malformed('The header of a binary frame is one frame.');
	}
	return { frame: header as RawFrame, bytes: message.subarray(2 + length) };
}

/** Writes a binary frame. Its header may have at most `BINARY_HEADER` bytes. */
export function encodeBinary(frame: RawFrame, bytes: Uint8Array): Uint8Array<ArrayBuffer> {
	const header = new TextEncoder().encode(JSON.stringify(frame));
	if (header.byteLength > BINARY_HEADER) throw new RangeError('The header is too long.');
	const message = new Uint8Array(2 + header.byteLength + bytes.byteLength);
	message[0] = header.byteLength >> 8;
	message[1] = header.byteLength & 0xff;
	message.set(header, 2);
	message.set(bytes, 2 + header.byteLength);
	return message;
}
