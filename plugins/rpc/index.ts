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
import type { Call } from './calls.ts';
import { contextFactory, type ContextFactory, type LiveContext } from './context.ts';
import type { RpcDeclaration } from './declare.ts';
import type {} from './frames.ts';
import { createRegistry, type DeclarationsListener, type LiveModules } from './registry.ts';
import { serveCalls } from './serve.ts';
import type { SessionOptions } from './sessions.ts';
import { validate } from '../validate.ts';

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
	/** What the client knows the outcome by; everything that is published through `ctx` has it. */
	readonly op?: string | undefined;
	/** Nobody wants it any more: what has not begun does not begin. @default false */
	readonly isCancelled?: boolean;
}

/** The last step of the pipeline. */
export type Run<D extends Declaration, R> = (
	ctx: LiveContext,
	declaration: D,
	args: readonly unknown[]
) => MaybePromise<R>;

/**
 * Decides whether an invocation may go on, before its arguments are looked at.
 *
 * @throws {LiveError} to refuse it.
 */
export type Check = (
	ctx: LiveContext,
	declaration: Declaration,
	invocation: Invocation
) => MaybePromise<void>;

/** What is about to run, once it is authorised. */
export interface RunningCall {
	readonly ctx: LiveContext;
	readonly declaration: Declaration;
	/** Checked. */
	readonly args: readonly unknown[];
}

/** Runs around what is asked for; its result is the result. */
export type Wrap = (call: RunningCall, next: () => MaybePromise<unknown>) => MaybePromise<unknown>;

/** The live functions of this server. */
export interface Rpc {
	/** Replaces all live modules in one step. */
	mount(modules: LiveModules): void;
	/** `module/function` of every live export. */
	paths(): readonly string[];
	/**
	 * Tells of all declarations, now and before each time that others take their place; a listener that
	 * throws keeps them from it. The result ends it.
	 */
	watch(listener: DeclarationsListener): () => void;
	/** Adds a check that every invocation passes before its guard; the result takes it out. */
	before(check: Check): () => void;
	/** Adds what runs around every invocation, the first one outermost; the result takes it out. */
	around(wrap: Wrap): () => void;
	/**
	 * The pipeline of every kind of call: resolve, check, validate, guard, run. It is synchronous
	 * until one of them is not.
	 *
	 * @throws {LiveError} NOT_FOUND, INVALID_REQUEST, VALIDATION, FORBIDDEN; and what checks, guard
	 * and `run` throw.
	 */
	invoke<D extends Declaration, R>(invocation: Invocation, run: Run<D, R>): MaybePromise<R>;
	/** Sends the answer to a frame that failed; reports what is no LiveError. */
	answerError(connection: Connection, id: number | null, error: unknown): void;
	/** Tells the session of a connection from any other, where its client has named one. */
	sessionOf(connection: Connection): string | undefined;
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
			const renew = (): void => void (createContext = contextFactory(kernel));
			kernel.hook('ready', renew);
			kernel.hook('changed', renew);

			const checks: Check[] = [];
			const wraps: Wrap[] = [];

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
				const ctx = createContext(invocation);
				const call = new AdmittedCall<D, R>(ctx, declaration as D, invocation, run);
				if (checks.length === 0) return validated(call);
				const checked = check(call, 0);
				return isThenable(checked)
					? Promise.resolve(checked).then(() => validated(call))
					: validated(call);
			}

			function check<D extends Declaration, R>(
				call: AdmittedCall<D, R>,
				from: number
			): MaybePromise<void> {
				for (let i = from; i < checks.length; i += 1) {
					const checked = checks[i]!(call.ctx, call.declaration, call.invocation);
					if (isThenable(checked)) return Promise.resolve(checked).then(() => check(call, i + 1));
				}
			}

			function validated<D extends Declaration, R>(call: AdmittedCall<D, R>): MaybePromise<R> {
				const { declaration, invocation } = call;
				const list = values.decode(invocation.args ?? [], invocation.devalue);
				if (!Array.isArray(list)) {
					throw new LiveError('INVALID_REQUEST', 'The arguments are a list.');
				}
				const { schema, schemaAt = 0 } = declaration;
				if (schema === undefined) return guarded(call, list);
				const input = validate(schema, list[schemaAt]);
				if (!isThenable(input)) {
					list[schemaAt] = input;
					return guarded(call, list);
				}
				return Promise.resolve(input).then((checked) => {
					list[schemaAt] = checked;
					return guarded(call, list);
				});
			}

			function guarded<D extends Declaration, R>(
				call: AdmittedCall<D, R>,
				args: readonly unknown[]
			): MaybePromise<R> {
				const guard = call.declaration.guard as
					((ctx: LiveContext, ...args: unknown[]) => MaybePromise<boolean | void>) | undefined;
				if (guard === undefined) return wrapped(call, args, 0);
				const answer = guard(call.ctx, ...args);
				if (!isThenable(answer)) return permitted(call, args, answer);
				return Promise.resolve(answer).then((settled) => permitted(call, args, settled));
			}

			function permitted<D extends Declaration, R>(
				call: AdmittedCall<D, R>,
				args: readonly unknown[],
				answer: boolean | void
			): MaybePromise<R> {
				if (answer === false) throw new LiveError('FORBIDDEN');
				return wrapped(call, args, 0);
			}

			function wrapped<D extends Declaration, R>(
				call: AdmittedCall<D, R>,
				args: readonly unknown[],
				from: number
			): MaybePromise<R> {
				const { ctx, declaration } = call;
				const wrap = wraps[from];
				if (wrap !== undefined) {
					const next = (): MaybePromise<R> => wrapped(call, args, from + 1);
					return wrap({ ctx, declaration, args }, next) as MaybePromise<R>;
				}
				if (call.invocation.isCancelled) throw new LiveError('STALE');
				return call.run(ctx, declaration, args);
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

			const server = { kernel, encodeError, run: (call: Call) => invoke(call, runHandler) };
			const sessionOf = serveCalls(server, options);

			kernel.provide('rpc', {
				mount: registry.mount,
				paths: registry.paths,
				watch: registry.watch,
				before: (check) => added(checks, check),
				around: (wrap) => added(wraps, wrap),
				invoke,
				sessionOf,
				answerError: (connection, id, error) => connection.answer(encodeError(id, error))
			});
		}
	});
}

const runHandler: Run<RpcDeclaration, unknown> = (ctx, declaration, args) =>
	declaration.handler(ctx, ...args);

/** An invocation on its way through the pipeline. */
class AdmittedCall<D extends Declaration, R> {
	readonly ctx: LiveContext;
	readonly declaration: D;
	readonly invocation: Invocation;
	readonly run: Run<D, R>;

	constructor(ctx: LiveContext, declaration: D, invocation: Invocation, run: Run<D, R>) {
		this.ctx = ctx;
		this.declaration = declaration;
		this.invocation = invocation;
		this.run = run;
	}
}

function added<T>(list: T[], item: T): () => void {
	list.push(item);
	return () => {
		const index = list.indexOf(item);
		if (index >= 0) list.splice(index, 1);
	};
}
