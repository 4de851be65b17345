/** What a page rendered on the server hands to the browser, so that a stream goes on from there. */

import type { Position } from 'svelte-realtime/kernel';
import type { MergeOptions, Paging } from './frames.ts';

/** A stream's value at a position: plain data, which SvelteKit's `load` can return. */
export interface Seed<Value = unknown> extends MergeOptions, Paging {
	/** With the version of its items, where the stream has versions: `chat/messages@3`. */
	readonly path: string;
	readonly args: readonly unknown[];
	readonly value: Value;
	readonly topic: string;
	/** Absent where the value cannot be continued: the browser loads it again. */
	readonly position?: Position;
	/** Where the stream's value has versions. */
	readonly version?: unknown;
}

/** The part of SvelteKit's `RequestEvent` that loading a stream needs. */
export interface LoadEvent {
	readonly request: Request;
	readonly url: URL;
	getClientAddress(): string;
}
