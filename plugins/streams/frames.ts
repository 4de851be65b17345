/** The frames of streams. */

import type { EventRecord, Position } from 'svelte-realtime/kernel';
import type { Sort } from './pipe/order.ts';

/** How events change the value of a stream. */
export type MergeName =
	'crud' | 'latest' | 'set' | 'presence' | 'cursor' | 'none' | 'group' | 'piped';

/** What a client must know to apply events as the server means them. */
export interface MergeOptions {
	/** @default 'crud' */
	readonly merge: MergeName;
	/** Field that identifies an item. @default 'id' */
	readonly key: string;
	/** New items go first instead of last. @default false */
	readonly prepend: boolean;
	/** Most items kept; 0 = all. @default 0 for crud, 50 for latest */
	readonly max: number;
	/** The events that there are, where only some are published. */
	readonly names?: readonly string[];
	/** What a piped list is kept by. */
	readonly of?: MergeName;
	/** What a piped list is ordered by: the first field that tells two items apart. */
	readonly sorts?: readonly Sort[];
	/** Most items of a piped list that are shown. */
	readonly limit?: number;
}

/** What stands beside a list that is only the beginning of a longer one. */
export interface Paging {
	/** There are more items behind these; absent where a loader has no pages. */
	readonly hasMore?: boolean;
	/** Where the next page begins, in the loader's own terms: JSON. */
	readonly cursor?: unknown;
	/** Pages that the list is made of. */
	readonly pages?: number;
}

export interface StreamFrame {
	/** Chosen by the client from the same counter as calls. */
	readonly id: number;
	/** With the version of items that the page was built for, where there is one: `chat/messages@3`. */
	readonly path: string;
	readonly args?: unknown;
	readonly devalue?: true;
	/** Where the client's value stands; it wants what came after. */
	readonly since?: Position | undefined;
	/** What the server last said the version of the value was; beside `since`. */
	readonly version?: unknown;
	/** Pages that the client has: as many are loaded where its value cannot be continued. */
	readonly pages?: number | undefined;
}

export interface MoreFrame {
	/** Chosen by the client from the same counter as calls. */
	readonly id: number;
	/** The `id` of the `stream` frame by which the stream is followed. */
	readonly stream: number;
	/** What the server last said the cursor was; the loader must check it like any other input. */
	readonly cursor: unknown;
}

export interface PageFrame extends Position {
	readonly id: number;
	/** The items of the page. */
	readonly data?: unknown;
	readonly devalue?: true;
	readonly hasMore: boolean;
	readonly cursor?: unknown;
	/** On which side of the pages before it it belongs. */
	readonly place: PagePlace;
	/** What came after the position while the page was being loaded. */
	readonly events?: readonly EventRecord[];
}

/** On which side of the pages before it the next page of a list belongs. */
export type PagePlace = 'after' | 'before';

export interface SnapshotFrame extends MergeOptions, Paging, Position {
	readonly id: number;
	readonly topic: string;
	readonly data?: unknown;
	readonly devalue?: true;
	/** JSON; where the stream has versions. To be sent back beside `since`. */
	readonly version?: unknown;
	/** What came after the position while the value was being loaded. */
	readonly events?: readonly EventRecord[];
	/** Why a client that named a position is not continued. */
	readonly reset?: ResetReason;
}

/**
 * Why what a client missed cannot be sent: its history is another one (`epoch`), the beginning of it
 * has been let go (`truncated`), or it is more than the connection's send buffer takes (`overflow`).
 */
export type ResetReason = 'epoch' | 'truncated' | 'overflow';

export interface RecoveredFrame extends MergeOptions, Position {
	readonly id: number;
	readonly topic: string;
	/** Everything after the client's position, in order. */
	readonly events: readonly EventRecord[];
}

export interface DeltaFrame extends MergeOptions, Position {
	readonly id: number;
	readonly topic: string;
	/** The version that the client's value has from now on. */
	readonly version: unknown;
	/** Changes, which have no `seq`; then what came after the position, in order. */
	readonly events: readonly (Omit<EventRecord, 'seq'> & Partial<Pick<EventRecord, 'seq'>>)[];
}

/** Where a topic stands. */
export interface Head extends Position {
	readonly topic: string;
}

declare module 'svelte-realtime/kernel' {
	interface Frames {
		/** Client: follows a stream; answered by `stream:snapshot`, `stream:recovered`, or a `reply` with an error. */
		stream: StreamFrame;
		/** Client: ends the stream that was begun with this id. Not answered. */
		'stream:end': { readonly id: number };
		/** Server: the value of a stream at a position; events of the topic follow it. */
		'stream:snapshot': SnapshotFrame;
		/** Server: what a returning client missed; events of the topic follow it. */
		'stream:recovered': RecoveredFrame;
		/** Server: what has changed since the client's version; events of the topic follow it. */
		'stream:delta': DeltaFrame;
		/** Client: the next page of a list that it follows; answered by `stream:page`, or a `reply` with an error. */
		'stream:more': MoreFrame;
		/** Server: the next page of a list. */
		'stream:page': PageFrame;
		/** Server: where followed topics stand, for who may have lost the latest events. Not answered. */
		'stream:heads': { readonly heads: readonly Head[] };
	}
}
