/** What a declaration says that depends on topics. */

import type { MaybePromise } from 'svelte-realtime/kernel';
import type { RegisteredUser } from 'svelte-realtime/plugins/rpc';
import type { ServerContext } from '../server-context.ts';

/** `ctx` of an effect, of a snapshot, and of a derived value that everybody shares: nobody's. */
export type ReactionContext = ServerContext;

/** `ctx` of a derived value: nobody's, or, with `perUser`, with the user whose value it is. */
export type DerivedContext<PerUser extends boolean> = PerUser extends true
	? Omit<ServerContext, 'user'> & { readonly user: RegisteredUser }
	: ServerContext;

export interface DerivedFacts {
	readonly is: 'derived';
	readonly sources: readonly string[] | ((ctx: never, ...args: unknown[]) => readonly string[]);
	readonly compute: (ctx: never, ...args: unknown[]) => unknown;
	readonly topic: string | undefined;
	readonly perUser: boolean;
	readonly debounce: number;
}

export interface AggregateField {
	/** What it begins with: a value, or a function that makes one. @default undefined */
	readonly init?: unknown;
	/** What it is after an event; synchronous. */
	readonly reduce?: (value: never, event: string, data: never) => unknown;
	/** What is shown of it, from all fields; those above it are as they are shown. */
	readonly compute?: (state: never) => unknown;
}

export interface AggregateFacts {
	readonly is: 'aggregate';
	readonly sources: readonly string[];
	readonly fields: Readonly<Record<string, AggregateField>>;
	readonly snapshot:
		((ctx: ReactionContext) => MaybePromise<Readonly<Record<string, unknown>>>) | undefined;
	readonly topic: string | undefined;
	readonly debounce: number;
}

export interface EffectFacts {
	readonly is: 'effect';
	readonly sources: readonly string[];
	readonly run: (event: string, data: unknown, ctx: ReactionContext) => unknown;
	readonly debounce: number;
}

export type ReactionFacts = DerivedFacts | AggregateFacts | EffectFacts;

/** One for all, and everybody's: its topic is known before somebody asks for it. */
export function isStatic(facts: ReactionFacts): facts is DerivedFacts | AggregateFacts {
	if (facts.is === 'derived') return typeof facts.sources !== 'function' && !facts.perUser;
	return facts.is === 'aggregate';
}
