/** What an app imports on the server: the kernel's surface, and `live` to declare with. */

import { rpcFunction } from './rpc/index.ts';
import { stream } from './streams/index.ts';

export * from '../kernel/index.ts';
export type { LiveContext, LiveFunction, RegisteredUser } from './rpc/index.ts';
export type { LiveStream, Seed, StreamOptions } from './streams/index.ts';

/** Everything that a live module can declare. */
export type Live = typeof rpcFunction & {
	/** A value that browsers follow. */
	readonly stream: typeof stream;
};

/**
 * Declares what browsers may call and follow.
 *
 * @example export const send = live(schema, async (ctx, input) => { … });
 * @example export const messages = live.stream('chat', async () => db.messages());
 */
export const live: Live = Object.assign(
	((...args: Parameters<typeof rpcFunction>) => rpcFunction(...args)) as typeof rpcFunction,
	{ stream }
);
