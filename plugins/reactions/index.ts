/** Reactions: values and effects that follow from what happens in topics. */

import {
	chain,
	definePlugin,
	LiveError,
	RealtimeError,
	type Declaration,
	type MaybePromise,
	type Plugin
} from 'svelte-realtime/kernel';
import type { LiveContext } from 'svelte-realtime/plugins/rpc';
import type { Feed } from 'svelte-realtime/plugins/streams';
import { checkCount, checkTime } from '../checks.ts';
import { followOf } from '../following.ts';
import { serverContexts } from '../server-context.ts';
import { Aggregation } from './aggregation.ts';
import type { ValueCell } from './cell.ts';
import { createCells } from './cells.ts';
import { reactionOf } from './declare.ts';
import { Derivation } from './derivation.ts';
import type { AggregateFacts, DerivedFacts, EffectFacts, ReactionFacts } from './facts.ts';
import { Hub } from './hub.ts';
import { askedFor, namesOf, type Asked } from './names.ts';
import { Reaction } from './reaction.ts';

export {
	aggregate,
	derived,
	effect,
	type AggregateOptions,
	type DerivedOptions,
	type EffectOptions,
	type Field,
	type LiveEffect
} from './declare.ts';
export type {
	AggregateFacts,
	DerivedContext,
	DerivedFacts,
	EffectFacts,
	ReactionContext
} from './facts.ts';

export interface ReactionsOptions {
	/** Derived values that are followed at a time; a further one is refused with SERVICE_UNAVAILABLE. @default 10000 */
	values?: number;
	/**
	 * Milliseconds after which another instance works a value out when the one that did so has gone
	 * without a word, where instances share values. @default 10000
	 */
	ttl?: number;
}

/** For `live.derived()` and `live.aggregate()`, whose members are the way to use them. */
export interface Reactions {
	/** The topic of the value that is asked for. */
	'~topic'(
		ctx: LiveContext,
		facts: DerivedFacts | AggregateFacts,
		args: readonly unknown[]
	): string;
	'~feed'(ctx: LiveContext, topic: string): MaybePromise<Feed>;
	/** What an aggregate shows. @throws {LiveError} NOT_FOUND where it is not mounted. */
	'~value'(facts: AggregateFacts): MaybePromise<unknown>;
}

declare module 'svelte-realtime/kernel' {
	interface Capabilities {
		reactions: Reactions;
	}
}

/**
 * Keeps derived values, aggregates and effects up to date with the topics that they name.
 *
 * Requires `rpc`, whose live modules it looks at. Where plugins provide `lock.store` and a log that
 * instances share, one of them works a value out for all; an effect is run on the one where its event
 * was published.
 *
 * @throws {RealtimeError} RT_OPTION_INVALID when an option is not of its kind.
 */
