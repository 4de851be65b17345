/** What comes in: size, decoding, and the plugin that a frame is for. Every frame is answered. */

import { CLOSE, messageOf, type DenialCode } from './codes.ts';
import type { Connection } from './connection.ts';
import type { MessageContext } from './contexts.ts';
import type { HookTable } from './hooks.ts';
import type { Limits } from './limits.ts';
import {
	decode,
	decodeBinary,
	encode,
	idOf,
	isMalformed,
	type Malformed,
	type RawFrame
} from './protocol.ts';
import { isThenable, runClaim } from './run.ts';
import type { Payload } from './transport.ts';

const PONG = encode({ type: 'pong' });

export interface MailroomOptions {
	readonly table: HookTable;
	readonly limits: Limits;
	readonly fail: (plugin: string, error: unknown) => void;
	readonly limited: (limit: keyof Limits, connection: Connection) => void;
}

class Message implements MessageContext {
	readonly connection: Connection;
	readonly type: string;
	readonly frame: RawFrame;
	readonly bytes: Uint8Array | undefined;

	constructor(connection: Connection, frame: RawFrame, bytes: Uint8Array | undefined) {
		this.connection = connection;
		this.type = frame.type;
		this.frame = frame;
		this.bytes = bytes;
	}
}

export class Mailroom {
	readonly #options: MailroomOptions;

	constructor(options: MailroomOptions) {
		this.#options = options;
	}

	receive(connection: Connection, payload: Payload, byteLength: number): void {
		const { limits, limited } = this.#options;
		if (byteLength > limits.message) {
			limited('message', connection);
			connection.close(CLOSE.TOO_LARGE, `A message has at most ${limits.message} bytes.`);
			return;
		}
		if (typeof payload !== 'string') {
			const binary = decodeBinary(payload);
			if ('malformed' in binary) refuse(connection, binary);
			else this.#dispatch(connection, binary.frame, binary.bytes);
			return;
		}
		const message = decode(payload, limits.batch);
		if (isMalformed(message)) {
			if (message.ids.length > limits.batch) limited('batch', connection);
			refuse(connection, message);
		} else if (Array.isArray(message)) {
			connection.cork(() => {
				for (const frame of message) this.#dispatch(connection, frame, undefined);
			});
		} else {
			this.#dispatch(connection, message as RawFrame, undefined);
		}
	}

	#dispatch(connection: Connection, frame: RawFrame, bytes: Uint8Array | undefined): void {
		// Closed by us, perhaps by the frame before this one: nobody would hear what it does.
		if (!connection.isOpen) return;
		if (frame.type === 'ping') {
			connection.send(PONG);
			return;
		}
		const ctx = new Message(connection, frame, bytes);
		const handled = runClaim(this.#options.table.forType(frame.type), ctx, (plugin, error) => {
			this.#options.fail(plugin, error);
			answer(connection, idOf(frame), 'INTERNAL_ERROR');
		});
		if (handled === false) unclaimed(connection, frame);
		else if (isThenable(handled)) {
			void handled.then((claimed) => {
				if (!claimed) unclaimed(connection, frame);
			});
		}
	}
}

function unclaimed(connection: Connection, frame: RawFrame): void {
	answer(connection, idOf(frame), 'INVALID_REQUEST', 'There is no such type of frame.');
}

function refuse(connection: Connection, { ids, malformed }: Malformed): void {
	// Without ids answers cannot be told apart: one will do, or a small message makes a large answer.
	const owed = ids.filter((id, i) => id !== null || ids.indexOf(null) === i);
	for (const id of owed) answer(connection, id, 'INVALID_REQUEST', malformed);
}

function answer(
	connection: Connection,
	id: number | null,
	code: DenialCode,
	message: string = messageOf(code)
): void {
	connection.answer(encode({ type: 'reply', id, error: { code, message } }));
}
