/** What is asked for, and its way through the pipeline. */

import type { Connection, Declaration, LiveError, MaybePromise } from 'svelte-realtime/kernel';
import type { LiveContext } from './context.ts';
import type { ModuleGuard } from './guard.ts';
import type { LiveEntry } from './registry.ts';

/** What is asked for, whoever asks: a frame, a page that is rendered, a test. */
export interface Invocation {
	/** The kind that the asker may run; the declaration decides whether it is one. */
	readonly kind: string;
	readonly path: unknown;
	readonly args: unknown;
	/** The arguments are in devalue's flat form. */
	readonly devalue: boolean;
	readonly connection: Connection;
	/** Becomes `ctx.abortSignal`. @default the connection's */
	readonly signal?: AbortSignal;
	/** What the client knows the outcome by; everything that is published through `ctx` has it. */
	readonly op?: string | undefined;
	/** Nobody wants it any more: what has not begun does not begin. @default false */
	readonly isCancelled?: boolean;
	/**
	 * The server itself asks again what a client was granted: no limit counts it, and its arguments are
	 * what a schema has made of them. @default false
	 */
	readonly isChecked?: boolean;
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

/**
 * Runs a whole invocation, checks and guards included, where it belongs.
 *
 * @param of `isFresh`: it asks for a request of its own.
 * @param run Goes on, once. What it is handed is `ctx.user` for this one. @default the connection's
 */
export type Scope = <R>(
	invocation: Invocation,
	of: { readonly isFresh: boolean },
	run: (user?: unknown) => MaybePromise<R>
) => MaybePromise<R>;

/**
 * Makes the error that a client may see out of one that it may not; undefined where there is none,
 * and then it is reported. What it returns is not. Never throws or rejects.
 */
export type ErrorReader = (
	error: unknown,
	connection: Connection
) => MaybePromise<LiveError | undefined>;

/** An invocation on its way through the pipeline. */
export class AdmittedCall<D extends Declaration, R> {
	readonly ctx: LiveContext;
	readonly declaration: D;
	readonly guard: ModuleGuard | undefined;
	readonly invocation: Invocation;
	readonly run: Run<D, R>;

	constructor(ctx: LiveContext, entry: LiveEntry, invocation: Invocation, run: Run<D, R>) {
		this.ctx = ctx;
		this.declaration = entry.declaration as D;
		this.guard = entry.guard;
		this.invocation = invocation;
		this.run = run;
	}
}