export function reactions(options: ReactionsOptions = {}): Plugin<'rpc', 'reactions'> {
	const { values = 10_000, ttl = 10_000 } = options;
	checkCount('values', 'reactions()', values);
	checkTime('ttl', 'reactions()', ttl, 100);

	return definePlugin({
		name: 'reactions',
		requires: ['rpc'],
		optional: ['replay.log', 'lock.store', 'topics.bus'],
		provides: ['reactions'],
		setup(kernel) {
			const { clock } = kernel;
			const contextOf = serverContexts(kernel);
			const hub = new Hub(kernel);
			const follow = followOf(kernel);
			const cells = createCells({ kernel, hub, clock, ttl });
			const asked = new WeakMap<LiveContext, Asked>();
			const derivations = new Map<string, Derivation>();
			const aggregations = new Map<AggregateFacts, Aggregation>();
			const effects = new Map<EffectFacts, Reaction>();
			/** Those whose topic is known, by it. */
			let known: ReadonlyMap<string, Asked> = new Map();
			let isReady = false;

			const failure =
				(owner: string, path: string) =>
				(cause: unknown): void =>
					kernel.report(new RealtimeError('RT_REACTION_FAILED', [owner, path], { cause }));

			// --- derived values ---

			function acquire(topic: string, wanted: Asked): Derivation {
				const { path, facts, args, user, isOfConnection } = wanted;
				let one = derivations.get(topic);
				if (one === undefined) {
					if (derivations.size >= values) {
						kernel.limited('reactions.values');
						throw new LiveError('SERVICE_UNAVAILABLE', 'Too many values are followed.');
					}
					const context = (): unknown => contextOf(path, user);
					const failed = failure('live.derived()', path);
					const cell = cells.make(topic, !isOfConnection);
					const own = { path, facts: facts as DerivedFacts, args, context, cell, failed };
					one = new Derivation({ ...own, hub, follow, clock, keep });
					// Before it listens: values that depend on each other in a circle would look for it for ever.
					derivations.set(topic, one);
					try {
						one.begin();
					} catch (error) {
						derivations.delete(topic);
						throw error;
					}
				}
				one.count += 1;
				return one;
			}

			function release(one: Derivation): void {
				one.count -= 1;
				if (one.count > 0) return;
				derivations.delete(one.cell.topic);
				one.end();
			}

			/** What depends on a derived value follows it, whether or not somebody else does. */
			function keep(topics: readonly string[]): () => void {
				const kept: Derivation[] = [];
				for (const topic of topics) {
					const source = known.get(topic);
					if (source?.facts.is !== 'derived') continue;
					try {
						const one = acquire(topic, source);
						kept.push(one);
						const ready = one.ready();
						if (ready) ready.catch(failure('live.derived()', source.path));
					} catch (error) {
						kernel.report(error);
					}
				}
				return () => kept.splice(0).forEach(release);
			}

			function feedOf(ctx: LiveContext, topic: string): MaybePromise<Feed> {
				const wanted = asked.get(ctx)!;
				if (wanted.facts.is === 'aggregate') {
					const one = aggregationOf(topic);
					return chain(one.ready(), () => one.cell.feed(() => {}));
				}
				const one = acquire(topic, wanted);
				const ready = one.ready();
				const feed = (): MaybePromise<Feed> => one.cell.feed(() => release(one));
				if (ready === undefined) return feed();
				return ready.then(feed, (error: unknown) => {
					release(one);
					throw error;
				});
			}

			// --- what is mounted ---

			function aggregationOf(topic: string): Aggregation {
				const facts = known.get(topic)?.facts;
				const one = facts?.is === 'aggregate' ? aggregations.get(facts) : undefined;
				if (one === undefined) throw new LiveError('NOT_FOUND');
				return one;
			}

			function mounted(paths: ReadonlyMap<string, ReactionFacts>): void {
				if (!isReady) return;
				const found = new Set(paths.values());
				const former = new Map<string, ValueCell>();
				for (const [facts, one] of aggregations) {
					if (found.has(facts)) continue;
					former.set(one.cell.topic, one.cell);
					one.end();
					aggregations.delete(facts);
				}
				for (const [facts, one] of effects) {
					if (found.has(facts)) continue;
					one.end(false);
					effects.delete(facts);
				}
				for (const one of derivations.values()) {
					const next = paths.get(one.path);
					if (next?.is !== 'derived' || next === one.facts) continue;
					try {
						one.replace(next);
					} catch (error) {
						failure('live.derived()', one.path)(error);
					}
				}
				for (const [path, facts] of paths) begin(path, facts, former);
				for (const cell of former.values()) cell.end();
			}

			function begin(path: string, facts: ReactionFacts, former: Map<string, ValueCell>): void {
				const context = (): ReturnType<typeof contextOf> => contextOf(path);
				const own = { context, hub, follow, clock, keep };
				if (facts.is === 'effect' && !effects.has(facts)) {
					const failed = failure('live.effect()', path);
					const isOwn = (topic: string): boolean => known.has(topic) && !cells.isShared(topic);
					effects.set(facts, new Reaction({ ...own, facts, failed, isOwn }));
				}
				if (facts.is === 'aggregate' && !aggregations.has(facts)) {
					const failed = failure('live.aggregate()', path);
					const topic = facts.topic ?? path;
					// Those who follow it already follow what takes its place.
					const cell = former.get(topic) ?? cells.make(topic, true);
					former.delete(topic);
					aggregations.set(facts, new Aggregation({ ...own, facts, failed, cell }));
				}
			}

			let present: ReadonlyMap<string, ReactionFacts> = new Map();
			const place = (paths: ReadonlyMap<string, Declaration>): (() => void) => {
				const next = new Map<string, ReactionFacts>();
				for (const [path, declaration] of paths) {
					const facts = reactionOf(declaration);
					if (facts) next.set(path, facts);
				}
				const named = namesOf(next);
				return () => {
					present = next;
					known = named;
					mounted(next);
				};
			};

			function end(): void {
				for (const one of effects.values()) one.end(true);
				for (const one of aggregations.values()) {
					one.end();
					one.cell.end();
				}
				for (const one of derivations.values()) one.end();
				for (const all of [effects, aggregations, derivations]) all.clear();
			}

			kernel.attach(() => kernel.use('rpc').watch((_list, paths) => place(paths)));
			// Snapshots and effects may use every service, and those are complete by now.
			kernel.hook('ready', () => {
				isReady = true;
				mounted(present);
			});
			kernel.hook('shutdown', () => {
				end();
				return cells.close();
			});

			kernel.provide('reactions', {
				'~topic'(ctx, facts, args) {
					const [one, topic] = askedFor(kernel.values, ctx, facts, args);
					asked.set(ctx, one);
					return topic;
				},
				'~feed': feedOf,
				'~value'(facts) {
					const one = aggregations.get(facts);
					if (one === undefined) throw new LiveError('NOT_FOUND');
					return chain(one.ready(), () => one.cell.value());
				}
			});
		}
	});
}
