/** The verdicts of hooks, and how each kind of hook is run: synchronous until a thenable appears. */

import type { Denial } from './codes.ts';
import type { MaybePromise } from './transport.ts';

/**
 * An answer of a handler, as a type. `unique symbol` would be the exact one, and does not survive
 * `async () => HANDLED`, where TypeScript widens it to `symbol`.
 */
export interface Verdict<Name extends string> {
	readonly verdict: Name;
}

/** Verdicts of any copy of this package are the same; bundling can make several. */
function verdict<Name extends string>(name: Name): Verdict<Name> {
	return Symbol.for(`svelte-realtime.${name}`) as never;
}

/** Answer of a `message` handler: the frame is mine, and dealt with. */
export const HANDLED: Verdict<'handled'> = /* @__PURE__ */ verdict('handled');
/** Answer of a `publish` handler: nobody shall have this frame. */
export const DROP: Verdict<'drop'> = /* @__PURE__ */ verdict('drop');
/** Answer of a `publish` handler: I deliver this frame myself, now or later. */
export const TAKEN: Verdict<'taken'> = /* @__PURE__ */ verdict('taken');
/** Answer of a `publish` handler that called `ctx.defer()`. */
export const DEFERRED: Verdict<'deferred'> = /* @__PURE__ */ verdict('deferred');

export function isThenable(value: unknown): value is PromiseLike<unknown> {
	return (
		typeof value === 'object' &&
		value !== null &&
		typeof (value as { then?: unknown }).then === 'function'
	);
}

/** Goes on with `next` when `value` is there: at once where it is no promise. */
export function chain<T, R>(
	value: MaybePromise<T>,
	next: (value: T) => MaybePromise<R>
): MaybePromise<R> {
	return isThenable(value) ? (value as Promise<T>).then(next) : next(value);
}

/** One registered handler. */
export interface Entry<H = (ctx: never) => unknown> {
	readonly plugin: string;
	readonly handler: H;
}

type Handlers = readonly Entry<(ctx: never) => unknown>[];
type Fail = (plugin: string, error: unknown) => void;

/** Runs gates in order until one refuses. One that throws refuses. */
export function runGate(
	entries: Handlers,
	ctx: unknown,
	fail: (plugin: string, error: unknown) => Denial,
	from: number = 0
): MaybePromise<Denial | undefined> {
	for (let i = from; i < entries.length; i += 1) {
		const entry = entries[i]!;
		try {
			const verdict = entry.handler(ctx as never);
			if (verdict === undefined) continue;
			if (isThenable(verdict)) {
				return Promise.resolve(verdict)
					.then((settled) => denialOf(settled) ?? runGate(entries, ctx, fail, i + 1))
					.catch((error: unknown) => fail(entry.plugin, error));
			}
			const denial = denialOf(verdict);
			if (denial) return denial;
		} catch (error) {
			return fail(entry.plugin, error);
		}
	}
	return undefined;
}

/** A gate answers `deny(…)` or nothing; whatever else it says must not pass for consent. */
function denialOf(verdict: unknown): Denial | undefined {
	if (verdict === undefined) return undefined;
	if ((verdict as Denial | null)?.denied === true) return verdict as Denial;
	throw new TypeError(`A gate returned ${String(verdict)}; it answers deny(code) or nothing.`);
}

/** Runs claims in order until one answers HANDLED. One that throws has claimed. */
export function runClaim(
	entries: Handlers,
	ctx: unknown,
	fail: Fail,
	from: number = 0
): MaybePromise<boolean> {
	for (let i = from; i < entries.length; i += 1) {
		const entry = entries[i]!;
		try {
			const verdict = entry.handler(ctx as never);
			if (verdict === HANDLED) return true;
			if (isThenable(verdict)) {
				return Promise.resolve(verdict).then(
					(settled) => settled === HANDLED || runClaim(entries, ctx, fail, i + 1),
					(error: unknown) => {
						fail(entry.plugin, error);
						return true;
					}
				);
			}
		} catch (error) {
			fail(entry.plugin, error);
			return true;
		}
	}
	return false;
}

/** Runs all of them, each after the one before it; a failure is reported and stops nobody. */
export function runNotice(
	entries: Handlers,
	ctx: unknown,
	fail: Fail,
	from: number = 0
): MaybePromise<void> {
	for (let i = from; i < entries.length; i += 1) {
		const entry = entries[i]!;
		try {
			const result = entry.handler(ctx as never);
			if (isThenable(result)) {
				return Promise.resolve(result).then(
					() => runNotice(entries, ctx, fail, i + 1),
					(error: unknown) => {
						fail(entry.plugin, error);
						return runNotice(entries, ctx, fail, i + 1);
					}
				);
			}
		} catch (error) {
			fail(entry.plugin, error);
		}
	}
}
