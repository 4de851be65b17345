/** Replay: numbers the frames of logged topics and keeps the latest of each. */

import {
	definePlugin,
	isThenable,
	RealtimeError,
	type MaybePromise,
	type Plugin,
	type Position
} from 'svelte-realtime/kernel';
import { gatherReads } from './gather.ts';
import { memoryLog } from './memory.ts';
import type { LogEntry, ReplayLog, Tail } from './port.ts';

export { memoryLog, type MemoryLogOptions } from './memory.ts';
export type { LogEntry, LogObserver, ReplayLog, Tail } from './port.ts';

export interface ReplayOptions {
	/** Frames kept per topic; older ones are let go. @default 1000 */
	size?: number;
	/** Bytes kept per topic; past it the oldest frames are let go. @default 4 MiB */
	topicBytes?: number;
	/** Bytes kept on this instance; past it the topics used longest ago let go. @default 256 MiB */
	bytes?: number;
	/**
	 * Topics whose position is remembered. Past it the one used longest ago that nobody follows is
	 * forgotten; whoever returns to it loads it again. @default 100000
	 */
	topics?: number;
}

/** The history of logged topics. */
export interface Replay {
	/** Follows a topic; its tail can be read without waiting from then on. Close it when done. */
	follow(topic: string): MaybePromise<Tail>;
	/**
	 * Everything after `since`, from the log; what is asked for at once is read once. To be called by
	 * who follows the topic: its tail holds what comes during the read.
	 */
	range(topic: string, since: Position): MaybePromise<readonly LogEntry[] | 'epoch' | 'truncated'>;
}

declare module 'svelte-realtime/kernel' {
	interface Capabilities {
		replay: Replay;
	}
}

/**
 * Keeps the latest frames of each logged topic, numbered without gaps.
 *
 * Needs nothing; uses `replay.log` where a plugin provides it. What falls out of the bounds makes a
 * returning client load again (`reset`), never miss something.
 *
 * @throws {RealtimeError} RT_OPTION_INVALID when an option is not a positive integer.
 * @example realtime.config.ts: preset: single({ replay: { size: 200 } })
 */
export function replay(options: ReplayOptions = {}): Plugin<never, 'replay'> {
	const bounds = {
		size: options.size ?? 1000,
		topicBytes: options.topicBytes ?? 4 * 1024 * 1024,
		bytes: options.bytes ?? 256 * 1024 * 1024,
		topics: options.topics ?? 100_000
	};
	for (const [name, value] of Object.entries(bounds)) {
		if (!Number.isSafeInteger(value) || value < 1) {
			const wanted = 'a whole number from 1';
			throw new RealtimeError('RT_OPTION_INVALID', [name, 'replay()', value, wanted]);
		}
	}

	return definePlugin({
		name: 'replay',
		optional: ['replay.log'],
		provides: ['replay'],
		setup(kernel) {
			const log: ReplayLog = kernel.find('replay.log') ?? memoryLog(bounds);

			kernel.hook(
				'publish',
				(ctx) => {
					if (ctx.origin === 'remote') return;
					const { topic, event, op, id } = ctx;
					if (log.publish) return ctx.take(log.publish(topic, event, ctx.encoded(), op, id));
					const number = (position: Position): void => {
						ctx.seq = position.seq;
						ctx.epoch = position.epoch;
					};
					const appended = log.append(topic, event, ctx.encoded(), op);
					if (isThenable(appended)) return ctx.defer(Promise.resolve(appended).then(number));
					number(appended as Position);
				},
				{ class: 'logged' }
			);

			kernel.provide('replay', {
				follow: (topic) => log.follow(topic),
				range: gatherReads((topic, since) => log.range(topic, since))
			});
		}
	});
}
