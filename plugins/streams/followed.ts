/** What following a stream looks like to those who read it, and to those who keep it. */

import type { ClientKernel } from '../../kernel/client/index.ts';
import type { Position } from '../../kernel/contexts.ts';
import type { LiveError } from '../../kernel/live-error.ts';
import type { FrameOf } from '../../kernel/protocol.ts';
import type {
	DeltaFrame,
	Head,
	MergeOptions,
	Paging,
	RecoveredFrame,
	SnapshotFrame
} from './frames.ts';
import type { List } from './merge/index.ts';
import type { Seed } from './seed.ts';
import type { StreamAddress, StreamStore } from './store.ts';

/** What a reader can see of a stream. */
export interface StreamState {
	readonly value: unknown;
	readonly error: LiveError | undefined;
	/** Neither a value nor an error is there yet. */
	readonly loading: boolean;
	/** There is a value. */
	readonly ready: boolean;
	/** The server sends every change as it happens. */
	readonly connected: boolean;
	/** There is a value, and the server may have a newer one that is on no way here. */
	readonly stale: boolean;
	readonly position: Position | undefined;
}

/** What a follower needs of those who keep it. */
export interface FollowerHost {
	readonly kernel: ClientKernel;
	/** Who hears what comes for an id, and for its topic where that is known. */
	readonly byId: Map<number, Follower>;
	/** Nobody listens any more. */
	dismiss(follower: Follower): void;
}

/** Follows one stream on behalf of everyone in this client who reads it. */
export interface Follower extends StreamState {
	readonly address: StreamAddress;
	/** The value as the server has confirmed it; undefined until there is one. */
	readonly list: List | undefined;
	/** Known once the stream was answered. */
	topic: string | undefined;
	/** What the server said of the value; known as soon as there is one. */
	options: Said;
	/** By which it is reached while it is followed. */
	store: StreamStore<unknown> | undefined;
	/** Somebody wants it; not after `stop`. */
	readonly isRunning: boolean;
	/** Of the latest question; 0 where the server follows nothing for us. */
	readonly id: number;
	/** Adds a reader; the first one begins the stream. Notifies nobody before this tick is over. */
	add(listener: () => void): () => void;
	/** Tells the readers, when this tick is over. */
	notify(): void;
	/** Takes over what the server rendered, unless what is here is as new. */
	adopt(seed: Seed): void;
	/** Ends the stream; its readers keep what they have. The next one to come begins it again. */
	stop(): void;
	/** Asks for the stream, from where the value stands. Waits for `open` where there is no connection. */
	ask(): void;
	answer(frame: (SnapshotFrame | RecoveredFrame | DeltaFrame) & { readonly type: string }): void;
	/** There is no stream with the server, for this reason; what is here stays. */
	refuse(error: LiveError): void;
	/** The connection is gone. */
	lost(willRetry: boolean): void;
	/** One event of the topic, as it happens; or only how far the topic has come. */
	event(frame: FrameOf<'event'> | Head): void;
}

/** What the server says of a value beside it. */
export type Said = MergeOptions & Paging & { readonly version?: unknown };
