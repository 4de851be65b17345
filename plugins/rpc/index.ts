/** Calls: one pipeline from a frame to a live function and back. */

import {
	definePlugin,
	encode,
	isThenable,
	LiveError,
	isLiveError,
	toWireError,
	type Connection,
	type Declaration,
	type MaybePromise,
	type Plugin
} from 'svelte-realtime/kernel';
import { contextFactory, type ContextFactory, type LiveContext } from './context.ts';
import type { RpcDeclaration } from './declare.ts';
import type {} from './frames.ts';
import { createRegistry, type LiveModules } from './registry.ts';
import { serveCalls } from './serve.ts';
import type { SessionOptions } from './sessions.ts';
import { validate } from './validate.ts';

export type { BaseContext, LiveContext, RegisteredUser } from './context.ts';
export { rpcFunction, type LiveFunction, type RpcDeclaration } from './declare.ts';
export type { CallFrame } from './frames.ts';
export type { LiveModules } from './registry.ts';
export { serverRpc } from './server-stub.ts';
export type { SessionOptions } from './sessions.ts';

/** What is asked for, whoever asks: a frame, a page that is rendered, a test. */
export interface Invocation {
	/** The kind that the asker may run; the declaration decides whether it is one. */
	readonly kind: string;
	readonly path: unknown;
	readonly args: unknown;
	/** The arguments are in devalue's flat form. */
	readonly devalue: boolean;
	readonly connection: Connection;
	/** Becomes `ctx.signal`. @default the connection's */
	readonly signal?: AbortSignal;
	/** Nobody wants it any more: what has not begun does not begin. @default false */
	readonly isCancelled?: boolean;
}

/** The last step of the pipeline. */
export type Run<D extends Declaration, R> = (
	ctx: LiveContext,
	declaration: D,
	args: readonly unknown[]
) => MaybePromise<R>;

/** The live functions of this server. */
export interface Rpc {
	/** Replaces all live modules in one step. */
	mount(modules: LiveModules): void;
	/** `module/function` of every live export. */
	paths(): readonly string[];
	/**
	 * The pipeline of every kind of call: resolve, validate, run.
	 *
	 * @throws {LiveError} NOT_FOUND, INVALID_REQUEST, VALIDATION; and whatever `run` throws.
	 */
	invoke<D extends Declaration, R>(invocation: Invocation, run: Run<D, R>): MaybePromise<R>;
	/** Sends the answer to a frame that failed; reports what is no LiveError. */
	answerError(connection: Connection, id: number | null, error: unknown): void;
}

declare module 'svelte-realtime/kernel' {
	interface Capabilities {
		rpc: Rpc;
	}
}

/** The kinds a client can ask for, in its own words. */
const KINDS: Readonly<Record<string, string>> = { rpc: 'a function', stream: 'a stream' };

/**
 * Answers `rpc` frames. Every call is answered, whatever its handler does, and runs once, however
 * often its client has to ask.
 */
export function rpc(options: SessionOptions = {}): Plugin<never, 'rpc'> {
	return definePlugin({
		name: 'rpc',
		provides: ['rpc'],
		setup(kernel) {
			const { values } = kernel;
			const registry = createRegistry();
			let createContext: ContextFactory = () => {
				throw new LiveError('SERVICE_UNAVAILABLE', 'The server is starting.');
			};
			kernel.hook('ready', () => {
				createContext = contextFactory(kernel);
			});

			function invoke<D extends Declaration, R>(
				invocation: Invocation,
				run: Run<D, R>
			): MaybePromise<R> {
				const { kind, path } = invocation;
				const declaration = registry.get(path);
				if (declaration === undefined) throw new LiveError('NOT_FOUND');
				if (declaration.kind !== kind) {
					const what = KINDS[declaration.kind] ?? declaration.kind;
					throw new LiveError('INVALID_REQUEST', `"${String(path)}" is ${what}.`);
				}
				const list = values.decode(invocation.args ?? [], invocation.devalue);
				if (!Array.isArray(list)) {
					throw new LiveError('INVALID_REQUEST', 'The arguments are a list.');
				}
				const ctx = createContext(invocation);
				const { schema } = declaration;
				if (schema === undefined) return run(ctx, declaration as D, list);
				const input = validate(schema, list[0]);
				if (isThenable(input)) {
					return Promise.resolve(input).then((checked) => {
						if (invocation.isCancelled) throw new LiveError('STALE');
						return run(ctx, declaration as D, [checked, ...list.slice(1)]);
					});
				}
				list[0] = input;
				return run(ctx, declaration as D, list);
			}

			function encodeError(id: number | null, error: unknown): string {
				try {
					if (!isLiveError(error)) kernel.report(error);
					return encode({ type: 'reply', id, error: toWireError(error) });
				} catch (failure) {
					// A LiveError whose own fields cannot be written, or read, is a fault of the handler.
					kernel.report(failure);
					return encode({ type: 'reply', id, error: toWireError(undefined) });
				}
			}

			serveCalls({ kernel, encodeError, run: (call) => invoke(call, runHandler) }, options);

			kernel.provide('rpc', {
				mount: registry.mount,
				paths: registry.paths,
				invoke,
				answerError: (connection, id, error) => void connection.send(encodeError(id, error))
			});
		}
	});
}

const runHandler: Run<RpcDeclaration, unknown> = (ctx, declaration, args) =>
	declaration.handler(ctx, ...args);
