/** The browser's half of uploads. */

import { createSubscriber } from 'svelte/reactivity';
import { createListeners, localError, type ClientKernel } from '../../kernel/client/index.ts';
import { LiveError } from '../../kernel/live-error.ts';
import { encodeBinary, type FrameOf } from '../../kernel/protocol.ts';
import type { RpcClient } from '../rpc/client.ts';
import type {} from './frames.ts';
import type {
	Upload,
	Uploadable,
	UploadFunction,
	UploadOptions,
	UploadProgress
} from './remote.ts';

export type {
	Upload,
	Uploadable,
	UploadFunction,
	UploadOptions,
	UploadProgress
} from './remote.ts';

/** Bytes that the header of a chunk takes at the most. */
const HEADER = 100;

/** An upload that the server has heard of. */
interface Sending {
	credited(credit: FrameOf<'binary:credit'>): void;
	/** The connection is gone, and what was on its way with it. */
	paused(): void;
}

/** The uploads that run, by the ids of their calls. */
function setup(kernel: ClientKernel): Map<number, Sending> {
	const uploads = new Map<number, Sending>();
	kernel.hook(
		'frame',
		(frame) => {
			const credit = frame as never as FrameOf<'binary:credit'>;
			uploads.get(credit.id)?.credited(credit);
		},
		'binary:credit'
	);
	kernel.hook('close', () => {
		for (const upload of uploads.values()) upload.paused();
	});
	return uploads;
}

/** Whose uploads they are, and how it makes the calls that they are. */
export interface Uploader {
	readonly kernel: ClientKernel;
	readonly create: RpcClient['create'];
}

/** The stub of a function that is handed bytes, of any client. */
export function binaryStub(
	uploader: Uploader,
	path: string,
	options: UploadOptions = {}
): UploadFunction<unknown[], unknown> {
	const stub = (data: Uploadable, ...args: unknown[]): Upload<unknown> =>
		upload(uploader, { path, data, args, options });
	return Object.assign(stub, {
		with: (given: UploadOptions) => binaryStub(uploader, path, { ...options, ...given })
	});
}

interface Asked {
	readonly path: string;
	readonly data: Uploadable;
	readonly args: readonly unknown[];
	readonly options: UploadOptions;
}

function upload(
	{ kernel, create }: Uploader,
	{ path, data, args, options }: Asked
): Upload<unknown> {
	const { signal, timeout, onProgress } = options;
	const uploads = kernel.install(setup);
	const source = sourceOf(data);
	const giveUp = new AbortController();
	const abort = (): void => giveUp.abort(signal!.reason);
	const total = source?.size ?? 0;
	const progress = progressOf(total, onProgress);
	const fields = { type: 'binary', size: total } as const;
	const call = create(path, args, { signal: giveUp.signal }, fields);
	let sent = 0;
	let until = 0;
	// Counts connections: what was read for one is not sent on another.
	let turn = 0;
	let isSending = false;

	/** The server is there: it may take as long again. */
	function heard(): void {
		call.cancelTimeout?.();
		call.cancelTimeout = kernel.expire((error) => giveUp.abort(error), timeout);
	}

	async function send(): Promise<void> {
		if (isSending) return;
		isSending = true;
		try {
			while (sent < until && !call.isOver) {
				const mine = turn;
				const bytes = await source!.read(sent, until);
				if (mine === turn && !call.isOver) write(bytes);
			}
		} catch (error) {
			// A file that is gone, or was changed since it was chosen.
			giveUp.abort(error);
		}
		isSending = false;
	}

	function write(bytes: Uint8Array): void {
		const most = Math.max(kernel.limits().message - HEADER, 1);
		for (let at = 0; at < bytes.byteLength; at += most) {
			const frame = { type: 'binary:chunk', id: call.id, at: sent + at };
			kernel.write(encodeBinary(frame, bytes.subarray(at, at + most)));
		}
		sent += bytes.byteLength;
	}

	call.over = () => {
		uploads.delete(call.id!);
		signal?.removeEventListener('abort', abort);
	};
	if (signal?.aborted) abort();
	else signal?.addEventListener('abort', abort);
	if (!source) call.fail(new LiveError('INVALID_REQUEST', 'Upload a Blob, or bytes.'));
	else if (kernel.status() === 'closed') call.fail(localError('CONNECTION_CLOSED'));
	if (!call.isOver) {
		try {
			kernel.connect();
			// Past the queue of calls without a connection: nothing keeps a file for long.
			call.begin();
			if (!call.isOver) heard();
			uploads.set(call.id!, {
				credited(credit) {
					heard();
					progress.reached(credit.received);
					sent = Math.max(sent, credit.received);
					until = credit.until;
					void send();
				},
				paused() {
					turn += 1;
					sent = until = 0;
				}
			});
		} catch (error) {
			call.fail(error);
		}
	}
	return Object.assign(call.promise, { progress: progress.store, cancel: () => giveUp.abort() });
}

interface Source {
	/** Bytes. */
	readonly size: number;
	read(from: number, to: number): Uint8Array | Promise<Uint8Array>;
}

/** How to get at the bytes, piece by piece: a file is never in memory as a whole. */
function sourceOf(data: unknown): Source | undefined {
	if (typeof Blob === 'function' && data instanceof Blob) {
		return {
			size: data.size,
			async read(from, to) {
				const bytes = new Uint8Array(await data.slice(from, to).arrayBuffer());
				if (bytes.byteLength < to - from) throw new Error('The file has become shorter.');
				return bytes;
			}
		};
	}
	const isView = ArrayBuffer.isView(data);
	if (!isView && !(data instanceof ArrayBuffer)) return undefined;
	const bytes = isView
		? new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
		: new Uint8Array(data);
	return { size: bytes.byteLength, read: (from, to) => bytes.subarray(from, to) };
}

/** The store of how far an upload is. */
function progressOf(
	total: number,
	onProgress: UploadOptions['onProgress']
): { readonly store: Upload<unknown>['progress']; reached(sent: number): void } {
	const listeners = createListeners();
	let track: (() => void) | undefined;
	let progress: UploadProgress = { sent: 0, total };
	if (onProgress) listeners.add(() => onProgress(progress));
	listeners.notify();
	return {
		store: {
			get current() {
				track ??= createSubscriber((update) => listeners.add(update));
				track();
				return progress;
			},
			subscribe(run) {
				const leave = listeners.add(() => run(progress));
				run(progress);
				return leave;
			}
		},
		reached(sent) {
			if (sent <= progress.sent) return;
			progress = { sent, total };
			listeners.notify();
		}
	};
}
