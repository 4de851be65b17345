/** What a plugin is, and what it is handed. */

import type { Capabilities, CapabilityName } from './capabilities.ts';
import type { Clock } from './clock.ts';
import type { Denial, DenialCode } from './codes.ts';
import type { Connection } from './connection.ts';
import type {
	CloseContext,
	ConnectionContext,
	EncodedValue,
	LimitedContext,
	MessageContext,
	Position,
	PublishContext,
	PublishedContext,
	SubscribeContext,
	TopicClass,
	TopicContext,
	UpgradeContext,
	UpgradeRequest
} from './contexts.ts';
import type { LimitName, Limits } from './limits.ts';
import type { DEFERRED, DROP, HANDLED, TAKEN } from './run.ts';
import type { Subscription } from './subscriptions.ts';
import type { TopicPattern } from './topics.ts';
import type { MaybePromise } from './transport.ts';
import type { ValueCodec } from './values.ts';

/** Every hook; README.md tells the four kinds and how each is run. */
export interface KernelHooks {
	/** Gate: may this request become a connection? */
	upgrade(ctx: UpgradeContext): MaybePromise<void | Denial>;
	/** Notice: a connection is open, and `welcome` is sent. */
	open(ctx: ConnectionContext): MaybePromise<void>;
	/**
	 * Wrap: around each frame that comes in, before it is claimed. `next()` goes on, once, and is done
	 * when the frame is claimed; who does not go on throws, and a LiveError is the frame's answer. The
	 * frames of a connection are claimed in the order in which they came.
	 */
	frame(ctx: MessageContext, next: () => MaybePromise<void>): MaybePromise<void>;
	/** Claim: a frame came in; the first that answers HANDLED has it. */
	message(ctx: MessageContext): MaybePromise<void | typeof HANDLED>;
	/** Gate: may this connection follow this topic? Has no effects; a later gate may still refuse. */
	subscribe(ctx: SubscribeContext): MaybePromise<void | Denial>;
	/** Notice: a connection follows a topic, with its first subscription to it. */
	subscribed(ctx: SubscribeContext): MaybePromise<void>;
	/** Notice: a connection has left a topic, with its last subscription to it. */
	unsubscribe(ctx: TopicContext): MaybePromise<void>;
	/** Pipe: once per publish, never per delivery. One that throws rejects the publish. */
	publish(ctx: PublishContext): void | typeof DROP | typeof TAKEN | typeof DEFERRED;
	/** Notice, synchronous: a frame was delivered on this instance. */
	published(ctx: PublishedContext): void;
	/** Notice, synchronous: a limit was run into. For counting; the answer is already given. */
	limited(ctx: LimitedContext): void;
	/** Notice: the send buffer of a connection has room again. */
	drain(ctx: ConnectionContext): MaybePromise<void>;
	/** Notice, in reverse order: a connection is gone. */
	close(ctx: CloseContext): MaybePromise<void>;
	/** Notice: every plugin is set up. */
	ready(): MaybePromise<void>;
	/** Notice: plugins were put in or taken out at run time; services may be others, or gone. */
	changed(): MaybePromise<void>;
	/** Notice, in reverse order: the server ends, or the plugin is taken out. */
	shutdown(ctx: { readonly deadline: number }): MaybePromise<void>;
}

export type HookName = keyof KernelHooks;

export interface HookOptions {
	/** Place among the handlers of this hook. @default between 'pre' and 'post' */
	order?: 'pre' | 'post';
	/** Only these topics: names, or prefixes ending in `*`. For publish, published, subscribe, subscribed, unsubscribe. */
	topics?: TopicPattern | readonly TopicPattern[];
	/** Only topics of this class. For publish, published, subscribe, subscribed, unsubscribe. */
	class?: TopicClass;
	/** Only this frame type. For message. */
	type?: string;
	/** `false`: frames of this type are never answered, as their `id` is that of another. For message. */
	answers?: false;
}

/** What became of a publish. A caller may ignore it; it never throws and never rejects. */
export type PublishResult =
	| {
			readonly status: 'ok';
			/** What has it: this instance, the store, or the store's disk. */
			readonly level: 'local' | 'store' | 'commit';
			/** Where it stands in its topic; absent on ephemeral topics. */
			readonly position?: Position;
	  }
	/** It surely did not happen. */
	| { readonly status: 'rejected'; readonly code: DenialCode | 'DROPPED' }
	/** Whether it happened cannot be known; publishing again with the same id is safe. */
	| { readonly status: 'unknown'; readonly id: string };

