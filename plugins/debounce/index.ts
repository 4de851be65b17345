/** Debounce: of many publishes of one key, the newest value goes out when there is silence. */

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

export interface DebounceOptions {
	/**
	 * Topics that are debounced whoever publishes to them: names, or prefixes ending in `*`, and the
	 * milliseconds of silence. The first pattern that fits a topic has it.
	 */
	topics?: Readonly<Record<string, number | TopicTimes>>;
	/** Values that can wait at once; past it a publish happens at once. @default 5000 */
	timers?: number;
}

export interface DebounceCall extends PublishOptions {
	/** Whose value it is. @default `data.key`, else `data.id`, else one for all */
	key?: string | number;
	/** Milliseconds after which silence is not waited for any longer; 0 waits for it. @default 0 */
	maxWait?: number;
}

/** Publishes each key of a topic when nothing has been published to it for a while. */
export interface Debounce extends Coalescing {
	/**
	 * Keeps the value until its key has been silent; of each event the newest value goes out then.
	 *
	 * The result is that of the publish that the value, or a newer one that took its place, went out
	 * with. Nothing needs to wait for it.
	 *
	 * @param ms Milliseconds of silence; 0 publishes at once.
	 * @throws {RealtimeError} RT_OPTION_INVALID when `ms` or `maxWait` is no time.
	 */
	(
		topic: string,
		event: string,
		data: unknown,
		ms: number,
		options?: DebounceCall
	): MaybePromise<PublishResult>;
}

declare module 'svelte-realtime/kernel' {
	interface Capabilities {
		debounce: Debounce;
	}
}

/**
 * Publishes the newest value of each key after silence.
 *
 * Past `timers` a publish happens at once, and `limited` hears of `debounce.timers`. What waits at
 * shutdown is published.
 *
 * @throws {RealtimeError} RT_OPTION_INVALID when a time is none, or `timers` is no whole number from 1.
 * @example realtime.config.ts: preset: single({ debounce: { topics: { 'search:*': 300 } } })
 */
export function debounce({ topics, timers }: DebounceOptions = {}): Plugin<never, 'debounce'> {
	const setUp = coalescing({ name: 'debounce', mode: 'silence', topics, timers });

	return definePlugin({
		name: 'debounce',
		provides: ['debounce'],
		setup(kernel) {
			const coalescer = setUp(kernel);
			const publish: (...args: Parameters<Debounce>) => MaybePromise<PublishResult> = (
				topic,
				event,
				data,
				ms,
				{ key, maxWait = 0, ...options } = {}
			) => {
				checkTime('ms', 'ctx.debounce()', ms);
				checkTime('maxWait', 'ctx.debounce()', maxWait);
				return coalescer.publish({ topic, event, data, key, ms, maxWait, options });
			};
			kernel.provide('debounce', withControls<Debounce>(coalescer, publish));
		}
	});
}

/**
 * A publish function that publishes each key after `ms` milliseconds of silence.
 *
 * @param options.maxWait Milliseconds after which silence is not waited for any longer; 0 waits
 * for it. @default 0
 * @example const publish = debounced(platform.publish, 300, { maxWait: 2000 });
 */
export function debounced(
	publish: Publish,
	ms: number,
	{ maxWait, ...options }: CoalescedOptions & { maxWait?: number } = {}
): Coalesced {
	return coalesced(publish, { ms, maxWait }, 'silence', options);
}
