/** Instances of an app with a log that they share, on the machine's clock. */

import {
	createKernel,
	definePlugin,
	systemClock,
	type Clock,
	type Kernel,
	type Plugin,
	type Position,
	type PublishResult
} from 'svelte-realtime/kernel';
import { expect } from 'vitest';
import { redis, type RedisBackend, type RedisOptions } from 'svelte-realtime/plugins/redis';
import { redisReplay, type RedisReplayOptions } from 'svelte-realtime/plugins/redis-replay';
import { replay, type ReplayLog } from 'svelte-realtime/plugins/replay';
import { fakeTransport } from 'svelte-realtime/testing';

/** A frame as an instance delivered it. */
export interface Delivered {
	readonly topic: string;
	readonly seq: number;
	readonly epoch: string;
	readonly data: unknown;
}

/** What became of a publish, with what only some results have. */
export type Published = PublishResult & {
	readonly level?: string;
	readonly position?: Position;
	readonly code?: string;
	readonly id?: string;
};

export interface LogInstance {
	readonly kernel: Kernel;
	readonly log: ReplayLog;
	readonly errors: unknown[];
	readonly delivered: Delivered[];
	/** Of what was delivered: from where. */
	readonly origins: string[];
	publish(topic: string, event: string, data: unknown): Promise<Published>;
	/** Publishes to `a` under a name. */
	publishAs(id: string, data: unknown): Promise<Published>;
	shutdown(): Promise<void>;
}

export interface RedisLogInstance extends LogInstance {
	readonly redis: RedisBackend;
}

export interface LogInstanceOptions {
	readonly url: string;
	readonly prefix: string;
	readonly replay?: RedisReplayOptions;
	readonly redis?: RedisOptions;
	readonly clock?: Clock;
	/** Another build of the plugin. */
	readonly plugin?: typeof redisReplay;
}

const started = new Set<LogInstance>();

/** Starts one with its log in Redis; `stopLogInstances()` ends it. */
export async function startLogInstance(options: LogInstanceOptions): Promise<RedisLogInstance> {
	const { url, prefix, plugin = redisReplay, clock } = options;
	const backend = redis({ url, prefix, commandTimeout: 300, ...options.redis });
	const plugins = [backend, plugin({ size: 10_000, ...options.replay })];
	const instance = await startRecorded(plugins, clock);
	return Object.assign(instance, { redis: instance.kernel.find('redis')! });
}

/** Starts one whose log is what the plugins provide; `stopLogInstances()` ends it. */
export async function startRecorded(
	plugins: readonly Plugin[],
	clock: Clock = systemClock
): Promise<LogInstance> {
	const errors: unknown[] = [];
	const delivered: Delivered[] = [];
	const origins: string[] = [];
	const recorder = definePlugin({
		name: 'recorder',
		setup: (kernel) =>
			void kernel.hook('published', ({ topic, seq, epoch, data, origin }) => {
				delivered.push({ topic, seq, epoch, data });
				origins.push(origin);
			})
	});
	const kernel = createKernel({
		plugins: [...plugins, replay(), recorder],
		transport: fakeTransport(),
		clock,
		report: (_plugin, error) => errors.push(error)
	}) as unknown as Kernel;
	await kernel.start();
	const instance: LogInstance = {
		kernel,
		log: kernel.find('replay.log')!,
		errors,
		delivered,
		origins,
		publish: async (topic, event, data): Promise<Published> => kernel.publish(topic, event, data),
		publishAs: async (id, data): Promise<Published> => kernel.publish('a', 'created', data, { id }),
		shutdown: () => kernel.shutdown()
	};
	started.add(instance);
	return instance;
}

/** Ends all that were started. */
export async function stopLogInstances(): Promise<void> {
	const all = [...started];
	started.clear();
	await Promise.all(all.map((instance) => instance.shutdown()));
}

export const upTo = (last: number): number[] =>
	Array.from({ length: last }, (_, index) => index + 1);
export const seqs = (frames: readonly { seq: number }[]): number[] => frames.map(({ seq }) => seq);

/** Instances that all follow the topic `a`. */
export async function following<I extends LogInstance>(started: readonly Promise<I>[]) {
	const all = await Promise.all(started);
	const tails = await Promise.all(all.map(({ log }) => log.follow('a')));
	return { all, tails, one: all[0]!, two: all[1]!, third: all[2]! };
}

/** Publishes texts to `a` as fast as the store takes them, in handfuls; each is taken by the store. */
export async function publishMany(
	instance: LogInstance,
	name: string,
	count: number,
	between: () => unknown = () => {}
): Promise<void> {
	for (let from = 0; from < count; from += 20) {
		const results = upTo(20).map((n) => instance.publish('a', 'created', `${name}${from + n}`));
		for (const { status, level } of await Promise.all(results)) {
			expect({ status, level }).toEqual({
				status: 'ok',
				level: expect.not.stringMatching('local')
			});
		}
		await between();
	}
}
