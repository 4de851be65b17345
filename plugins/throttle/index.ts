/** Throttle: of many publishes of one key, the first goes out at once and then one for each window. */

import {
	definePlugin,
	type MaybePromise,
	type Plugin,
	type PublishOptions,
	type PublishResult
} from 'svelte-realtime/kernel';
import { checkTime } from '../checks.ts';
import type { Publish } from '../coalescer.ts';
import {
	coalesced,
	coalescing,
	withControls,
	type Coalesced,
	type CoalescedOptions,
	type Coalescing,
	type TopicTimes
} from '../coalescing.ts';

export interface ThrottleOptions {
	/**
	 * Topics that are throttled whoever publishes to them: names, or prefixes ending in `*`, and the
	 * milliseconds of a window. The first pattern that fits a topic has it.
	 */
	topics?: Readonly<Record<string, number | Omit<TopicTimes, 'maxWait'>>>;
	/** Keys that can have a window at once; past it a publish happens at once. @default 5000 */
	timers?: number;
}

export interface ThrottleCall extends PublishOptions {
	/** Whose value it is. @default `data.key`, else `data.id`, else one for all */
	key?: string | number;
}

/** Publishes each key of a topic at most once in a window. */
export interface Throttle extends Coalescing {
	/**
	 * Publishes at once, or, within a window that is open, keeps the value until that ends; of each
	 * event the newest value goes out then, and opens the next window.
	 *
	 * The result is that of the publish that the value, or a newer one that took its place, went out
	 * with. Nothing needs to wait for it.
	 *
	 * @param ms Milliseconds of a window; 0 publishes at once.
	 * @throws {RealtimeError} RT_OPTION_INVALID when `ms` is no time.
	 */
	(
		topic: string,
		event: string,
		data: unknown,
		ms: number,
		options?: ThrottleCall
	): MaybePromise<PublishResult>;
}

declare module 'svelte-realtime/kernel' {
	interface Capabilities {
		throttle: Throttle;
	}
}

/**
 * Publishes the newest value of each key at most once in a window.
 *
 * Keys do not wait for each other, so who publishes often takes nothing from who does not. Past
 * `timers` a publish happens at once, and `limited` hears of `throttle.timers`. What waits at
 * shutdown is published.
 *
 * @throws {RealtimeError} RT_OPTION_INVALID when a time is none, or `timers` is no whole number from 1.
 * @example realtime.config.ts: preset: single({ throttle: { topics: { 'price:*': 50 } } })
 */
export function throttle({ topics, timers }: ThrottleOptions = {}): Plugin<never, 'throttle'> {
	const setUp = coalescing({ name: 'throttle', mode: 'leading', topics, timers });

	return definePlugin({
		name: 'throttle',
		provides: ['throttle'],
		setup(kernel) {
			const coalescer = setUp(kernel);
			const publish: (...args: Parameters<Throttle>) => MaybePromise<PublishResult> = (
				topic,
				event,
				data,
				ms,
				{ key, ...options } = {}
			) => {
				checkTime('ms', 'ctx.throttle()', ms);
				return coalescer.publish({ topic, event, data, key, ms, maxWait: 0, options });
			};
			kernel.provide('throttle', withControls<Throttle>(coalescer, publish));
		}
	});
}

/**
 * A publish function that publishes each key at most once in `ms` milliseconds.
 *
 * @example const publish = throttled(platform.publish, 50);
 */
export function throttled(publish: Publish, ms: number, options: CoalescedOptions = {}): Coalesced {
	return coalesced(publish, { ms }, 'leading', options);
}
