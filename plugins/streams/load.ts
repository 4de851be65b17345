/** Loading a stream's value at a position. */

import { LiveError, RealtimeError, type PluginKernel, type Position } from 'svelte-realtime/kernel';
import type { LogEntry, Tail } from 'svelte-realtime/plugins/replay';
import type { LiveContext } from 'svelte-realtime/plugins/rpc';
import type { StreamDeclaration } from './declare.ts';
import { readVersion, type Version } from './delta.ts';

/** How often a value is loaded anew when its topic outruns the log meanwhile. */
const LOADS = 3;

export type Kernel = PluginKernel<'rpc' | 'replay', 'streams'>;

/** Which value, and for whom. */
export interface Source {
	readonly kernel: Kernel;
	readonly ctx: LiveContext;
	readonly declaration: StreamDeclaration;
	readonly args: readonly unknown[];
}

/** A value, where it stands in its topic, and what has happened since. */
export interface Loaded {
	readonly value: unknown;
	/** Undefined on an ephemeral topic, which has no positions. */
	readonly position: Position | undefined;
	readonly version: Version | undefined;
	readonly events: readonly LogEntry[];
}

/**
 * Position first, then the version, then the value, then what came in between: nothing slips through.
 *
 * @param tail Of the topic; an ephemeral one has none.
 * @param handOver Called in the tick in which the events were read. An await in between would let
 * in another publish, which is then neither among the events nor sent over the socket.
 */
export async function load<R>(
	source: Source,
	tail: Tail | undefined,
	handOver: (loaded: Loaded) => R
): Promise<R> {
	const { kernel, ctx, declaration, args } = source;
	const { loader, merge } = declaration;
	if (loader === null) {
		const latest = tail?.last(merge.max === 0 ? Infinity : merge.max) ?? [];
		const { epoch, seq } = tail?.head() ?? { epoch: '', seq: 0 };
		// The events are the value: the client applies them to an empty list.
		const position = tail && { epoch, seq: seq - latest.length };
		return handOver({ value: [], position, version: undefined, events: latest });
	}
	for (let attempt = 1; attempt <= LOADS; attempt += 1) {
		const position = tail?.head();
		const version = await readVersion(source);
		const value = await loader(ctx, ...args);
		if (kernel.dev) checkKeys(source, value);
		const events = position ? tail!.since(position) : [];
		if (typeof events !== 'string') return handOver({ value, position, version, events });
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
