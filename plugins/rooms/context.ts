/** `ctx` inside a room. */

import type { MaybePromise, PublishOptions, PublishResult } from 'svelte-realtime/kernel';
import type { LiveContext } from 'svelte-realtime/plugins/rpc';

/** `ctx` of a room's actions: `publish` goes to the room. */
export type RoomContext = Omit<LiveContext, 'publish'> & {
	/** The room's topic. */
	readonly topic: string;
	/** Publishes to the room; may be ignored or awaited, never throws. */
	publish(event: string, data?: unknown, options?: PublishOptions): MaybePromise<PublishResult>;
};

/** The same context, inside the room with this topic. */
export function roomContext(ctx: LiveContext, topic: string): RoomContext {
	const publish: RoomContext['publish'] = (event, data, options) =>
		ctx.publish(topic, event, data, options);
	const own = { topic: { value: topic }, publish: { value: publish } };
	return Object.create(ctx, own) as RoomContext;
}
