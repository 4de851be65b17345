/** Loading a stream's value at a position. */

import {
	LiveError,
	RealtimeError,
	type MaybePromise,
	type PluginKernel,
	type Position
} from 'svelte-realtime/kernel';
import type { LogEntry, Tail } from 'svelte-realtime/plugins/replay';
import type { LiveContext } from 'svelte-realtime/plugins/rpc';
import type { Feed, StreamDeclaration } from './declare.ts';
import { readVersion, type Version } from './delta.ts';
import type { Paging } from './frames.ts';
import { readValue, type Read } from './paging.ts';
import { hasFilter } from './pipe/facts.ts';
import { needsNoWhole } from './pipe/transform.ts';
import type { Shape } from './shape.ts';

/** How often a value is loaded anew when its topic outruns the log meanwhile. */
const LOADS = 3;

export type Kernel = PluginKernel<'rpc' | 'replay', 'streams'>;

/** Which value, and for whom. */
export interface Source {
	readonly kernel: Kernel;
	readonly ctx: LiveContext;
	readonly declaration: StreamDeclaration;
	readonly args: readonly unknown[];
	/** What stands in for the loader and the log. */
	readonly feed?: Feed | undefined;
	/** Pages that are wanted of a list that has pages. @default 1 */
	readonly pages?: number | undefined;
	/** What the value is sent as, where not as it is. */
	readonly shape?: Shape | undefined;
}

/** A value, where it stands in its topic, and what has happened since. */
export interface Loaded {
	readonly value: unknown;
	/** Undefined on an ephemeral topic, which has no positions. */
	readonly position: Position | undefined;
	readonly version: Version | undefined;
	readonly events: readonly LogEntry[];
	/** Where the value is a list that goes on. */
	readonly paging?: Paging | undefined;
}

/**
 * Position first, then the version, then the value, then what came in between: nothing slips through.
 *
 * The value is in the shape of the source by then; the events are not, as they are those of that tick.
 *
 * @param tail Of the topic; an ephemeral one has none.
 * @param handOver Called in the tick in which the events were read. An await in between would let
 * in another publish, which is then neither among the events nor sent over the socket.
 */
export async function load<R>(
	source: Source,
	tail: Tail | undefined,
	handOver: (loaded: Loaded) => MaybePromise<R>
): Promise<R> {
	const { kernel, declaration, feed, shape } = source;
	const { loader, merge, pipes } = declaration;
	if (feed) {
		const position = tail!.head();
		return handOver({ value: feed.value(), position, version: undefined, events: [] });
	}
	if (loader === null) {
		// Of those that are left out there may be any number.
		const isWhole = merge.max === 0 || (pipes && hasFilter(pipes));
		const latest = tail?.last(isWhole ? Infinity : merge.max) ?? [];
		const { epoch, seq } = tail?.head() ?? { epoch: '', seq: 0 };
		// The events are the value: the client applies them to an empty list.
		const position = tail && { epoch, seq: seq - latest.length };
		return handOver({ value: [], position, version: undefined, events: latest });
	}
	const read = async (): Promise<Read & { readonly version: Version | undefined }> => {
		const version = await readVersion(source);
		const { value, paging } = await readValue(source);
		if (kernel.dev) checkKeys(source, value);
		if (paging?.hasMore && pipes) needsNoWhole(pipes);
		// Of what a `diff` names, nobody could tell what is new from what is on pages further back.
		const shown = shape ? await shape.value(value) : value;
		return { value: shown, paging, version: paging ? undefined : version };
	};
	return consistent(tail, read, (loaded, position, events) =>
		handOver({ ...loaded, position, events })
	);
}

/** Reads with the position taken before and the events since: together they are the present. */
export async function consistent<T, R>(
	tail: Tail | undefined,
	read: () => Promise<T>,
	handOver: (
		value: T,
		position: Position | undefined,
		events: readonly LogEntry[]
	) => MaybePromise<R>
): Promise<R> {
	for (let attempt = 1; attempt <= LOADS; attempt += 1) {
		const position = tail?.head();
		const value = await read();
		const events = position ? tail!.since(position) : [];
		if (typeof events !== 'string') return handOver(value, position, events);
	}
	throw new LiveError('SERVICE_UNAVAILABLE', 'The topic is faster than its loader.');
}

const checked = new WeakSet<StreamDeclaration>();

/** Reports a stream whose items cannot be told from the events that brought them. */
function checkKeys({ kernel, ctx, declaration }: Source, value: unknown): void {
	const { merge, key } = declaration.merge;
	if (merge !== 'latest' || !Array.isArray(value) || checked.has(declaration)) return;
	const hasKey = (item: unknown): boolean =>
		(item as Record<string, unknown> | null | undefined)?.[key] !== undefined;
	if (value.every(hasKey)) return;
	checked.add(declaration);
	kernel.report(new RealtimeError('RT_STREAM_KEYLESS', [ctx.path, key]));
}
