/** `event.platform`: publishing from actions, endpoints and hooks, and ending who somebody is. */

import type { PublishResult } from '../kernel/plugin.ts';
import type { MaybePromise } from '../kernel/transport.ts';
import type { Identity } from '../plugins/identity/index.ts';
import type { Invalidate } from '../plugins/invalidation/index.ts';
import type { Signal } from '../plugins/signals/index.ts';

/** Publishes on one topic, with the events that the merge strategies of streams know. */
export interface TopicHelper {
	publish(event: string, data?: unknown): MaybePromise<PublishResult>;
	/** An item has come into being. */
	created(data: unknown): MaybePromise<PublishResult>;
	/** An item has changed; `data` is the whole item. */
	updated(data: unknown): MaybePromise<PublishResult>;
	/** An item is gone; `data` holds at least its key. */
	deleted(data: unknown): MaybePromise<PublishResult>;
	/** Replaces the whole value. */
	set(value: unknown): MaybePromise<PublishResult>;
	/** @param by @default 1 */
	increment(by?: number): MaybePromise<PublishResult>;
	/** @param by @default 1 */
	decrement(by?: number): MaybePromise<PublishResult>;
}

export interface RealtimePlatform {
	/**
	 * Publishes an event on a topic.
	 *
	 * @returns what became of it, or a promise of that. It may be ignored: nothing here throws or
	 * rejects.
	 */
	publish(topic: string, event: string, data?: unknown): MaybePromise<PublishResult>;
	/** @example event.platform.topic('todos').created(todo) */
	topic(name: string): TopicHelper;
	/**
	 * What was found out of somebody does not hold any more, as after a sign-out: their connections
	 * come back, and are asked who they are.
	 *
	 * @returns how many it was; 0 where the app has no plugin `identity`.
	 * @example event.platform.revoke({ user: locals.user.id })
	 */
	revoke: Identity['revoke'];
	/**
	 * Tells a user something, on every connection that they have.
	 *
	 * @example event.platform.signal(board.owner, 'invited', { board: board.id })
	 */
	signal: Signal;
	/**
	 * Says that what carries a tag is out of date, as after a `command` has changed it.
	 *
	 * @example event.platform.invalidate('todos')
	 */
	invalidate(...args: Parameters<Invalidate>): ReturnType<Invalidate>;
}

declare global {
	namespace App {
		interface Platform extends RealtimePlatform {}
	}
}

type Publish = RealtimePlatform['publish'];

/** The platform over whatever publishes. */
export function createPlatform(
	publish: Publish,
	rest: Pick<RealtimePlatform, 'revoke' | 'signal' | 'invalidate'>
): RealtimePlatform {
	return {
		...rest,
		publish: (topic, event, data) => publish(topic, event, data),
		topic: (name) => ({
			publish: (event, data) => publish(name, event, data),
			created: (data) => publish(name, 'created', data),
			updated: (data) => publish(name, 'updated', data),
			deleted: (data) => publish(name, 'deleted', data),
			set: (value) => publish(name, 'set', value),
			increment: (by = 1) => publish(name, 'increment', by),
			decrement: (by = 1) => publish(name, 'decrement', by)
		})
	};
}
