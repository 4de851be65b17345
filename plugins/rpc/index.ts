/** Calls: one pipeline from a frame to a live function and back. */

import {
	chain,
	definePlugin,
	type HANDLED,
	isThenable,
	LiveError,
	type Connection,
	type Declaration,
	type MaybePromise,
	type MessageContext,
	type Plugin
} from 'svelte-realtime/kernel';
import { added } from './added.ts';
import type { ClientCall } from './calls.ts';
import { contextFactory, type ContextFactory, type LiveContext } from './context.ts';
import type { RpcDeclaration } from './declare.ts';
import { createFailures } from './failures.ts';
import type {} from './frames.ts';
import {
	AdmittedCall,
	type Check,
	type ErrorReader,
	type Invocation,
	type Run,
	type Scope,
	type Wrap
} from './invocation.ts';
import { observed, type Observer } from './observe.ts';
import {
	createRegistry,
	type DeclarationsListener,
	type LiveEntry,
	type LiveModules,
	type MountOptions
} from './registry.ts';
import { serveCalls } from './serve.ts';
import type { SessionOptions } from './sessions.ts';
import { validate } from '../validate.ts';

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
export type { LiveModules, MountOptions } from './registry.ts';
export { serverRpc } from './server-stub.ts';
export { validated } from './validated.ts';
export type { SessionOptions } from './sessions.ts';

/** The live functions of this server. */
export interface Rpc {
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
	/** The call that runs under an id of this connection's client. */
	callOf(connection: Connection, id: unknown): ClientCall | undefined;
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
const KINDS: Readonly<Record<string, string>> = {
	rpc: 'a function',
	stream: 'a stream',
	binary: 'an upload'
};

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
			const scopes: Scope[] = [];
			const failures = createFailures(kernel);
			const observers: Observer[] = [];
			const invoke = observed(resolve, observers, kernel);

			function resolve<D extends Declaration, R>(
				invocation: Invocation,
				run: Run<D, R>
			): MaybePromise<R> {
				const { kind, path } = invocation;
				const entry = registry.get(path);
				if (entry === undefined) throw new LiveError('NOT_FOUND');
				if (entry.declaration.kind !== kind) {
					const what = KINDS[entry.declaration.kind] ?? entry.declaration.kind;
					throw new LiveError('INVALID_REQUEST', `"${String(path)}" is ${what}.`);
				}
				const scope = scopes[0];
				if (scope === undefined) return enter(entry, invocation, run);
				return scope(invocation, entry, (user) => enter(entry, invocation, run, user));
			}

			function enter<D extends Declaration, R>(
				entry: LiveEntry,
				invocation: Invocation,
				run: Run<D, R>,
				user?: unknown
			): MaybePromise<R> {
				const { declaration } = entry;
				const ctx = createContext(invocation, user);
				for (let i = 0; i < checks.length; i += 1) {
					const checked = checks[i]!(ctx, declaration, invocation);
					if (!isThenable(checked)) continue;
					const call = new AdmittedCall<D, R>(ctx, entry, invocation, run);
					return Promise.resolve(checked)
						.then(() => check(call, i + 1))
						.then(() => admitted(call));
				}
				// The way of most calls, and as long as nothing stands in it nothing is made for it.
				if (
					wraps.length > 0 ||
					entry.guard !== undefined ||
					declaration.schema !== undefined ||
					declaration.guard !== undefined
				) {
					return admitted(new AdmittedCall<D, R>(ctx, entry, invocation, run));
				}
				const list = argumentsOf(invocation);
				if (invocation.isCancelled) throw new LiveError('STALE');
				return run(ctx, declaration as D, list);
			}

			function argumentsOf({ args, devalue }: Invocation): unknown[] {
				const list = values.decode(args ?? [], devalue);
				if (Array.isArray(list)) return list;
				throw new LiveError('INVALID_REQUEST', 'The arguments are a list.');
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

			/** Who may not come in is told nothing of what the arguments have to be. */
			function admitted<D extends Declaration, R>(call: AdmittedCall<D, R>): MaybePromise<R> {
				if (call.guard === undefined) return validated(call);
				const asked = call.guard(call.ctx);
				if (!isThenable(asked)) return validated(call);
				return Promise.resolve(asked).then(() => validated(call));
			}

			function validated<D extends Declaration, R>(call: AdmittedCall<D, R>): MaybePromise<R> {
				const { declaration, invocation } = call;
				const list = argumentsOf(invocation);
				const { schema, schemaAt = 0 } = declaration;
				if (schema === undefined || invocation.isChecked) return guarded(call, list);
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

			const run = (call: ClientCall): MaybePromise<unknown> => invoke(call, runHandler);
			const { sessionOf, receive, callOf } = serveCalls({ kernel, ...failures, run }, options);

			kernel.provide('rpc', {
				mount: registry.mount,
				paths: registry.paths,
				watch: registry.watch,
				before: (check) => added(checks, check),
				around: (wrap) => added(wraps, wrap),
				invoke,
				sessionOf,
				receive: (message, begin) => receive(message, (call) => invoke(call, begin(call))),
				callOf,
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
