/** Calls: one pipeline from a frame to a live function and back. */

import {
	definePlugin,
	type HANDLED,
	LiveError,
	type Connection,
	type Declaration,
	type MaybePromise,
	type MessageContext,
	type Plugin
} from 'svelte-realtime/kernel';
import { added } from './added.ts';
import type { ClientCall } from './calls.ts';
import { contextFactory, type LiveContext } from './context.ts';
import type { RpcDeclaration } from './declare.ts';
import { checkDurable } from './durable.ts';
import { createFailures } from './failures.ts';
import type {} from './frames.ts';
import type { Check, ErrorReader, Invocation, Run, Scope, Wrap } from './invocation.ts';
import { observed, type Observer } from './observe.ts';
import { createPipeline, type PipelineParts } from './pipeline.ts';
import {
	createRegistry,
	type DeclarationsListener,
	type LiveModules,
	type MountOptions
} from './registry.ts';
import { serveCalls, type CallsOptions, type ServedCalls } from './serve.ts';

export type { ClientCall } from './calls.ts';
export { access, type Access, type Roles } from './access.ts';
export type { BaseContext, LiveContext, RegisteredUser } from './context.ts';
export { rpcFunction, type LiveFunction, type RpcDeclaration } from './declare.ts';
export type { CallFrame } from './frames.ts';
export { gated } from './gate.ts';
export { guard, type GuardStep, type ModuleGuard } from './guard.ts';
export type {
	Check,
	ErrorReader,
	Invocation,
	Run,
	RunningCall,
	Scope,
	Wrap
} from './invocation.ts';
export type { Observer, Settlement } from './observe.ts';
export { memoryCalls, type MemoryCallsOptions } from './memory-calls.ts';
export type { CallClaim, CallStore, CallTimes } from './port.ts';
export type { LiveModules, MountOptions } from './registry.ts';
export { serverRpc } from './server-stub.ts';
export { validated } from './validated.ts';
export type { CallsOptions } from './serve.ts';
export type { SessionOptions } from './sessions.ts';

/** The live functions of this server. */
export interface Rpc extends Pick<ServedCalls, 'answered' | 'callOf' | 'sessionOf'> {
	/**
	 * Replaces all live modules in one step.
	 *
	 * @throws {RealtimeError} RT_LIVE_PATH, RT_GUARD_INVALID, RT_GUARD_PUBLIC, RT_GUARD_MISSING;
	 * nothing is replaced then.
	 */
	mount(modules: LiveModules, options?: MountOptions): void;
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
	/** Puts every invocation into a scope, its checks and guards included; the result takes it out. */
	within(scope: Scope): () => void;
	/** Tells of every invocation that has ended, well or badly; the result ends it. */
	observe(observer: Observer): () => void;
	/** Has errors looked at before they are answered; the result ends it. */
	failing(reader: ErrorReader): () => void;
	/**
	 * The pipeline of every kind of call: resolve, check, ask the guards of folders and module, validate,
	 * ask the declaration's own guard, run. It is synchronous until one of them is not.
	 *
	 * @throws {LiveError} NOT_FOUND, INVALID_REQUEST, VALIDATION, FORBIDDEN; and what checks, guard
	 * and `run` throw.
	 */
	invoke<D extends Declaration, R>(invocation: Invocation, run: Run<D, R>): MaybePromise<R>;
	/**
	 * Answers a frame that is a call of another kind, which is its `type`, as `rpc` frames are answered:
	 * once for each session, counted, and cancellable.
	 *
	 * @param begin Makes the last step of the pipeline for the call.
	 */
	receive<D extends Declaration>(
		message: MessageContext,
		begin: (call: ClientCall) => Run<D, unknown>
	): typeof HANDLED;
	/** Sends the answer to a frame that failed; reports what is no LiveError. */
	answerError(connection: Connection, id: number | null, error: unknown): void;
}

declare module 'svelte-realtime/kernel' {
	interface Capabilities {
		rpc: Rpc;
	}
}

/**
 * Answers `rpc` frames. Every call is answered, whatever its handler does, and runs once, however
 * often its client has to ask.
 */
export function rpc(options: CallsOptions = {}): Plugin<never, 'rpc'> {
	checkDurable(options);
	return definePlugin({
		name: 'rpc',
		optional: ['instances', 'calls.store'],
		provides: ['rpc'],
		setup(kernel) {
			const registry = createRegistry();
			const checks: Check[] = [];
			const wraps: Wrap[] = [];
			const scopes: Scope[] = [];
			const parts: PipelineParts = {
				values: kernel.values,
				registry,
				checks,
				wraps,
				scopes,
				createContext() {
					throw new LiveError('SERVICE_UNAVAILABLE', 'The server is starting.');
				}
			};
			const renew = (): void => void (parts.createContext = contextFactory(kernel));
			kernel.hook('ready', renew);
			kernel.hook('changed', renew);

			const failures = createFailures(kernel);
			const observers: Observer[] = [];
			const invoke = observed(createPipeline(parts), observers, kernel);

			const run = (call: ClientCall, begun?: () => void): MaybePromise<unknown> =>
				invoke<RpcDeclaration, unknown>(call, begun ? beginning(begun) : runHandler);
			const isDurable = (path: unknown): boolean =>
				(registry.get(path)?.declaration as RpcDeclaration | undefined)?.durable === true;
			const server = { kernel, ...failures, run, isDurable };
			const { receive, ...served } = serveCalls(server, options);

			kernel.provide('rpc', {
				mount: registry.mount,
				paths: registry.paths,
				watch: registry.watch,
				before: (check) => added(checks, check),
				around: (wrap) => added(wraps, wrap),
				invoke,
				...served,
				receive: (message, begin) => receive(message, (call) => invoke(call, begin(call))),
				within: (scope) => added(scopes, scope),
				failing: failures.failing,
				observe: (observer) => added(observers, observer),
				answerError: failures.answer
			});
		}
	});
}

const runHandler: Run<RpcDeclaration, unknown> = (ctx, declaration, args) =>
	declaration.handler(ctx, ...args);

function beginning(begun: () => void): Run<RpcDeclaration, unknown> {
	return (ctx, declaration, args) => {
		begun();
		return runHandler(ctx, declaration, args);
	};
}
