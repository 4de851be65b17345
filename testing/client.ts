/** A client of a test: the real one, as a page has it. */

import type { Closed, ConnectionStatus } from '../kernel/client/connection.ts';
import type { KitServing } from '../adapter/runtime/kit-serving.ts';
import { visit } from '../adapter/runtime/visit.ts';
import type { ClientOptions } from '../kernel/client/configure.ts';
import type { UpgradeRequest } from '../kernel/contexts.ts';
import { LiveError } from '../kernel/live-error.ts';
import type { VirtualClock } from '../kernel/testing/clock.ts';
import { settle } from '../kernel/testing/clock.ts';
import { createClient, type Client, type Upload, type Uploadable } from '../plugins/client.ts';
import type { RegisteredUser } from '../plugins/rpc/context.ts';
import type { Seed } from '../plugins/streams/seed.ts';
import type { StreamStore } from '../plugins/streams/store.ts';
import { scopedClock } from './clock.ts';
import { createLine, type Server } from './network.ts';
import { followStream, type TestStream } from './stream.ts';
import { stubAt, stubsOf, type Find, type StubsOf } from './stubs.ts';

/** What is known of a visitor beside who it is. */
export interface Visitor {
	/** @default none */
	cookies?: Readonly<Record<string, string>>;
	/** Of its requests. @default none */
	headers?: Readonly<Record<string, string>>;
	/** @default '127.0.0.1' */
	ip?: string;
	/** Options of its client, such as `auth` or `offline`. */
	client?: Omit<ClientOptions, 'url' | 'path' | 'WebSocket' | 'clock'>;
}

/** A store of anything that can be followed. */
type Followable<Value> = Pick<StreamStore<Value>, 'subscribe' | 'current' | 'close'>;

/** A client of a test: a page of one visitor. */
export interface TestClient extends Pick<Client, 'batch' | 'connection' | 'onSignal'> {
	/** What the server has told this user, in order. */
	readonly signals: readonly { readonly event: string; readonly data: unknown }[];
	/** Calls a live function by `module/function`. @throws {LiveError} what a page would be told. */
	call(path: string, ...args: readonly unknown[]): Promise<unknown>;
	/** Sends bytes to a `live.binary()` by `module/function`. @throws {LiveError} as `call` does. */
	upload(path: string, data: Uploadable, ...args: readonly unknown[]): Upload<unknown>;
	/**
	 * What `$live/<module>` exports, typed, for this client.
	 *
	 * @example const { send, messages } = ada.live<typeof import('../src/live/chat')>('chat');
	 */
	live<Module>(module: string): StubsOf<Module>;
	/** Follows a stream of `live`, or one by `module/stream` with its arguments. */
	subscribe<Value, Store extends Followable<Value>>(
		stream: Store & Followable<Value>
	): TestStream<Value, Store>;
	subscribe(path: string, ...args: readonly unknown[]): TestStream;
	/**
	 * Loads a stream for a page of this visitor, as its `load` does while the page is rendered.
	 *
	 * @throws {LiveError} what the page would be refused with.
	 */
	load(path: string, ...args: readonly unknown[]): Promise<Seed>;
	/** Cuts the network. The server notices; what is on its way is lost. It stays cut. */
	disconnect(): Promise<void>;
	/** Mends the network, and waits until the client is back. @throws {LiveError} when it is refused. */
	reconnect(): Promise<void>;
	/** Cuts the network, and mends it. */
	flap(): Promise<void>;
	/** Leaves the page for good. */
	close(): Promise<void>;
}

/** A client, as its environment keeps it. */
export interface KeptClient extends TestClient {
	/** Whether its network is cut. */
	readonly isCut: boolean;
}

/** What a client needs of its environment. */
export interface ClientHost {
	readonly server: Server;
	readonly clock: VirtualClock;
	readonly find: Find;
	/** What all clients have in common. */
	readonly options: ClientOptions;
	/** Where the app's hooks, or its config, want to know about requests. */
	readonly kit: KitServing | undefined;
	/** Of every request, so that it is known whose it is. */
	readonly headers: Readonly<Record<string, string>>;
	/** The client has left. */
	left(client: TestClient): void;
}

