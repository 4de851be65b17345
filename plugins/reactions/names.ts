/** What values are called, and whose they are. */

import { RealtimeError, type Connection, type ValueCodec } from 'svelte-realtime/kernel';
import type { LiveContext } from 'svelte-realtime/plugins/rpc';
import { argumentText } from '../argument-text.ts';
import { isStatic, type AggregateFacts, type DerivedFacts, type ReactionFacts } from './facts.ts';

/** Which value somebody asks for. */
export interface Asked {
	readonly path: string;
	readonly facts: DerivedFacts | AggregateFacts;
	readonly args: readonly unknown[];
	readonly user: unknown;
	/** It is that of a connection without a user: on other instances the same name is another's. */
	readonly isOfConnection: boolean;
}

/**
 * @throws {RealtimeError} RT_OPTION_INVALID where two have one topic, so that nobody could tell
 * whose value it is, or a value depends on itself.
 */
export function namesOf(paths: ReadonlyMap<string, ReactionFacts>): Map<string, Asked> {
	const known = new Map<string, Asked>();
	for (const [path, facts] of paths) {
		if (!isStatic(facts)) continue;
		const topic = facts.topic ?? path;
		const other = known.get(topic);
		if (other !== undefined && other.facts !== facts) {
			const owner = `live.${facts.is}() at "${path}"`;
			const slots = ['topic', owner, `"${topic}"`, `its own, and "${other.path}" has it`];
			throw new RealtimeError('RT_OPTION_INVALID', slots);
		}
		known.set(topic, { path, facts, args: [], user: null, isOfConnection: false });
	}
	for (const topic of known.keys()) checkCircle(known, [topic], new Set());
	return known;
}

/** @throws {RealtimeError} RT_OPTION_INVALID where a value depends on itself: it would never come to rest. */
function checkCircle(
	known: ReadonlyMap<string, Asked>,
	path: readonly string[],
	seen: Set<string>
): void {
	const one = known.get(path.at(-1)!);
	if (one === undefined) return;
	for (const source of one.facts.sources as readonly string[]) {
		if (source === path[0]) {
			const owner = `live.${one.facts.is}() at "${one.path}"`;
			const circle = [...path, source].join(' → ');
			throw new RealtimeError('RT_OPTION_INVALID', ['sources', owner, circle, 'without a circle']);
		}
		// A circle that it only leads to is found from there.
		if (seen.has(source)) continue;
		seen.add(source);
		checkCircle(known, [...path, source], seen);
	}
}

/** Which value a call stands for, and its topic. */
export function askedFor(
	values: ValueCodec,
	ctx: LiveContext,
	facts: DerivedFacts | AggregateFacts,
	args: readonly unknown[]
): [asked: Asked, topic: string] {
	const { path } = ctx;
	const base = facts.topic ?? path;
	const isPerUser = facts.is === 'derived' && facts.perUser;
	const isDynamic = facts.is === 'derived' && typeof facts.sources === 'function';
	const key = isPerUser ? keyOfUser(ctx) : '';
	const asked: Asked = {
		path,
		facts,
		args: isDynamic ? args : [],
		user: isPerUser ? ctx.user : null,
		isOfConnection: key.startsWith('c')
	};
	if (isStatic(facts)) return [asked, base];
	// As it goes over the wire: 1 is not '1' there, and ['a', 'b'] not ['a,b'].
	const { json, devalue } = argumentText(values, asked.args);
	return [asked, `${base}:${key && `${key}:`}${devalue ? '~' : ''}${json}`];
}

const unnamed = new WeakMap<Connection, number>();
let count = 0;

/** A user, or, of somebody without an id, a connection: never one under the name of the other. */
function keyOfUser({ user, connection }: LiveContext): string {
	const id: unknown = (user as { id?: unknown } | null | undefined)?.id;
	if (id !== undefined && id !== null) return `u${JSON.stringify(String(id))}`;
	// Not by its id: those of pages that are rendered have none.
	if (!unnamed.has(connection)) unnamed.set(connection, (count += 1));
	return `c${unnamed.get(connection)!}`;
}
