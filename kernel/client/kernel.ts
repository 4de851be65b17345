import { systemClock, type Clock } from '../clock.ts';
import { LiveError, type WireError } from '../live-error.ts';
import { decodeTrusted, type FrameOf, type RawFrame } from '../protocol.ts';
import type { ClientOptions } from './configure.ts';
import { createLink, type ClientConnection, type ConnectionStatus } from './connection.ts';
import { createClientHooks, type ClientHookTable } from './hooks.ts';
import { localError } from './local-error.ts';
import { createSendQueue, type Outgoing } from './queue.ts';
import { createClientValues, type ClientValues } from './values.ts';

/** One client: a connection, and what the browser halves of plugins share of it. */
export interface ClientKernel {
	readonly options: ClientOptions;
	readonly connection: ClientConnection;
	readonly clock: Clock;
	readonly values: ClientValues;
	readonly hook: ClientHookTable['hook'];
	/** What the server takes in one message; its own figures once it has said welcome. */
	limits(): { readonly message: number; readonly batch: number };
	/** The status, without making an effect depend on it. */
	status(): ConnectionStatus;
	/** The server’s id of the connection, or of the last one there was. */
	id(): string | undefined;
	/** Begins to connect where nothing has yet. @throws RT_CLIENT_WEBSOCKET, RT_CLIENT_URL */
	connect(): void;
	/** Sends past the queue, at once; nothing where no connection is open. */
	write(payload: string | Uint8Array<ArrayBuffer>): void;
	/** The next `id` for a frame that is answered; at least `least`. */
	nextId(least?: number): number;
	/** Queues a frame; it leaves with the others of this microtask, once the connection is open. */
	send(outgoing: Outgoing): void;
	/** Takes a frame back that has not left. */
	recall(outgoing: Outgoing): void;
	/** Calls `fail` with TIMEOUT after `delay` milliseconds, unless the result is called. @default the client's */
	expire(fail: (error: LiveError) => void, delay?: number): () => void;
	/** Sets a plugin's half up on its first use. */
	install<T>(setup: (kernel: ClientKernel) => T): T;
}

/** Milliseconds. */
const TIMEOUT = 30_000;

/** Makes a client. It touches neither network nor page before something is sent. */
export function createClientKernel(options: ClientOptions = {}): ClientKernel {
	const hooks = createClientHooks();
	const values = createClientValues(() => options.transport ?? {});
	const installed = new Map<unknown, unknown>();
	// Nothing is sent before the server has said what it takes; a batch is measured before that.
	let limits = { message: Infinity, batch: 50 };
	let id: string | undefined;
	let lastId = 0;
	let inbox: RawFrame[] = [];

	const link = createLink(options, {
		receive(text) {
			inbox.push(...decodeTrusted(text));
			read();
		},
		lost(code, willRetry) {
			inbox = [];
			queue.forget();
			hooks.run('close', { code, willRetry });
		}
	});
	const queue = createSendQueue({
		values,
		limits: () => limits,
		isOpen: () => link.status() === 'open',
		capacity: () => options.queue ?? 1000,
		write: link.write,
		stuck: link.drop
	});

	/** Works the inbox off, in order; stops where a value needs devalue, and goes on when that is there. */
	function read(): void {
		for (let frame = inbox[0]; frame; frame = inbox[0]) {
			if (needsDevalue(frame) && !values.isReady()) {
				values.load().then(read, link.drop);
				return;
			}
			inbox.shift();
			if (frame.type === 'welcome') welcome(frame as never);
			else hooks.run('frame', frame, frame.type);
		}
	}

	function welcome(frame: FrameOf<'welcome'>): void {
		limits = { ...limits, ...frame.limits };
		link.welcomed();
		id = frame.connection;
		hooks.run('open', { connection: id });
		queue.flush();
	}

	return {
		// Its connection and status, and how it connects and writes.
		...link,
		options,
		get clock() {
			return options.clock ?? systemClock;
		},
		values,
		hook: hooks.hook,
		limits: () => limits,
		id: () => id,
		nextId: (least = 0) => (lastId = Math.max(lastId + 1, least)),
		send: queue.push,
		recall: queue.remove,
		expire(fail, delay = options.timeout ?? TIMEOUT) {
			return this.clock.after(delay, () => fail(localError('TIMEOUT')));
		},
		install<T>(setup: (kernel: ClientKernel) => T): T {
			if (!installed.has(setup)) installed.set(setup, setup(this));
			return installed.get(setup) as T;
		}
	};
}

/** Whether the frame, or an event in it, holds a value in devalue's form. */
function needsDevalue(frame: RawFrame): boolean {
	const entries = [frame as { devalue?: unknown } | null].concat((frame['events'] as []) ?? []);
	return entries.some((entry) => entry?.devalue === true);
}

/** Makes the error that a call is rejected with out of the one in its reply. */
export function toLiveError(error: WireError): LiveError {
	return new LiveError(error.code, error.message, error);
}
