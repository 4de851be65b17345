/** `live.tag()`: declares what pages refresh what they show by. */

import { chain, declared, RealtimeError, type MaybePromise } from 'svelte-realtime/kernel';
import type { LiveContext } from 'svelte-realtime/plugins/rpc';
import type { StreamDeclaration } from 'svelte-realtime/plugins/streams';
import { NAMESPACE, type Age } from './frames.ts';
import type { Invalidate } from './index.ts';

export interface TagOptions<Args extends readonly unknown[]> {
	/** Asked before anybody hears of it: `false` refuses with FORBIDDEN, an error with itself. */
	guard?: (ctx: LiveContext, ...args: Args) => MaybePromise<boolean | void>;
}

export interface TagDeclaration extends StreamDeclaration {
	readonly flavour: 'tag';
}

/** A tag, which pages hear through `$live/*`. On the server it is nothing that could be called. */
export interface LiveTag<Args extends readonly unknown[], Dynamic extends boolean = boolean> {
	(ctx: LiveContext, ...args: Args): Age;
	readonly '~live': TagDeclaration & {
		/** Type only. */
		readonly args: Args;
		/** Type only: its name is made from arguments, so the page's tag is a function of them. */
		readonly dynamic: Dynamic;
	};
}

type Name = string | ((ctx: LiveContext, ...args: never[]) => string);

/**
 * Declares a tag, which `ctx.invalidate(name)` is heard by: in every page that has put it on a query,
 * and that the guards of its folder, its module and its own let hear it.
 *
 * @throws {RealtimeError} RT_LIVE_ARGUMENTS
 * @example export const todos = live.tag('todos');
 */
export function tag(name: string, options?: TagOptions<[]>): LiveTag<[], false>;
/** Declares a tag per arguments: its name is made of them, by a synchronous function. */
export function tag<Args extends readonly unknown[]>(
	name: (ctx: LiveContext, ...args: Args) => string,
	options?: TagOptions<NoInfer<Args>>
): LiveTag<Args, true>;
export function tag(name: Name, { guard }: TagOptions<never> = {}): unknown {
	if (typeof name !== 'string' && typeof name !== 'function') {
		const wanted = 'a name, or a function that makes one from the arguments';
		throw new RealtimeError('RT_LIVE_ARGUMENTS', ['live.tag()', typeof name, wanted]);
	}
	const nameOf = name as (ctx: LiveContext, ...args: unknown[]) => string;
	const loader = (ctx: LiveContext, ...args: unknown[]): MaybePromise<Age> => {
		const { invalidate } = ctx as { invalidate?: Invalidate };
		if (!invalidate) throw new RealtimeError('RT_CAPABILITY_MISSING', ['live.tag()', 'invalidate']);
		const age = invalidate['~age'](typeof name === 'string' ? name : nameOf(ctx, ...args));
		return chain(age, (known) => ({ age: known }));
	};
	return declared(loader as never, {
		kind: 'stream',
		flavour: 'tag',
		schema: undefined,
		namespace: NAMESPACE,
		topic: name,
		loader,
		// It has no value that events would change: they are what it is followed for.
		merge: { merge: 'none', key: 'id', prepend: false, max: 0 },
		delta: undefined,
		guard
	});
}
