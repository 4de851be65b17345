/** The log of topics in Redis: one order on all instances, which outlives each of them. */

import { definePlugin, type Plugin } from 'svelte-realtime/kernel';
import { checkCount, checkOption, checkTime } from '../checks.ts';
import { redisLog } from './log.ts';

export { redisLog, type RedisLog, type RedisLogOptions } from './log.ts';

export interface RedisReplayOptions {
	/** Frames kept of a topic. @default 1000 */
	size?: number;
	/** Bytes of a topic that an instance holds; who wants more reads them in Redis. @default 4 MiB */
	topicBytes?: number;
	/** Milliseconds that the frames of a topic are kept after its last one. @default 24 hours */
	retention?: number;
	/** Milliseconds that an instance follows a topic on after its last follower has left. @default 10000 */
	linger?: number;
	/**
	 * Milliseconds for which a publish whose answer was lost is asked about again; after it its result is
	 * `unknown`. @default 5000
	 */
	retryFor?: number;
	/**
	 * What becomes of a publish while Redis is down: `local` delivers it to this instance's followers,
	 * unnumbered, and lets everybody load the topic again once Redis is back; `reject` refuses it with
	 * SERVICE_UNAVAILABLE; `outbox` keeps it, and its result is there once it is stored. @default 'local'
	 */
	outage?: 'local' | 'reject' | 'outbox';
	/**
	 * Milliseconds that a publish waits in the outbox; after it, it is refused with SERVICE_UNAVAILABLE.
	 *
	 * @default 60000
	 */
	outboxAge?: number;
	/** Bytes that wait in the outbox; past it a publish is refused with QUEUE_FULL. @default 16 MiB */
	outboxBytes?: number;
	/**
	 * Milliseconds between two comparisons of the followed topics with Redis. An instance that Redis has
	 * not seen for three of them has gone. @default 15000
	 */
	check?: number;
}

const POLICIES: readonly string[] = ['local', 'reject', 'outbox'];

/**
 * Keeps logged topics in Redis: provides `replay.log`.
 *
 * @throws {RealtimeError} RT_OPTION_INVALID
 */
export function redisReplay(options: RedisReplayOptions = {}): Plugin<'redis', 'replay.log'> {
	const { size = 1000, topicBytes = 4 * 1024 * 1024, linger = 10_000 } = options;
	const { retention = 24 * 60 * 60 * 1000, retryFor = 5000 } = options;
	const { outage = 'local', check = 15_000 } = options;
	const { outboxAge = 60_000, outboxBytes = 16 * 1024 * 1024 } = options;
	checkCount('size', 'redisReplay()', size);
	checkCount('topicBytes', 'redisReplay()', topicBytes);
	checkTime('retention', 'redisReplay()', retention, 1000);
	checkTime('linger', 'redisReplay()', linger);
	checkTime('retryFor', 'redisReplay()', retryFor);
	checkTime('outboxAge', 'redisReplay()', outboxAge, 1);
	checkCount('outboxBytes', 'redisReplay()', outboxBytes);
	checkTime('check', 'redisReplay()', check, 1);
	const isPolicy = POLICIES.includes(outage);
	checkOption(isPolicy, 'outage', 'redisReplay()', outage, "'local', 'reject' or 'outbox'");
	return definePlugin({
		name: 'redis-replay',
		requires: ['redis'],
		provides: ['replay.log'],
		async setup(kernel) {
			const log = redisLog({
				redis: kernel.use('redis'),
				clock: kernel.clock,
				instance: kernel.instanceId,
				size,
				topicBytes,
				retention,
				linger,
				retryFor,
				outage,
				outbox: { bytes: outboxBytes, age: outboxAge },
				check,
				deliver: (frame) => void kernel.deliver(frame),
				report: kernel.report
			});
			await log.tried;
			kernel.provide('replay.log', log);
			kernel.hook('shutdown', () => log.close());
		}
	});
}
