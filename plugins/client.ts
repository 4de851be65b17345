/** The public entry of the browser: `svelte-realtime/client`. */

import {
	configure as configurePage,
	createClientKernel,
	page,
	type ClientConnection,
	type ClientKernel,
	type ClientOptions
} from '../kernel/client/index.ts';
import { binaryStub, type UploadFunction } from './binary/client.ts';
import { channelStub, type ChannelStub } from './channels/client.ts';
import { cursorsStub, type CursorsStub } from './cursors/client.ts';
import { groupStub, type GroupStub } from './groups/client.ts';
import { installFeatures } from './features.ts';
import { withAuth } from './identity/loader.ts';
import { presenceStub, type PresenceStub } from './presence/client.ts';
import { partsOf } from './rooms/parts.ts';
import { __rpc, batch as sendBatch, rpcClient, rpcStub, type Batch } from './rpc/client.ts';
import { loadOffline } from './rpc/offline-loader.ts';
import type { RemoteFunction } from './rpc/remote.ts';
import { onSignalOf, type OnSignal } from './signals/client.ts';
import { installMembers } from './streams/merge/members.ts';
import { __awaitable, type Hydratable } from './streams/awaitable.ts';
import { __stream, streamsClient, streamStub, type StreamStub } from './streams/client.ts';
import { pipedClient } from './streams/piped.ts';

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
export type { Stub, Stubs } from './stub.ts';
export type {
	Upload,
	Uploadable,
	UploadFunction,
	UploadOptions,
	UploadProgress
} from './binary/client.ts';
export type { ChannelStore } from './channels/client.ts';
export type { GroupStore } from './groups/client.ts';
export type { CursorsStore } from './cursors/client.ts';
export type { Cursor } from './cursors/frames.ts';
export type { PresenceStore } from './presence/client.ts';
export type { BatchOptions } from './rpc/client.ts';
export type { CallOptions, RemoteFunction } from './rpc/remote.ts';
export { LiveError } from '../kernel/live-error.ts';
export { installFeatures } from './features.ts';
export { __rpc } from './rpc/client.ts';
export { createHistory, type History, type HistoryOptions } from './rpc/history.ts';
export { __awaitable } from './streams/awaitable.ts';
export { __stream } from './streams/client.ts';
export { smooth, type Smooth, type SmoothOptions } from './cursors/smooth.ts';
export { combine, type Combined, type Subscribable } from './streams/combine.ts';
export { empty } from './streams/empty.ts';
export { installIterate as __iterate } from './streams/iterate.ts';
export { installOptimistic as __optimistic } from './optimistic.ts';
export type { DataOf, Operation } from './streams/operation.ts';
export { installPages as __pages } from './streams/pages.ts';
export { __awaitablePiped, __piped } from './streams/piped.ts';
export { installWhen as __when, type Condition } from './streams/when.ts';
export { onSignal, type OnSignal } from './signals/client.ts';
export {
	invalidated,
	tagged,
	type InvalidatedOptions,
	type Refreshable,
	type Tag
} from './invalidation/client.ts';
export { liveTransport } from './streams/transport.ts';

/** A client of its own: one connection, shared by all its calls and streams. */
export interface Client {
	/** @param path `module/function`, as under `$live/`. */
	call<F extends (...args: never[]) => Promise<unknown> = RemoteFunction<unknown[], unknown>>(
		path: string
	): F;
	/** @param path `module/function` of a `live.binary()`, as under `$live/`. */
	binary<F extends (...args: never[]) => Promise<unknown> = UploadFunction<unknown[], unknown>>(
		path: string
	): F;
	/** @param path `module/stream`, as under `$live/`. */
	stream<S = StreamStub>(path: string): S;
	/** @param path `module/stream` of a `live.presence()`, as under `$live/`. */
	presence<S = PresenceStub>(path: string): S;
	/** @param path `module/stream` of a `live.cursors()`, as under `$live/`. */
	cursors<S = CursorsStub>(path: string): S;
	/** @param path `module/channel`, as under `$live/`. */
	channel<S = ChannelStub>(path: string): S;
	/** @param path `module/group`, as under `$live/`. */
	group<S = GroupStub>(path: string): S;
	readonly connection: ClientConnection;
	/**
	 * Sends the calls that `collect` makes in one message, and waits for all of them.
	 *
	 * @throws {LiveError} INVALID_REQUEST for more calls than the server takes (50); none is sent.
	 */
	batch: Batch;
	/** Hears what the server tells the user of this connection. */
	onSignal: OnSignal;
	close(): void;
}

