/** The way of an invocation: resolve, check, ask the guards, validate, ask its own guard, run. */

import {
	isThenable,
	LiveError,
	type Declaration,
	type MaybePromise,
	type ValueCodec
} from 'svelte-realtime/kernel';
import type { ContextFactory, LiveContext } from './context.ts';
import {
	AdmittedCall,
	type Check,
	type Invocation,
	type Run,
	type Scope,
	type Wrap
} from './invocation.ts';
import type { LiveEntry, Registry } from './registry.ts';
import { validate } from '../validate.ts';

/** The kinds a client can ask for, in its own words. */
const KINDS: Readonly<Record<string, string>> = {
	rpc: 'a function',
	stream: 'a stream',
	binary: 'an upload'
};

/** What stands in its way. Whoever owns a list adds to it. */
export interface PipelineParts {
	readonly values: ValueCodec;
	readonly registry: Registry;
	readonly checks: readonly Check[];
	readonly wraps: readonly Wrap[];
	readonly scopes: readonly Scope[];
	/** Becomes another one when services do. */
	createContext: ContextFactory;
}

export type Pipeline = <D extends Declaration, R>(
	invocation: Invocation,
	run: Run<D, R>
) => MaybePromise<R>;

/** It is synchronous until one of them is not. */
export function createPipeline(parts: PipelineParts): Pipeline {
	const { values, registry, checks, wraps, scopes } = parts;

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
		const ctx = parts.createContext(invocation, user);
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

	return resolve;
}
