/** An instance of an app that serves one stream, whose log is in Redis. */

import { tmpdir } from 'node:os';
import { Redis } from 'ioredis';
import { defineConfig, definePlugin, live } from 'svelte-realtime';
import { start } from 'svelte-realtime/adapter/runtime';
import type { PublishResult } from 'svelte-realtime/kernel';
import { redis } from 'svelte-realtime/plugins/redis';
import { redisReplay, type RedisReplayOptions } from 'svelte-realtime/plugins/redis-replay';
import { single } from 'svelte-realtime/presets';
import type { DeliveryRecord, PublishRecord } from './oracle.ts';

export interface InstanceOptions {
	/** Where its log is. */
	readonly url: string;
	/** Where its rows are: a Redis that nothing happens to. */
	readonly database: string;
	readonly prefix: string;
	readonly replay?: RedisReplayOptions;
	/** Bytes that wait for a client. */
	readonly sendBuffer?: number;
}

export interface Serving {
	readonly port: number;
	readonly delivered: readonly DeliveryRecord[];
	/** Adds a row, and tells those who follow the topic. */
	publish(topic: string, id: string): Promise<PublishRecord>;
	close(): Promise<void>;
}

export const TOPICS: readonly string[] = ['a', 'b', 'c'];

/** The rows of a topic, in a list of Redis. */
export const rowsOf = (topic: string): string => `rows:${topic}`;

export async function serveInstance(
	options: InstanceOptions,
	hear: (frame: DeliveryRecord) => void = () => {},
	plugin: typeof redisReplay = redisReplay
): Promise<Serving> {
	const database = new Redis(options.database);
	const delivered: DeliveryRecord[] = [];
	const recorder = definePlugin({
		name: 'recorder',
		setup: (kernel) =>
			void kernel.hook('published', ({ topic, seq, epoch, data }) => {
				// Plugins have topics of their own.
				if (!TOPICS.includes(topic)) return;
				const frame = { topic, id: (data as { id: string }).id, seq, epoch };
				delivered.push(frame);
				hear(frame);
			})
	});
	const rows = live.stream(
		(_ctx, topic: string) => topic,
		async (_ctx, topic: string) =>
			(await database.lrange(rowsOf(topic), 0, -1)).map((id) => ({ id }))
	);
	const { url, prefix, replay, sendBuffer } = options;
	const server = await start({
		// Stands for SvelteKit's server: nobody asks for a page.
		server: { init: async () => {}, respond: async () => new Response() } as never,
		load: async () => ({
			config: defineConfig({
				preset: [
					...single({ admission: false }),
					// A machine that is slow for a moment is no reason to leave Redis alone for half a minute.
					redis({ url, prefix, commandTimeout: 300, resetAfter: 500 }),
					plugin(replay),
					recorder
				],
				transport: 'node',
				...(sendBuffer !== undefined && { limits: { sendBuffer } })
			}),
			modules: { chaos: { rows } }
		}),
		directory: tmpdir(),
		env: { HOST: '127.0.0.1', PORT: '0' },
		signals: false
	});
	const { kernel } = server.app!;
	// One that follows delivers everything, and not only what it publishes itself.
	for (const topic of TOPICS) await kernel.use('replay').follow(topic);
	return {
		port: server.port,
		delivered,
		async publish(topic, id) {
			await database.rpush(rowsOf(topic), id);
			const result: PublishResult = await kernel.publish(topic, 'created', { id });
			if (result.status === 'rejected') await database.lrem(rowsOf(topic), 1, id);
			const { level, position } = result as {
				level?: string;
				position?: { epoch: string; seq: number };
			};
			return { topic, id, status: result.status, level, ...position };
		},
		async close() {
			await server.close();
			database.disconnect();
		}
	};
}
