/** What an app imports on the server: the kernel's surface, and `live` to declare with. */

import { channel } from './channels/index.ts';
import { cron } from './cron/index.ts';
import { cursorsStream } from './cursors/index.ts';
import { group } from './groups/index.ts';
import { livePresence } from './presence/index.ts';
import { rateLimited } from './ratelimit/index.ts';
import { aggregate, derived, effect } from './reactions/index.ts';
import { room } from './rooms/index.ts';
import { access, gated, rpcFunction } from './rpc/index.ts';
import { stream } from './streams/index.ts';

export * from '../kernel/index.ts';
export type { ChannelOptions, LiveChannel } from './channels/index.ts';
export type { CronContext, CronOptions, LiveCron } from './cron/index.ts';
export type { Cursor, CursorsStreamOptions, LiveCursors } from './cursors/index.ts';
export type { GroupMember, GroupOptions, LiveGroup } from './groups/index.ts';
export type { LivePresence, Member, PresenceStreamOptions } from './presence/index.ts';
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
export type {
	Access,
	GuardStep,
	LiveContext,
	LiveFunction,
	ModuleGuard,
	RegisteredUser,
	Roles
} from './rpc/index.ts';
export type { LiveStream, Page, Seed, StreamOptions } from './streams/index.ts';

/** Everything that a live module can declare. */
export type Live = typeof rpcFunction & {
	/** A value that browsers follow. */
	readonly stream: typeof stream;
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
	/** One of the others, with a budget of its own for each user. */
	readonly rateLimit: typeof rateLimited;
	/** One of the others, for those only for whom a question says yes. */
	readonly gate: typeof gated;
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
		channel,
		group,
		presence: livePresence,
		cursors: cursorsStream,
		room,
		derived,
		aggregate,
		effect,
		cron,
		rateLimit: rateLimited,
		gate: gated,
		access
	}
);
