/** What each hook is handed: one context type per hook. */

import type { Denial } from './codes.ts';
import type { Connection } from './connection.ts';
import type { LimitName } from './limits.ts';
import type { PublishResult } from './plugin.ts';
import type { RequestEvent } from './request-event.ts';
import type { DEFERRED, TAKEN } from './run.ts';
import type { MaybePromise } from './transport.ts';

/** What the `upgrade` gates know about a connection. Plugins and apps add to it by merging. */
export interface ConnectionData {
	/** Who is connected; becomes `ctx.user` in live functions. */
	user?: unknown;
}

/** An HTTP request that asks to become a connection, or to be rendered on behalf of one. */
export interface UpgradeRequest {
	/** Path and query, as sent. */
	readonly url: string;
	/** Names in lower case. */
	readonly headers: Readonly<Record<string, string>>;
	/** Address of the client, by the forwarded-header rules of the server. */
	readonly ip: string;
	/** The server's own origin (`https://example.com`), by `ORIGIN` or the forwarded-header rules. */
	readonly origin: string | undefined;
	/** Where a page is rendered: the framework's own event, behind which its `handle` has run. */
	readonly event?: RequestEvent;
}

/**
 * `socket`: a connection; `preflight`: the same over HTTP, before the upgrade, where cookies can be
 * set; `renewal`: an open connection says anew who it is; `render`: a page of the same visitor.
 */
export type UpgradePurpose = 'socket' | 'preflight' | 'renewal' | 'render';

export interface UpgradeContext {
	/**
	 * Copied before any await: requests of uWebSockets.js do not outlive the synchronous call. For a
	 * renewal the one that the connection came with, and the token of now.
	 */
	readonly request: UpgradeRequest;
	/** What the gates are asked for. */
	readonly purpose: UpgradePurpose;
	/** Values of the request's cookies; of several with one name the first, as in SvelteKit. */
	readonly cookies: Readonly<Record<string, string | undefined>>;
	/** What the client's `auth` option gave; absent where a page is rendered. */
	readonly token: string | undefined;
	/** Becomes `connection.data`. Later gates see what earlier ones wrote. */
	readonly data: ConnectionData;
	/** Headers of the 101 answer. Some proxies drop a connection whose 101 sets cookies. */
	readonly responseHeaders: Record<string, string>;
	/** Values of `Set-Cookie` headers. They go out over HTTP only: with the answer to a preflight. */
	readonly setCookies: string[];
	/** Makes later gates see these as the request's cookies, in the form of a `cookie` header. */
	useCookies(header: string): void;
	/**
	 * Calls `listener` once, with what all gates together have said; also where the time was up. A
	 * client that is let in may still be gone before its connection opens.
	 */
	whenAnswered(listener: (denial: Denial | undefined) => void): void;
}

export interface ConnectionContext {
	readonly connection: Connection;
}

export interface MessageContext extends ConnectionContext {
	/** The frame's discriminator: `rpc`, `stream`, `presence:sync`. */
	readonly type: string;
	/** Parsed once by the kernel; not validated. */
	readonly frame: Readonly<Record<string, unknown>>;
	/** What follows the header of a binary frame. */
	readonly bytes: Uint8Array | undefined;
}

export interface TopicContext extends ConnectionContext {
	readonly topic: string;
}

/** A place in the history of one topic; seq 0 is where it begins. */
export interface Position {
	readonly epoch: string;
	readonly seq: number;
}

export interface SubscribeContext extends TopicContext {
	/** Where a returning client left off. */
	readonly since: Position | undefined;
}

export interface CloseContext extends ConnectionContext {
	readonly code: number;
	readonly reason: string;
}

/** `logged`: one order, no gaps, recoverable. `ephemeral`: newest wins, nothing promised. */
export type TopicClass = 'logged' | 'ephemeral';

export interface PublishContext {
	readonly topic: string;
	readonly event: string;
	readonly class: TopicClass;
	/** A `remote` frame came from another instance: relays and logs let it pass. */
	readonly origin: 'local' | 'remote';
	/** Who should not hear it; on ephemeral topics only. */
	readonly except: Connection | undefined;
	/** The operation of a client that it is the outcome of. */
	readonly op: string | undefined;
	/** Names the publish where it may be made again: a log takes it once. */
	readonly id: string | undefined;
	/**
	 * What a handler leaves on a frame that it has let through, or publishes again, to know it by. It
	 * is here and not in the handler, since a frame can be held before it gets there.
	 */
	mark: symbol | undefined;
	data: unknown;
	/** 0 = not numbered. */
	seq: number;
	epoch: string;
	/** The data as it goes on the wire; encodes it once, so `data` must not change afterwards. */
	encoded(): EncodedValue;
	/** Holds this frame and every later one of its topic until `work` settles, then goes on after this handler. */
	defer(work: Promise<unknown>): typeof DEFERRED;
	/** Answers TAKEN and says what the publisher is told. @default ok, local */
	take(result: MaybePromise<PublishResult>): typeof TAKEN;
}

/** A value as JSON text, and whether that text is devalue's. */
export interface EncodedValue {
	/** `undefined` stands for a value that is `undefined`. */
	readonly json: string | undefined;
	readonly devalue: boolean;
}

/** A limit that was run into. */
export interface LimitedContext {
	readonly limit: LimitName;
	/** Who ran into it; absent where it was the server itself. */
	readonly connection: Connection | undefined;
}

export interface PublishedContext {
	readonly topic: string;
	readonly event: string;
	readonly class: TopicClass;
	readonly origin: 'local' | 'remote';
	/** Parsed when it is first read. */
	readonly data: unknown;
	/** Connections on this instance that it was sent to; counted when it is read, in the handler. */
	readonly followers: number;
	readonly seq: number;
	readonly epoch: string;
}
