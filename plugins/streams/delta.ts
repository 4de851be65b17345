/** What has changed since a version: for who was away for longer than the log reaches back. */

import {
	RealtimeError,
	type EncodedValue,
	type MaybePromise,
	type Position
} from 'svelte-realtime/kernel';
import type { LogEntry, Tail } from 'svelte-realtime/plugins/replay';
import type { StreamDeclaration } from './declare.ts';
import type { Source } from './load.ts';

/** A version as JSON text, so that equal ones are equal texts. */
export type Version = string;

/** One change, as the event that makes it. */
export interface Change {
	readonly event: string;
	readonly value: EncodedValue;
}

export interface Delta {
	readonly position: Position;
	readonly version: Version;
	readonly changes: readonly Change[];
	readonly events: readonly LogEntry[];
}

/** The version of a stream's value; undefined where it has none, or none that can be had. */
export async function readVersion(source: Source): Promise<Version | undefined> {
	const { kernel, ctx, declaration, args } = source;
	if (!declaration.delta) return undefined;
	try {
		const version = await declaration.delta.version(ctx, ...args);
		const { json, devalue } = kernel.values.encode(version, 'a version');
		if (json !== undefined && !devalue) return json;
		const about = ['delta.version', `the stream "${ctx.path}"`, String(version)];
		throw new RealtimeError('RT_OPTION_INVALID', [...about, 'JSON: a date, say, as text']);
	} catch (error) {
		kernel.report(error);
		return undefined;
	}
}

/**
 * Asks the stream's own `diff`. Position, version, changes, what came in between, in this order.
 *
 * @param since The version that the client says it has.
 * @returns undefined where everything has to be loaded; a failure is reported and means that too.
 */
export async function readDelta(
	source: Source,
	tail: Tail,
	since: unknown,
	handOver: (delta: Delta) => MaybePromise<void>
): Promise<boolean> {
	const { kernel, ctx, declaration, args } = source;
	const position = tail.head();
	const version = await readVersion(source);
	if (version === undefined) return false;
	let changes: readonly Change[] = [];
	if (version !== JSON.stringify(since)) {
		try {
			const diff = await declaration.delta!.diff(since, ctx, ...args);
			if (diff === null || diff === undefined) return false;
			const known = changesOf(source, diff);
			if (known === undefined) return false;
			changes = known;
		} catch (error) {
			kernel.report(error);
			return false;
		}
	}
	const events = tail.since(position);
	if (typeof events === 'string') return false;
	await handOver({ position, version, changes, events });
	return true;
}

/** The changes as events, which the client merges as it merges any other. */
function changesOf(
	{ kernel, ctx, declaration }: Source,
	diff: unknown
): readonly Change[] | undefined {
	const encode = (data: unknown): EncodedValue =>
		kernel.values.encode(data, `what has changed in "${ctx.path}"`);
	if (declaration.merge.merge === 'set') return [{ event: 'set', value: encode(diff) }];
	if (!Array.isArray(diff)) {
		const about = ['delta.diff', `the stream "${ctx.path}"`, typeof diff];
		throw new RealtimeError('RT_OPTION_INVALID', [...about, 'a function that returns a list']);
	}
	// `latest` only ever adds.
	if (declaration.merge.merge === 'latest' && diff.some(isDeleted)) return undefined;
	return diff.map((item: unknown) =>
		isDeleted(item)
			? { event: 'deleted', value: encode(keyOnly(item, declaration)) }
			: { event: 'created', value: encode(item) }
	);
}

function isDeleted(item: unknown): item is Readonly<Record<string, unknown>> {
	return (item as { _deleted?: unknown } | null | undefined)?._deleted === true;
}

/** What is gone is nobody's business any more, but for its key. */
function keyOnly(
	item: Readonly<Record<string, unknown>>,
	{ merge: { key } }: StreamDeclaration
): unknown {
	return { [key]: item[key] };
}
