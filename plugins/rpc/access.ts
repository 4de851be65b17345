/** `live.access`: who somebody is, as a question. */

import { isThenable, RealtimeError, type MaybePromise } from 'svelte-realtime/kernel';
import type { LiveContext } from './context.ts';

/** Says whether somebody may: only `true` is yes. */
export type Access = (ctx: LiveContext) => MaybePromise<boolean>;

/** What a role may: `true`, `false`, or a question that is asked each time. */
export type Roles = Readonly<Record<string, boolean | Access>>;

/**
 * Whether the caller has a user with this field, that is not `null`.
 *
 * @param field A field of the user's own. @default 'id'
 */
function owner(field: string = 'id'): (ctx: LiveContext) => boolean {
	return (ctx) => ownOf(ctx.user, field) != null;
}

/** Whether the caller's user has a `teamId`. */
function team(): (ctx: LiveContext) => boolean {
	return owner('teamId');
}

/**
 * Whether the role of the caller's user, its `role`, is one that may. A role that is not named may not.
 *
 * @throws {RealtimeError} RT_OPTION_INVALID for a role that is neither a boolean nor a function.
 * @example live.access.role({ admin: true, viewer: false, editor: (ctx) => isOnDuty(ctx.user) })
 */
function role(roles: Roles): Access {
	const known = new Map(Object.entries(roles));
	for (const [name, may] of known) {
		if (typeof may === 'boolean' || typeof may === 'function') continue;
		const wanted = 'true, false or a function';
		throw new RealtimeError('RT_OPTION_INVALID', [name, 'live.access.role()', may, wanted]);
	}
	return (ctx) => {
		const may = known.get(ownOf(ctx.user, 'role') as string);
		return typeof may === 'function' ? isYes(may(ctx)) : may === true;
	};
}

/** Whether one of them says yes; they are asked in order, and an error refuses at once. */
function any(...questions: readonly Access[]): Access {
	checkQuestions('any', questions);
	return (ctx) => settle(questions, ctx, true, 0);
}

/** Whether all of them say yes; they are asked in order, up to the first that does not. */
function all(...questions: readonly Access[]): Access {
	checkQuestions('all', questions);
	return (ctx) => settle(questions, ctx, false, 0);
}

/** Questions for `guard(…)`, `live.gate(…)` and the option `guard`. Each may be asynchronous. */
export const access: {
	readonly owner: typeof owner;
	readonly team: typeof team;
	readonly role: typeof role;
	readonly any: typeof any;
	readonly all: typeof all;
} = { owner, team, role, any, all };

/** Asks until one answers `last`; if none does, the answer is the other one. */
function settle(
	questions: readonly Access[],
	ctx: LiveContext,
	last: boolean,
	from: number
): MaybePromise<boolean> {
	for (let i = from; i < questions.length; i += 1) {
		const answer = isYes(questions[i]!(ctx));
		if (isThenable(answer)) {
			return Promise.resolve(answer).then((yes) =>
				yes === last ? last : settle(questions, ctx, last, i + 1)
			);
		}
		if (answer === last) return last;
	}
	return !last;
}

/** A promise is no yes by itself, and neither is what merely counts as true. */
function isYes(answer: MaybePromise<boolean>): MaybePromise<boolean> {
	if (isThenable(answer)) return Promise.resolve(answer).then((settled) => settled === true);
	return answer === true;
}

/** What an object inherits is nobody's field: `constructor` is no role. */
function ownOf(value: unknown, field: string): unknown {
	if (typeof value !== 'object' || value === null || !Object.hasOwn(value, field)) return undefined;
	return (value as Readonly<Record<string, unknown>>)[field];
}

/** None at all would be a yes of `all` to everybody. */
function checkQuestions(name: string, questions: readonly unknown[]): void {
	const wrong = questions.find((question) => typeof question !== 'function');
	if (questions.length > 0 && wrong === undefined) return;
	const given = questions.length === 0 ? 'nothing' : typeof wrong;
	const args = [`live.access.${name}()`, given, 'one function or more'];
	throw new RealtimeError('RT_LIVE_ARGUMENTS', args);
}
