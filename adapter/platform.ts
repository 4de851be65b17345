/** `event.platform`: publishing from actions, endpoints and hooks. */

import type { PublishResult } from '../kernel/plugin.ts';
import type { MaybePromise } from '../kernel/transport.ts';

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
}

declare global {
	namespace App {
		interface Platform extends RealtimePlatform {}
	}
}

type Publish = RealtimePlatform['publish'];

/** The platform over whatever publishes. */
export function createPlatform(publish: Publish): RealtimePlatform {
	return {
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
