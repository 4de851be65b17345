/** `guard()`: says who may use a live module, or everything in a folder. */

import { isThenable, LiveError, RealtimeError, type MaybePromise } from 'svelte-realtime/kernel';
import type { LiveContext } from './context.ts';

/**
 * One question of a guard. It refuses with an error, or with `false`, which is FORBIDDEN.
 *
 * Either it answers or it does not: what says `true` and then nothing, as `ctx.user?.isAdmin` does for
 * a visitor without a user, would let that visitor in.
 */
export type GuardStep =
	((ctx: LiveContext) => MaybePromise<void>) | ((ctx: LiveContext) => MaybePromise<boolean>);

/** Stands before the exports of a module, or of a folder, as its export `_guard`. */
export interface ModuleGuard {
	/** @throws {LiveError} to refuse. */
	(ctx: LiveContext): MaybePromise<void>;
	readonly '~guard': true;
}

/**
 * Makes a guard of questions that are asked in order; the first that refuses ends it. It is
 * synchronous until one of them is not.
 *
 * @param steps Go on with `undefined` or `true`; any other answer is FORBIDDEN.
 * @throws {RealtimeError} RT_LIVE_ARGUMENTS for what is no function, and for nothing at all.
 * @example export const _guard = guard(live.access.role({ admin: true }));
 */
export function guard(...steps: readonly GuardStep[]): ModuleGuard {
	const wrong = steps.find((step) => typeof step !== 'function');
	if (steps.length === 0 || wrong !== undefined) {
		const given = steps.length === 0 ? 'nothing' : typeof wrong;
		throw new RealtimeError('RT_LIVE_ARGUMENTS', ['guard()', given, 'one function or more']);
	}
	const ask = (ctx: LiveContext): MaybePromise<void> => askInTurn(steps, ctx, 0);
	return Object.defineProperty(ask, '~guard', { value: true as const }) as ModuleGuard;
}

/** Whether `guard()` has made it; a function that merely looks like one might refuse nobody. */
export function isGuard(value: unknown): value is ModuleGuard {
	return typeof value === 'function' && Object.hasOwn(value, '~guard');
}

function askInTurn(
	steps: readonly GuardStep[],
	ctx: LiveContext,
	from: number
): MaybePromise<void> {
	for (let i = from; i < steps.length; i += 1) {
		const answer: unknown = steps[i]!(ctx);
		if (isThenable(answer)) {
			return Promise.resolve(answer).then((settled) => {
				permit(settled);
				return askInTurn(steps, ctx, i + 1);
			});
		}
		permit(answer);
	}
}

function permit(answer: unknown): void {
	if (answer !== undefined && answer !== true) throw new LiveError('FORBIDDEN');
}