/** Where the app seems to be. */
export const ORIGIN = 'http://localhost';

/** A client whose connection is not open yet. */
export function createTestClient(host: ClientHost, visitor: Visitor): KeptClient {
	const { server, find } = host;
	const requestOf = (url: string, more: Readonly<Record<string, string>>): UpgradeRequest => {
		const given = Object.entries(visitor.headers ?? {}).map(([name, value]) => [
			name.toLowerCase(),
			value
		]);
		const cookies = Object.entries(visitor.cookies ?? {});
		const cookie = cookies.map(([name, value]) => `${name}=${encodeURIComponent(value)}`);
		const headers = {
			...(cookie.length > 0 && { cookie: cookie.join('; ') }),
			...(Object.fromEntries(given) as Record<string, string>),
			...more,
			...host.headers
		};
		return { url, headers, ip: visitor.ip ?? '127.0.0.1', origin: ORIGIN };
	};
	const line = createLine(server, (protocols) =>
		requestOf('/ws', protocols.length ? { 'sec-websocket-protocol': protocols.join(', ') } : {})
	);
	const clock = scopedClock(host.clock);
	const client = createClient({
		random: () => 0.5,
		...host.options,
		...visitor.client,
		url: 'ws://localhost/ws',
		WebSocket: line.WebSocket,
		clock
	});
	const { connection } = client;
	const signals: { event: string; data: unknown }[] = [];
	client.onSignal((event: string, data: unknown) => void signals.push({ event, data }));
	let isCut = false;

	/** Connects at once, as a page does whose network is back. */
	async function dial(): Promise<void> {
		const before = connection.closed;
		connection.reconnect();
		if ((await settled(client, before)) === 'open') return;
		const { code = 'DISCONNECTED', reason, retryAfter } = line.refusal ?? {};
		throw new LiveError(code, reason, retryAfter === undefined ? {} : { retryAfter });
	}

	const self: KeptClient = {
		connection,
		batch: client.batch,
		onSignal: client.onSignal,
		signals,
		get isCut() {
			return isCut;
		},
		call: async (path, ...args) => client.call(path)(...args),
		upload: (path, data, ...args) => client.binary(path)(data, ...args),
		live: <Module>(module: string) => stubsOf(client, module, find) as StubsOf<Module>,
		subscribe(stream: string | object, ...args: readonly unknown[]) {
			if (typeof stream !== 'string') return followStream(stream, 'The stream') as never;
			const stub = stubAt(client, stream, find) as (...args: readonly unknown[]) => object;
			return followStream(args.length > 0 ? stub(...args) : stub, stream) as never;
		},
		load: async (path, ...args) => {
			const kernel = server.kernel();
			if (!kernel) throw new Error('No server runs.');
			const request = requestOf('/', {});
			const streams = kernel.use('streams');
			if (!host.kit) return streams.load(path, args, request);
			// Behind the app's `handle`, as in a page.
			const { respond } = host.kit;
			const { arrived, answer } = await visit(respond, request, { method: 'GET' }, (event) =>
				streams.load(path, args, { ...request, event })
			);
			if (arrived) return arrived.result;
			throw new Error(`The app's \`handle\` has answered ${answer.status} by itself.`);
		},
		async disconnect() {
			isCut = true;
			line.cut();
			await settle();
		},
		async reconnect() {
			isCut = false;
			line.mend();
			if (connection.status !== 'open') await dial();
			await settle();
		},
		async flap() {
			await self.disconnect();
			await self.reconnect();
		},
		async close() {
			host.left(self);
			client.close();
			clock.dispose();
			await settle();
		}
	};
	return self;
}

/** What an attempt to connect has come to. @param before How the connection before it ended. */
function settled({ connection }: Client, before: Closed | undefined): Promise<ConnectionStatus> {
	return new Promise((resolve) => {
		const leave = connection.subscribe((status) => {
			const isRefused = connection.closed !== undefined && connection.closed !== before;
			if (status !== 'open' && !isRefused) return;
			// Not before `subscribe` has returned.
			queueMicrotask(() => leave());
			resolve(status);
		});
	});
}
