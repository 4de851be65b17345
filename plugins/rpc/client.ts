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
import type { FrameOf } from '../../kernel/protocol.ts';
import type {} from './frames.ts';

// A function of any signature takes part, which only `never` as its parameters says.
export type RemoteFunction = (...args: never[]) => Promise<unknown>;

export interface RpcClient {
	call(path: string, args: readonly unknown[]): Promise<unknown>;
	/** Sends the calls that `collect` makes in one message, and waits for all of them. */
	batch<T extends readonly unknown[]>(collect: () => T): Promise<AwaitedAll<T>>;
}

type AwaitedAll<T extends readonly unknown[]> = { -readonly [K in keyof T]: Awaited<T[K]> };

interface Call extends Outgoing {
	readonly promise: Promise<unknown>;
	fail(error: unknown): void;
	succeed(value: unknown): void;
	cancelTimeout?: () => void;
}

/** Milliseconds. */
const TIMEOUT = 30_000;

/** The calls of a client. */
export function rpcClient(kernel: ClientKernel): RpcClient {
	return kernel.install(setup);
}

function setup(kernel: ClientKernel): RpcClient {
	const running = new Map<number, Call>();
	let collected: Call[] | undefined;

	kernel.hook('frame', (frame) => settle(frame as never), 'reply');
	kernel.hook('close', ({ willRetry }) => {
		for (const call of [...running.values()]) {
			if (!willRetry) call.fail(localError('CONNECTION_CLOSED'));
			// Whether it has run is not known, so it is not sent again.
			else if (call.sent) call.fail(localError('DISCONNECTED'));
		}
	});

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

	function create(path: string, args: readonly unknown[]): Call {
		const id = kernel.nextId();
		let succeed!: (value: unknown) => void;
		let fail!: (error: unknown) => void;
		const promise = new Promise((resolve, reject) => {
			succeed = resolve;
			fail = reject;
		});
		const ending =
			<V>(end: (value: V) => void) =>
			(value: V) => {
				running.delete(id);
				call.cancelTimeout?.();
				kernel.recall(call);
				end(value);
			};
		const call: Call = {
			frame: { type: 'rpc', id, path },
			args: trimmed(args),
			promise,
			succeed: ending(succeed),
			fail: ending(fail)
		};
		return call;
	}

	function start(call: Call): void {
		if (kernel.status() === 'closed') return call.fail(localError('CONNECTION_CLOSED'));
		try {
			kernel.connect();
		} catch (error) {
			return call.fail(error);
		}
		running.set((call.frame as FrameOf<'rpc'>).id, call);
		call.cancelTimeout = kernel.clock.after(kernel.options.timeout ?? TIMEOUT, () =>
			call.fail(localError('TIMEOUT'))
		);
		kernel.send(call);
	}

	return {
		call(path, args) {
			const call = create(path, args);
			if (collected) collected.push(call);
			else start(call);
			return call.promise;
		},
		async batch<T extends readonly unknown[]>(collect: () => T) {
			const outer = collected;
			const calls: Call[] = (collected = []);
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
				collected = outer;
			}
			const most = kernel.limits().batch;
			for (const call of calls) {
				if (calls.length <= most) start(call);
				else call.fail(new LiveError('INVALID_REQUEST', `A batch holds at most ${most} calls.`));
			}
			return Promise.all(results) as Promise<AwaitedAll<T>>;
		}
	};
}

/** The stub of a call, as generated code writes it. */
export function __rpc(path: string): (...args: unknown[]) => Promise<unknown> {
	return (...args) => rpcClient(page).call(path, args);
}
