/** The part of a plugin that throttle and debounce share: options, the publish hook, shutdown. */

import {
	systemClock,
	type Clock,
	type MaybePromise,
	type PluginKernel,
	type PublishOptions,
	type PublishResult
} from 'svelte-realtime/kernel';
import { checkCount, checkTime } from './checks.ts';
import { COALESCED, Coalescer, type CoalescerOptions, type Publish } from './coalescer.ts';

/** What coalesces, in reach of those who publish. */
export interface Coalescing {
	/** Publishes what waits, of one topic or of all; settles when all of it has been published. */
	flush(topic?: string): Promise<void>;
	/** Drops what waits, of one topic or of all: its publishers are told `DROPPED`. */
	cancel(topic?: string): void;
	/** Values that wait. */
	readonly pending: number;
}

/** Times and keys of the topics of one pattern. */
export interface TopicTimes {
	/** Milliseconds. */
	ms: number;
	/** Milliseconds after which silence is not waited for any longer. */
	maxWait?: number;
	/** Whose value it is. @default `data.key`, else `data.id`, else one for all */
	key?: (data: unknown, event: string) => string | number | undefined;
}

export interface CoalescingOptions {
	/** The plugin's name; its factory is called the same. */
	readonly name: 'throttle' | 'debounce';
	readonly mode: CoalescerOptions['mode'];
	readonly timers: number | undefined;
	readonly topics: Readonly<Record<string, number | TopicTimes>> | undefined;
}

/** What its plugin does with a kernel, once the options are checked. */
export type SetUp = (
	kernel: Pick<PluginKernel<never, never>, 'clock' | 'hook' | 'limited' | 'publish' | 'report'>
) => Coalescer;

/** @throws {RealtimeError} RT_OPTION_INVALID */
export function coalescing({ name, mode, timers = 5000, topics = {} }: CoalescingOptions): SetUp {
	const owner = `${name}()`;
	checkCount('timers', owner, timers);
	const rules = Object.entries(topics).map(([pattern, times]) => {
		const rule: TopicTimes = typeof times === 'number' ? { ms: times } : times;
		checkTime(`topics['${pattern}']`, owner, rule?.ms);
		checkTime(`topics['${pattern}'].maxWait`, owner, rule.maxWait ?? 0);
		return { pattern, ...rule };
	});

	return (kernel) => {
		const { clock, publish, report } = kernel;
		const limited = (): void => kernel.limited(`${name}.timers`);
		const coalescer = new Coalescer({ mode, clock, publish, timers, limited, report });

		// One handler for each pattern, so that a topic's lane knows its rule; the first one has it.
		for (const { pattern, ms, maxWait = 0, key } of rules) {
			kernel.hook(
				'publish',
				(ctx) => {
					if (ctx.origin === 'remote' || ctx.mark === COALESCED) return;
					const { topic, event, data, except, op } = ctx;
					const options = except || op ? { ...(except && { except }), op } : undefined;
					const name = key?.(data, event);
					const kept = coalescer.offer({ topic, event, data, key: name, ms, maxWait, options });
					if (kept !== undefined) return ctx.take(kept);
					ctx.mark = COALESCED;
				},
				// Before anything numbers it: what is coalesced away must not leave a gap.
				{ order: 'pre', topics: pattern }
			);
		}
		kernel.hook('shutdown', () => coalescer.close());
		return coalescer;
	};
}

export interface CoalescedOptions {
	/** Whose value it is. @default `data.key`, else `data.id`, else one for all */
	key?: (data: unknown, event: string) => string | number | undefined;
	/** Keys that can wait at once; past it a publish happens at once. @default 5000 */
	timers?: number;
	/** @default the machine's clock */
	clock?: Clock;
	/** Hears of what a publish at a window's end throws. @default console.error */
	report?: (error: unknown) => void;
}

/** A publish function that coalesces. */
export interface Coalesced extends Coalescing {
	(
		topic: string,
		event: string,
		data?: unknown,
		options?: PublishOptions
	): MaybePromise<PublishResult>;
}

/** Puts a coalescer of its own around a publish function. */
export function coalesced(
	publish: Publish,
	times: { readonly ms: number; readonly maxWait?: number | undefined },
	mode: CoalescerOptions['mode'],
	{ key, timers = 5000, clock = systemClock, report = toConsole }: CoalescedOptions
): Coalesced {
	const owner = mode === 'leading' ? 'throttled()' : 'debounced()';
	const { ms, maxWait = 0 } = times;
	checkTime('ms', owner, ms);
	checkTime('maxWait', owner, maxWait);
	checkCount('timers', owner, timers);
	const limited = (): void => {};
	const coalescer = new Coalescer({ mode, clock, publish, timers, limited, report });
	return withControls<Coalesced>(coalescer, (topic, event, data, options) => {
		const name = key?.(data, event);
		return coalescer.publish({ topic, event, data, key: name, ms, maxWait, options });
	});
}

/** A function with what can be done about what waits. */
export function withControls<F extends Coalescing>(
	coalescer: Coalescer,
	publish: (...args: Parameters<F & ((...args: never[]) => unknown)>) => MaybePromise<PublishResult>
): F {
	Object.assign(publish, {
		flush: (topic?: string) => coalescer.flush(topic),
		cancel: (topic?: string) => coalescer.cancel(topic)
	});
	return Object.defineProperty(publish, 'pending', { get: () => coalescer.pending }) as never;
}

function toConsole(error: unknown): void {
	console.error('[svelte-realtime] a publish failed:', error);
}
