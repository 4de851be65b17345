/** The public entry of the browser: `svelte-realtime/client`. */

import {
	configure,
	createClientKernel,
	page,
	type ClientConnection,
	type ClientOptions
} from '../kernel/client/index.ts';
import { batch as sendBatch, rpcClient, rpcStub, type Batch } from './rpc/client.ts';
import type { RemoteFunction } from './rpc/remote.ts';
import { streamsClient, streamStub, type StreamStub } from './streams/client.ts';

export type {
	ClientConnection,
	ClientOptions,
	Closed,
	ConnectionStatus,
	OfflineOptions,
	PageEvent,
	PageEvents,
	QueuedCall,
	Token,
	WebSocketConstructor,
	WebSocketLike
} from '../kernel/client/index.ts';
export type { Issue } from '../kernel/live-error.ts';
export type { Position } from '../kernel/contexts.ts';
export type { Seed, StreamStore } from './streams/client.ts';
export type { LoadedStream } from './streams/loaded.ts';
export type { Stub } from './stub.ts';
export type { BatchOptions } from './rpc/client.ts';
export type { CallOptions, RemoteFunction } from './rpc/remote.ts';
export { LiveError } from '../kernel/live-error.ts';
export { configure } from '../kernel/client/index.ts';
export { __rpc } from './rpc/client.ts';
export { __awaitable } from './streams/awaitable.ts';
export { __stream } from './streams/client.ts';
export { liveTransport } from './streams/transport.ts';

/** A client of its own: one connection, shared by all its calls and streams. */
export interface Client {
	/** @param path `module/function`, as under `$live/`. */
	call<F extends (...args: never[]) => Promise<unknown> = RemoteFunction<unknown[], unknown>>(
		path: string
	): F;
	/** @param path `module/stream`, as under `$live/`. */
	stream<S = StreamStub>(path: string): S;
	readonly connection: ClientConnection;
	/**
	 * Sends the calls that `collect` makes in one message, and waits for all of them.
	 *
	 * @throws {LiveError} INVALID_REQUEST for more calls than the server takes (50); none is sent.
	 */
	batch: Batch;
	close(): void;
}

/**
 * Makes a client. It connects on the first call or subscriber.
 *
 * @example const client = createClient({ url: 'ws://localhost:3000/ws', WebSocket });
 * await client.call<Stub<typeof import('./live/chat').send>>('chat/send')('hello');
 */
export function createClient(options: ClientOptions = {}): Client {
	const kernel = createClientKernel(options);
	return {
		call<F>(path: string) {
			return rpcStub(() => rpcClient(kernel), path) as F;
		},
		stream<S>(path: string) {
			return streamStub(() => streamsClient(kernel), path) as S;
		},
		connection: kernel.connection,
		batch: (collect, batchOptions) => sendBatch(kernel, collect, batchOptions),
		close: () => kernel.connection.close()
	};
}

/** Sets what the app's generated code knows: the path of the socket and the app's own types. */
export const setup: (options: Pick<ClientOptions, 'path' | 'transport'>) => void = configure;

/** The page's connection. */
export const connection: ClientConnection = /* @__PURE__ */ (() => page.connection)();

/** Sends the page's calls that `collect` makes in one message, and waits for all of them. */
export const batch: Batch = (collect, options) => sendBatch(page, collect, options);
