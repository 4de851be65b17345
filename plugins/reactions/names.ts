/** What values are called, and whose they are. */

import { RealtimeError, type Connection } from 'svelte-realtime/kernel';
import type { LiveContext } from 'svelte-realtime/plugins/rpc';
import { isStatic, type AggregateFacts, type DerivedFacts, type ReactionFacts } from './facts.ts';

/** Which value somebody asks for. */
export interface Asked {
	readonly path: string;
	readonly facts: DerivedFacts | AggregateFacts;
	readonly args: readonly unknown[];
	readonly user: unknown;
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
		known.set(topic, { path, facts, args: [], user: null });
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

const unnamed = new WeakMap<Connection, number>();
let count = 0;

/** A user, or, of somebody without an id, a connection: never one under the name of the other. */
export function keyOfUser({ user, connection }: LiveContext): string {
	const id: unknown = (user as { id?: unknown } | null | undefined)?.id;
	if (id !== undefined && id !== null) return `u${JSON.stringify(String(id))}`;
	// Not by its id: those of pages that are rendered have none.
	if (!unnamed.has(connection)) unnamed.set(connection, (count += 1));
	return `c${unnamed.get(connection)!}`;
}
