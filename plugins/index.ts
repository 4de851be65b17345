/** What an app imports on the server: the kernel's surface, and `live` to declare with. */

import { withBreaker } from './breaker/index.ts';
import { binary } from './binary/index.ts';
import { channel } from './channels/index.ts';
import { cron } from './cron/index.ts';
import { cursorsStream } from './cursors/index.ts';
import { group } from './groups/index.ts';
import { tag } from './invalidation/index.ts';
import { liveMetrics } from './metrics/index.ts';
import { livePresence } from './presence/index.ts';
import { liveMiddleware } from './middleware/index.ts';
import { rateLimited } from './ratelimit/index.ts';
import { aggregate, derived, effect } from './reactions/index.ts';
import { room } from './rooms/index.ts';
import { access, gated, rpcFunction, validated } from './rpc/index.ts';
import { iterateTopic, stream } from './streams/index.ts';
import { webhook } from './webhooks/index.ts';

export * from '../kernel/index.ts';
export { createBreaker } from './breaker/index.ts';
export type {
	Breaker,
	BreakerFunctionOptions,
	BreakerOptions,
	BreakerState
} from './breaker/index.ts';
export type { LiveBinary, LiveBinaryOptions, UploadStream } from './binary/index.ts';
export type { ChannelOptions, LiveChannel } from './channels/index.ts';
export type { CronContext, CronOptions, LiveCron } from './cron/index.ts';
export type { Cursor, CursorsStreamOptions, LiveCursors } from './cursors/index.ts';
export type { GroupMember, GroupOptions, LiveGroup } from './groups/index.ts';
export type { LiveTag, TagOptions } from './invalidation/index.ts';
export type { LiveMetrics, MetricsRegistry, PromClient } from './metrics/index.ts';
export type { LivePresence, Member, PresenceStreamOptions } from './presence/index.ts';
export type { LiveMiddleware } from './middleware/index.ts';
export type { FunctionLimit } from './ratelimit/index.ts';
export type {
	AggregateOptions,
	DerivedContext,
	DerivedOptions,
	EffectOptions,
	LiveEffect,
	ReactionContext
} from './reactions/index.ts';
export type { LiveRoom, RoomContext, RoomOptions } from './rooms/index.ts';
export { guard } from './rpc/index.ts';
export { pipe } from './streams/index.ts';
export type {
	Access,
	GuardStep,
	LiveContext,
	LiveFunction,
	ModuleGuard,
	RegisteredUser,
	Roles
} from './rpc/index.ts';
export type { Signal, SignalResult, SignalUser } from './signals/index.ts';
export type { LiveStream, Page, Seed, StreamOptions, TopicEvent } from './streams/index.ts';

export type {
	LiveWebhook,
	WebhookEvent,
	WebhookOptions,
	WebhookRequest,
	WebhookStub
} from './webhooks/index.ts';
export { verifySignature, type SignatureOptions } from './webhooks/index.ts';

/** Everything that a live module can declare. */
export type Live = typeof rpcFunction & {
	/** A value that browsers follow. */
	readonly stream: typeof stream;
	/** A function that is handed bytes. */
	readonly binary: typeof binary;
	/** A topic with a schema for each of its events. */
	readonly channel: typeof channel;
	/** Members with roles, who are told things all at once or by role. */
	readonly group: typeof group;
	/** Where those who follow a topic point at. */
	readonly cursors: typeof cursorsStream;
	/** Who is in a topic. */
	readonly presence: typeof livePresence;
	/** Data, presence, cursors and actions of one place. */
	readonly room: typeof room;
	/** A value that is worked out anew when something happens in its sources. */
	readonly derived: typeof derived;
	/** A value that every event of its sources adds to. */
	readonly aggregate: typeof aggregate;
	/** What the server does when something happens. */
	readonly effect: typeof effect;
	/** What the server does by the clock. */
	readonly cron: typeof cron;
	/** What becomes of the events that another service posts. */
	readonly webhook: typeof webhook;
	/** What the server runs around every call and every subscription. */
	readonly middleware: typeof liveMiddleware;
	/** A function whose first argument a schema checks: the same as `live(schema, …)`. */
	readonly validated: typeof validated;
	/** One of the others, with a budget of its own for each user. */
	readonly rateLimit: typeof rateLimited;
	/** One of the others, for those only for whom a question says yes. */
	readonly gate: typeof gated;
	/** One of the others, left alone while it keeps failing. */
	readonly breaker: typeof withBreaker;
	/** The events of a topic, one by one, for code of the server. */
	readonly iterate: typeof iterateTopic;
	/** What pages refresh what they show by. */
	readonly tag: typeof tag;
	/** Where the server's metrics are kept. */
	readonly metrics: typeof liveMetrics;
	/** Questions about who somebody is, for guards and gates. */
	readonly access: typeof access;
};

/**
 * Declares what browsers may call and follow.
 *
 * @example export const send = live(schema, async (ctx, input) => { … });
 * @example export const messages = live.stream('chat', async () => db.messages());
 */
export const live: Live = Object.assign(
	((...args: Parameters<typeof rpcFunction>) => rpcFunction(...args)) as typeof rpcFunction,
	{
		stream,
		binary,
		channel,
		group,
		presence: livePresence,
		cursors: cursorsStream,
		room,
		derived,
		aggregate,
		effect,
		cron,
		webhook,
		middleware: liveMiddleware,
		validated,
		rateLimit: rateLimited,
		gate: gated,
		breaker: withBreaker,
		metrics: liveMetrics,
		tag,
		iterate: iterateTopic,
		access
	}
);