export interface PublishOptions {
	/** Who should not hear it. On ephemeral topics only: elsewhere it would make a gap. */
	except?: Connection;
	/** The operation of a client that the event is the outcome of; the client knows it by that. */
	op?: string | undefined;
	/** For plugins: what `ctx.mark` is in the publish hooks. */
	mark?: symbol;
	/** For plugins: the data as it goes on the wire, where that is at hand. */
	encoded?: EncodedValue;
	/** For plugins: names the publish. A log that still has one of this name does not take it again. */
	id?: string;
}

/** A frame that has been through the pipe somewhere. */
export interface OutboundFrame {
	readonly topic: string;
	readonly event: string;
	readonly value: EncodedValue;
	/** 0 = not numbered. */
	readonly seq: number;
	readonly epoch: string;
	readonly origin: 'local' | 'remote';
	/** The operation of a client that it is the outcome of. */
	readonly op?: string | undefined;
}

/** The kernel as one plugin sees it. What is registered here is taken out with the plugin. */
export interface PluginKernel<Requires extends CapabilityName, Provides extends CapabilityName> {
	/** The plugin's own name. */
	readonly name: string;
	readonly instanceId: string;
	/** Timers made through it are cancelled at shutdown, and when the plugin is taken out. */
	readonly clock: Clock;
	readonly limits: Limits;
	/** How values are written and read on the wire. */
	readonly values: ValueCodec;
	/** The app is being written: say what a developer would want to know. */
	readonly dev: boolean;
	readonly connections: ReadonlySet<Connection>;
	/** How many there have been; the ids of connections count them. */
	readonly connectionCount: number;
	/** The names of all services that are provided; complete from `ready` on. */
	capabilities(): readonly CapabilityName[];
	/** Adds a handler; the result takes it out. */
	hook<N extends HookName>(name: N, handler: KernelHooks[N], options?: HookOptions): () => void;
	/**
	 * Puts something into another plugin's service for as long as this plugin is there.
	 *
	 * @param put Puts it in and returns what takes it out, as `() => rpc.before(check)` does.
	 * @returns what takes it out earlier.
	 */
	attach(put: () => () => void): () => void;
	provide<N extends Provides>(name: N, service: Capabilities[N]): void;
	use<N extends Requires>(name: N): Capabilities[N];
	/** A service of `optional`, if some plugin provides it. */
	find<N extends CapabilityName>(name: N): Capabilities[N] | undefined;
	publish(
		topic: string,
		event: string,
		data?: unknown,
		options?: PublishOptions
	): MaybePromise<PublishResult>;
	/** Straight to this instance's followers: no publish hooks, then `published`. */
	deliver(frame: OutboundFrame): boolean;
	/**
	 * Asks for a topic on behalf of a connection; see Subscription. Authorisation of the person is the
	 * caller's, before it asks: the gates may refuse more, never grant more.
	 */
	subscribe(connection: Connection, topic: string, since?: Position): Subscription;
	classOf(topic: string): TopicClass;
	/** Says what class topics of this pattern have; the app's config stands above it. */
	declareTopics(pattern: TopicPattern, topicClass: TopicClass): void;
	/**
	 * Runs the `upgrade` gates for a page that is rendered, or for a connection that is open already.
	 *
	 * @param purpose @default 'render'
	 * @returns the visitor as a connection that is not open, so that the same gates judge it.
	 */
	identify(
		request: UpgradeRequest,
		purpose?: 'render' | 'renewal'
	): MaybePromise<Connection | Denial>;
	/** Says that a limit was run into, for whoever counts. */
	limited(limit: LimitName, connection?: Connection): void;
	/** Reports an error to the operator, under this plugin's name. */
	report(error: unknown): void;
}

export interface Plugin<
	// `any` is what lets a list hold plugins of every kind; each plugin's own types stay exact.
	Requires extends CapabilityName = any,
	Provides extends CapabilityName = any
> {
	readonly name: string;
	/** Capabilities that must be there; their plugins are set up first. */
	readonly requires?: readonly Requires[];
	/** Capabilities that are used where they are there; their plugins are set up first. */
	readonly optional?: readonly CapabilityName[];
	/** Capabilities that `setup` provides. */
	readonly provides?: readonly Provides[];
	/**
	 * Runs at boot, after every provider it names, and again for each time that the plugin, or a
	 * provider it names, is replaced at run time: state belongs in here. May await connections.
	 * Register hooks here.
	 */
	setup(kernel: PluginKernel<Requires, Provides>): MaybePromise<void>;
}

/** Returns its argument; exists so that `requires` and `provides` are inferred. */
export function definePlugin<
	const R extends CapabilityName = never,
	const P extends CapabilityName = never
>(plugin: Plugin<R, P>): Plugin<R, P> {
	return plugin;
}

/** The capabilities that the plugins of a list provide; of untyped plugins, any. */
export type ProvidedBy<List extends readonly Plugin[]> =
	List[number] extends Plugin<any, infer P> ? (0 extends 1 & P ? CapabilityName : P) : never;
