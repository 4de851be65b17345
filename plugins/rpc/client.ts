/** The browser's half of calls. */

import {
	page,
	localError,
	toLiveError,
	trimmed,
	type ClientKernel,
	type Outgoing
} from '../../kernel/client/index.ts';
import { LiveError } from '../../kernel/live-error.ts';
import type { Frame, FrameOf } from '../../kernel/protocol.ts';
import type {} from './frames.ts';
import type { OfflineQueue } from './offline.ts';
import type { CallOptions, RemoteFunction } from './remote.ts';

export type { CallOptions, RemoteFunction } from './remote.ts';

export interface RpcClient {
	call(path: string, args: readonly unknown[], options?: CallOptions): Promise<unknown>;
	/** @param fields What its frame has in the place of, or beside, those of a call. */
	create(path: string, args: readonly unknown[], options?: CallOptions, fields?: object): Call;
	start(call: Call): void;
	/** Goes on with the session of a page before. */
	adopt(session: string): void;
	/** Where calls wait that are made without a connection, where an app has asked for that. */
	offline?: OfflineQueue;
	/** Where calls go instead of being sent, while a batch is put together. */
	collected?: Call[] | undefined;
}

/** Sends the calls that `collect` makes in one message, and waits for all of them. */
export type Batch = <T extends readonly unknown[]>(
	collect: () => T,
	options?: BatchOptions
) => Promise<AwaitedAll<T>>;

export interface BatchOptions {
	/** Each call begins when the one before it is over, well or badly. @default false */
	sequential?: boolean;
}

type AwaitedAll<T extends readonly unknown[]> = { -readonly [K in keyof T]: Awaited<T[K]> };

/** A call; until it begins it has neither an id nor a frame. */
export interface Call extends Outgoing {
	frame: Frame;
	readonly path: string;
	readonly args: readonly unknown[];
	promise: Promise<unknown>;
	/** The call before it in a sequential batch. */
	after?: Call | undefined;
	id?: number;
	/** The connection on which it was first sent, where it has to be asked for again. */
	again?: string | undefined;
	fail(error: unknown): void;
	succeed(value: unknown): void;
	cancelTimeout?: () => void;
	isOver?: boolean;
	/** Hears that the call is over. */
	over?(): void;
	begin(): void;
}

/** Calls whose results the server keeps before it is told that they have arrived. */
const UNACKNOWLEDGED = 16;

/** The calls of a client. */
export function rpcClient(kernel: ClientKernel): RpcClient {
	return kernel.install(setup);
}

