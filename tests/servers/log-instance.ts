/** An instance of an app whose log is in Redis, on the machine's clock. */

import {
	createKernel,
	definePlugin,
	systemClock,
	type Clock,
	type Kernel,
	type Position,
	type PublishResult
} from 'svelte-realtime/kernel';
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
	readonly redis: RedisBackend;
	readonly errors: unknown[];
	readonly delivered: Delivered[];
	publish(topic: string, event: string, data: unknown): Promise<Published>;
	shutdown(): Promise<void>;
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

/** Starts one; `stopLogInstances()` ends it. */
export async function startLogInstance(options: LogInstanceOptions): Promise<LogInstance> {
	const { url, prefix, plugin = redisReplay, clock = systemClock } = options;
	const errors: unknown[] = [];
	const delivered: Delivered[] = [];
	const recorder = definePlugin({
		name: 'recorder',
		setup: (kernel) =>
			void kernel.hook('published', ({ topic, seq, epoch, data }) => {
				delivered.push({ topic, seq, epoch, data });
			})
	});
	const backend = redis({ url, prefix, commandTimeout: 300, ...options.redis });
	const kernel = createKernel({
		plugins: [backend, plugin({ size: 10_000, ...options.replay }), replay(), recorder],
		transport: fakeTransport(),
		clock,
		report: (_plugin, error) => errors.push(error)
	});
	await kernel.start();
	const instance: LogInstance = {
		kernel: kernel as unknown as Kernel,
		log: kernel.find('replay.log')!,
		redis: kernel.find('redis')!,
		errors,
		delivered,
		publish: async (topic, event, data): Promise<Published> => kernel.publish(topic, event, data),
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
