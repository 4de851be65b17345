/** What comes in: size, decoding, and the plugin that a frame is for. Every frame is answered. */

import { Around } from './around.ts';
import { CLOSE, messageOf, type DenialCode } from './codes.ts';
import type { Connection } from './connection.ts';
import type { MessageContext } from './contexts.ts';
import type { HookTable } from './hooks.ts';
import type { Limits } from './limits.ts';
import { LiveError, toWireError } from './live-error.ts';
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
import type { MaybePromise, Payload } from './transport.ts';

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
	readonly #around: Around;

	constructor(options: MailroomOptions) {
		const { table, limits, limited, fail } = options;
		this.#options = options;
		this.#around = new Around({
			table,
			fail,
			limit: limits.deferredFrames,
			claim: (ctx) => this.#claim(ctx),
			refuse: (ctx, error) => this.#refuse(ctx, error),
			full: (ctx) => {
				limited('deferredFrames', ctx.connection);
				this.#refuse(ctx, new LiveError('QUEUE_FULL'));
			}
		});
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
		if (this.#around.isIdle) void this.#claim(ctx);
		else this.#around.pass(ctx);
	}

	#claim(ctx: MessageContext): MaybePromise<void> {
		const handled = runClaim(this.#options.table.forType(ctx.type), ctx, (plugin, error) => {
			this.#options.fail(plugin, error);
			this.#refuse(ctx, undefined);
		});
		if (handled === false) unclaimed(ctx);
		else if (isThenable(handled)) {
			return handled.then((claimed) => {
				if (!claimed) unclaimed(ctx);
			});
		}
	}

	/** Answers a frame that is for nobody, but for one whose `id` is that of another. */
	#refuse({ connection, frame, type }: MessageContext, error: unknown): void {
		const claims = this.#options.table.forType(type);
		if (claims.some(({ options }) => options.answers === false)) return;
		const id = idOf(frame);
		let text: string;
		try {
			text = encode({ type: 'reply', id, error: toWireError(error) });
		} catch (failure) {
			// The fields of an error that an app throws can be anything.
			this.#options.fail('kernel', failure);
			text = encode({ type: 'reply', id, error: toWireError(undefined) });
		}
		connection.answer(text);
	}
}

function unclaimed({ connection, frame }: MessageContext): void {
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