function setup(kernel: ClientKernel): RpcClient {
	// By id, which is the order in which they are sent.
	const running = new Map<number, Call>();
	// Sent and given up, which the server has still to be told.
	const cancelled: number[] = [];
	// 128 bits. Not kept anywhere: what waits for answers ends with the page, and a page that was
	// duplicated must not share it.
	let session = globalThis.crypto?.getRandomValues(new Uint32Array(4)).join('-');
	let isIntroduced = false;
	let here = kernel.id();
	let done = 0;

	kernel.hook('frame', settle as never, 'reply');
	kernel.hook('open', ({ connection }) => {
		if (running.size || cancelled.length) introduce();
		here = connection;
	});
	kernel.hook('close', ({ willRetry }) => {
		isIntroduced = false;
		if (!willRetry)
			for (const call of [...running.values()]) call.fail(localError('CONNECTION_CLOSED'));
	});

	/** Begins the calls of a connection: asks again for what was sent on the one before. */
	function introduce(): void {
		if (isIntroduced) return;
		isIntroduced = true;
		if (session) kernel.send({ frame: { type: 'rpc:session', session } });
		tell();
		for (const call of running.values()) {
			if (call.sent && !call.again)
				call.text = call.text!.slice(0, -1) + `,"again":"${(call.again = here)}"}`;
			kernel.recall(call);
			kernel.send(call);
		}
	}

	function tell(): void {
		for (const id of cancelled.splice(0)) kernel.send({ frame: { type: 'rpc:cancel', id } });
	}

	function settle({ id, error, data, devalue }: FrameOf<'reply'>): void {
		const call = running.get(id!);
		if (!call) return;
		if (error) return call.fail(toLiveError(error));
		try {
			call.succeed(kernel.values.decode(data, devalue));
		} catch (cause) {
			call.fail(cause);
		}
	}

	function create(
		path: string,
		args: readonly unknown[],
		{ signal, timeout, op }: CallOptions = {},
		fields?: object
	): Call {
		const ending =
			<V>(end: (value: V) => void) =>
			(value: V) => {
				running.delete(call.id!);
				call.isOver = true;
				call.cancelTimeout?.();
				signal?.removeEventListener('abort', abort);
				kernel.recall(call);
				end(value);
				call.over?.();
			};
		const giveUp = (error: unknown): void => {
			if (call.sent) cancelled.push(call.id!);
			call.fail(error);
			if (kernel.status() === 'open') tell();
		};
		const abort = (): void => giveUp(signal!.reason);
		const call = {
			path,
			args: trimmed(args),
			begin() {
				const id = (call.id ??= kernel.nextId());
				running.set(id, call);
				const [first] = running.keys();
				const isDue = first! - done > UNACKNOWLEDGED;
				if (isDue) done = first! - 1;
				call.frame = {
					type: 'rpc',
					id,
					path,
					again: call.again,
					after: call.after?.id,
					done: isDue ? done : undefined,
					op,
					...fields
				};
				call.cancelTimeout = kernel.expire(giveUp, timeout);
				if (kernel.status() === 'open') introduce();
				kernel.send(call);
			}
		} as Call;
		call.promise = new Promise((resolve, reject) => {
			call.succeed = ending(resolve);
			call.fail = ending(reject);
		});
		if (signal?.aborted) abort();
		else signal?.addEventListener('abort', abort);
		return call;
	}

	function start(call: Call): void {
		if (call.isOver) return;
		if (kernel.status() === 'closed') return call.fail(localError('CONNECTION_CLOSED'));
		try {
			kernel.connect();
		} catch (error) {
			return call.fail(error);
		}
		if (client.offline) client.offline.add(call);
		else call.begin();
	}

	const client: RpcClient = {
		create,
		start,
		adopt(adopted) {
			session = adopted;
			// A call that waits may have an id below those that have been answered.
			done = Infinity;
		},
		call(path, args, options) {
			const call = create(path, args, options);
			if (client.collected) client.collected.push(call);
			else start(call);
			return call.promise;
		}
	};
	return client;
}

/** Sends the calls that `collect` makes in one message, and waits for all of them. */
export async function batch<T extends readonly unknown[]>(
	kernel: ClientKernel,
	collect: () => T,
	{ sequential }: BatchOptions = {}
): Promise<AwaitedAll<T>> {
	const client = rpcClient(kernel);
	const outer = client.collected;
	const calls: Call[] = (client.collected = []);
	let results: T;
	try {
		results = collect();
	} catch (error) {
		for (const call of calls) {
			// Nobody holds these promises any more, and a lost rejection ends a Node process.
			call.promise.catch(() => {});
			call.fail(error);
		}
		throw error;
	} finally {
		client.collected = outer;
	}
	const most = kernel.limits().batch;
	let before: Call | undefined;
	for (const call of calls) {
		if (sequential) call.after = before;
		before = call;
		if (calls.length <= most) client.start(call);
		else call.fail(new LiveError('INVALID_REQUEST', `A batch holds at most ${most} calls.`));
	}
	return Promise.all(results) as Promise<AwaitedAll<T>>;
}

/** The stub of a call, as generated code writes it. */
export function __rpc(path: string): RemoteFunction<unknown[], unknown> {
	return rpcStub(() => rpcClient(page), path);
}

/** The stub of a call of any client. */
export function rpcStub(
	client: () => RpcClient,
	path: string,
	options?: CallOptions
): RemoteFunction<unknown[], unknown> {
	const stub = (...args: unknown[]): Promise<unknown> => client().call(path, args, options);
	stub.with = (given: CallOptions) => rpcStub(client, path, { ...options, ...given });
	return Object.setPrototypeOf(stub, callPrototype) as ReturnType<typeof rpcStub>;
}

/** What all stubs of calls inherit from. A feature adds its members here. */
export const callPrototype: object = { __proto__: Function.prototype };