/**
 * Makes a client. It connects on the first call or subscriber.
 *
 * @example const client = createClient({ url: 'ws://localhost:3000/ws', WebSocket });
 * await client.call<Stub<typeof import('./live/chat').send>>('chat/send')('hello');
 */
export function createClient(given: ClientOptions = {}): Client {
	const options = { ...given };
	const kernel = createClientKernel(options);
	Object.assign(options, withAuth(kernel, options));
	if (options.offline) loadOffline(kernel, options.offline);
	installFeatures();
	return {
		call<F>(path: string) {
			return rpcStub(() => rpcClient(kernel), path) as F;
		},
		binary: <F>(path: string) => binaryOf(kernel, path) as F,
		stream<S>(path: string) {
			return streamStub(() => pipedClient(kernel), path) as S;
		},
		presence: <S>(path: string) => presenceOf(kernel, path) as S,
		cursors: <S>(path: string) => cursorsOf(kernel, path) as S,
		channel: <S>(path: string) => channelOf(kernel, path) as S,
		group: <S>(path: string) => groupOf(kernel, path) as S,
		connection: kernel.connection,
		batch: (collect, batchOptions) => sendBatch(kernel, collect, batchOptions),
		onSignal: onSignalOf(kernel),
		close: () => kernel.connection.close()
	};
}

/** The stub of a function that is handed bytes, as generated code writes it. */
export function __binary(path: string): UploadFunction<unknown[], unknown> {
	return binaryOf(page, path);
}

function binaryOf(kernel: ClientKernel, path: string): UploadFunction<unknown[], unknown> {
	return binaryStub({ kernel, create: (...asked) => rpcClient(kernel).create(...asked) }, path);
}

/** The stub of a presence stream, as generated code writes it. */
export function __presence(path: string): PresenceStub {
	return presenceOf(page, path);
}

function presenceOf(kernel: ClientKernel, path: string): PresenceStub {
	installMembers();
	return presenceStub(
		kernel,
		path,
		streamStub(() => streamsClient(kernel), path)
	);
}

/** The stub of cursors, as generated code writes it. */
export function __cursors(path: string): CursorsStub {
	return cursorsOf(page, path);
}

function cursorsOf(kernel: ClientKernel, path: string): CursorsStub {
	installMembers();
	return cursorsStub(
		kernel,
		streamStub(() => streamsClient(kernel), path)
	);
}

/** The stub of a channel, as generated code writes it. */
export function __channel(path: string): ChannelStub {
	return channelOf(page, path);
}

function channelOf(kernel: ClientKernel, path: string): ChannelStub {
	return channelStub(
		kernel,
		path,
		streamStub(() => streamsClient(kernel), path)
	);
}

/** The stub of a group, as generated code writes it. */
export function __group(path: string): GroupStub {
	return groupOf(page, path);
}

function groupOf(kernel: ClientKernel, path: string): GroupStub {
	const part = (name: string): StreamStub =>
		streamStub(() => streamsClient(kernel), `${path}.${name}`);
	return groupStub(kernel, path, { events: part('events'), members: part('members') });
}

/** The stub of a room, as generated code writes it. */
export function __room(
	path: string,
	data: (path: string) => StreamStub = __stream
): Readonly<Record<string, unknown>> {
	return partsOf(path, { data, presence: __presence, cursors: __cursors, action: __rpc });
}

/** The same for async Svelte: the data of the room can be awaited. */
export function __awaitableRoom(
	path: string,
	hydratable: Hydratable
): Readonly<Record<string, unknown>> {
	return __room(path, (part) => __awaitable(part, hydratable));
}

/** Sets what the app's generated code knows: the path of the socket and the app's own types. */
export const setup: (options: Pick<ClientOptions, 'path' | 'transport'>) => void = configurePage;

/**
 * Sets options of the page's client, before its first use; what is not named stays as it is.
 *
 * @example configure({ url: 'wss://example.com/ws', WebSocket }) // outside a browser
 */
export function configure(options: ClientOptions): void {
	configurePage(withAuth(page, options));
	if (options.offline) loadOffline(page, options.offline);
}

/** The page's connection. */
export const connection: ClientConnection = /* @__PURE__ */ (() => page.connection)();

/** Sends the page's calls that `collect` makes in one message, and waits for all of them. */
export const batch: Batch = (collect, options) => sendBatch(page, collect, options);
