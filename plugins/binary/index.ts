/** Binary: calls whose functions are handed bytes, which come in chunks. */

import {
	definePlugin,
	HANDLED,
	LiveError,
	RealtimeError,
	type Connection,
	type Declaration,
	type Plugin
} from 'svelte-realtime/kernel';
import type { ClientCall, Run } from 'svelte-realtime/plugins/rpc';
import { checkCount, checkTime } from '../checks.ts';
import type { BinaryDeclaration } from './declare.ts';
import type {} from './frames.ts';
import { Held } from './held.ts';
import { Flow, Whole } from './sink.ts';
import { Upload } from './upload.ts';

export {
	binary,
	type BinaryDeclaration,
	type LiveBinary,
	type LiveBinaryOptions,
	type UploadData,
	type UploadStream
} from './declare.ts';
export type { BinaryFrame, CreditFrame } from './frames.ts';
export { serverBinary } from './server-stub.ts';

export interface BinaryOptions {
	/** Uploads of one client that come in, or are worked on, at a time; the next is RATE_LIMITED. @default 4 */
	uploads?: number;
	/** Bytes of all uploads of one client at a time; the next is RATE_LIMITED. @default 41943040 */
	bytes?: number;
	/** Bytes of all uploads at a time; the next is SERVICE_UNAVAILABLE. @default 268435456 */
	total?: number;
	/**
	 * Bytes of one upload that may be on their way, or wait to be read. Other calls of the client wait
	 * behind them at the most. @default 131072
	 */
	window?: number;
	/** Milliseconds for half of a window; an upload that takes longer is ended with TIMEOUT. @default 60000 */
	idle?: number;
}

/** What uploads hold at the moment. */
export interface Binary {
	readonly uploads: number;
	/** Bytes, as announced; of a function that is handed a stream, those of the window. */
	readonly bytes: number;
}

declare module 'svelte-realtime/kernel' {
	interface Capabilities {
		binary: Binary;
	}
}

/**
 * Answers uploads to the functions of `live.binary()`.
 *
 * Requires `rpc`, whose pipeline an upload passes before any of its bytes is taken, and whose sessions
 * keep it from running twice: after a broken connection it goes on where it stood.
 *
 * @throws {RealtimeError} RT_OPTION_INVALID when an option is no time, or no whole number from 1; when
 * live modules are mounted, also where a `maxSize` is more than there is room for.
 * @example realtime.config.ts: preset: single({ binary: { uploads: 2 } })
 */
export function binaries(options: BinaryOptions = {}): Plugin<'rpc', 'binary'> {
	const { uploads = 4, bytes = 40 * 1024 * 1024, total = 256 * 1024 * 1024 } = options;
	const { window = 128 * 1024, idle = 60_000 } = options;
	for (const [name, value] of Object.entries({ uploads, bytes, total, window })) {
		checkCount(name, 'binaries()', value);
	}
	checkTime('idle', 'binaries()', idle, 1);

	return definePlugin({
		name: 'binary',
		requires: ['rpc'],
		provides: ['binary'],
		setup(kernel) {
			const { clock } = kernel;
			const rpc = kernel.use('rpc');
			const held = new Held({ uploads, bytes, total }, kernel.limited);
			const running = new Map<ClientCall, Upload>();

			/** Takes the bytes in, once the call is allowed, and runs its function. */
			async function take(
				call: ClientCall,
				size: unknown,
				[ctx, declaration, args]: Parameters<Run<BinaryDeclaration, unknown>>
			): Promise<unknown> {
				const { maxSize, stream, handler } = declaration;
				if (!isSize(size)) throw new LiveError('INVALID_REQUEST', 'An upload says its size.');
				if (size > maxSize) {
					throw new LiveError('PAYLOAD_TOO_LARGE', `An upload has at most ${maxSize} bytes.`);
				}
				const { connection } = call;
				const client = rpc.sessionOf(connection) ?? connection.id;
				const free = held.take(client, stream ? Math.min(size, window) : size, connection);
				const sink = stream
					? new Flow(
							() => upload.grant(),
							() => upload.end()
						)
					: new Whole(size);
				const upload: Upload = new Upload(call, size, sink, { clock, window, idle });
				const cancel = (): void => upload.fail(unwanted());
				running.set(call, upload);
				call.signal.addEventListener('abort', cancel);
				try {
					upload.open();
					const data = sink instanceof Flow ? sink.stream : await sink.data;
					if (call.isCancelled) throw unwanted();
					const result = await handler(ctx, data, ...args);
					if (upload.failure !== undefined) throw upload.failure;
					return result;
				} finally {
					call.signal.removeEventListener('abort', cancel);
					running.delete(call);
					upload.end();
					sink.fail(unwanted());
					free();
				}
			}

			function uploadOf(connection: Connection, id: unknown): Upload | undefined {
				const call = rpc.callOf(connection, id);
				return call && running.get(call);
			}

			kernel.hook(
				'message',
				(message) => {
					const { connection, frame } = message;
					rpc.receive<BinaryDeclaration>(
						message,
						(call) =>
							(...run) =>
								take(call, frame['size'], run)
					);
					if (frame['again']) uploadOf(connection, frame['id'])?.tell();
					return HANDLED;
				},
				{ type: 'binary' }
			);

			kernel.hook(
				'message',
				({ connection, frame, bytes: chunk }) => {
					// What was on its way when an upload ended comes too late, and is nobody's.
					uploadOf(connection, frame['id'])?.receive(frame['at'], chunk as never);
					return HANDLED;
				},
				{ type: 'binary:chunk', answers: false }
			);

			kernel.attach(() =>
				rpc.watch((declarations) => {
					for (const declaration of declarations) checkRoom(declaration, Math.min(bytes, total));
				})
			);
			kernel.hook('shutdown', () => {
				for (const upload of running.values()) upload.fail(new LiveError('SERVICE_UNAVAILABLE'));
			});
			kernel.provide('binary', {
				get uploads() {
					return held.uploads;
				},
				get bytes() {
					return held.bytes;
				}
			});
		}
	});
}

function isSize(size: unknown): size is number {
	return Number.isSafeInteger(size) && (size as number) >= 0;
}

function unwanted(): LiveError {
	return new LiveError('STALE', 'Nobody waits for the upload any more.');
}

/** @throws {RealtimeError} RT_OPTION_INVALID where an upload as large as allowed could never be taken. */
function checkRoom(declaration: Declaration, room: number): void {
	if (declaration.kind !== 'binary') return;
	const { maxSize, stream } = declaration as BinaryDeclaration;
	if (stream || maxSize <= room) return;
	const wanted = `at most ${room}, as the plugin binary has no room for more; or say { stream: true }`;
	throw new RealtimeError('RT_OPTION_INVALID', ['maxSize', 'live.binary()', maxSize, wanted]);
}
