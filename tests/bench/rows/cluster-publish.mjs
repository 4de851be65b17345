/**
 * Logged publishes through the store, 512 under way on one connection: each to a topic of its own, then
 * 16 to the same one at once. The control is `PUBLISH` of the same payload.
 */

import assert from 'node:assert/strict';
import { alternate, compare } from '../compare.mjs';
import { startRedis } from '../redis.mjs';

/** Publishes that are under way at once. */
const FLIGHT = 512;
/** Publishes of one topic that are made at once, and travel in one call. */
const BATCH = 16;
/** Publishes of one turn. */
const COUNT = 10_240;
const TURNS = 5;
/** 200 bytes. */
const PAYLOAD = JSON.stringify({ text: 'x'.repeat(200 - '{"text":""}'.length) });

/** @type {import('../run.mjs').Row} */
export const clusterPublish = {
	name: 'cluster-publish',
	unit: 'publishes per second on one connection',
	measure: (bench) => throughput(bench, 1, 0.5)
};

/** @type {import('../run.mjs').Row} */
export const clusterPublishBatch = {
	name: 'cluster-publish-16',
	unit: 'publishes per second on one connection',
	measure: (bench) => throughput(bench, BATCH, 0.8)
};

async function throughput({ calibrate, say }, batch, least) {
	const server = await startRedis();
	const control = await bare(server.url);
	const ours = calibrate ? await bare(server.url) : await logged(server.url);
	try {
		const rounds = await alternate(
			{ ours: () => turn(ours.publish, batch), control: () => turn(control.publish, batch) },
			{ turns: TURNS, say }
		);
		const row = compare(rounds, ({ perSecond }) => perSecond);
		return {
			...row,
			oursCpu: compare(rounds, ({ cpu }) => cpu).ours,
			controlCpu: compare(rounds, ({ cpu }) => cpu).control,
			gates: { [`ratio >= ${least}`]: row.ratio >= least }
		};
	} finally {
		await Promise.all([ours.close(), control.close()]);
		await server.stop();
	}
}

/** So many are always under way; the next begin where others are done. */
async function turn(publish, batch) {
	const since = process.cpuUsage();
	const started = performance.now();
	let begun = 0;
	const worker = async (_, index) => {
		const topic = `bench:${index}`;
		while (begun < COUNT) {
			begun += batch;
			if (batch === 1) await publish(topic);
			else await Promise.all(Array.from({ length: batch }, () => publish(topic)));
		}
	};
	await Promise.all(Array.from({ length: FLIGHT / batch }, worker));
	const seconds = (performance.now() - started) / 1000;
	const { user, system } = process.cpuUsage(since);
	return { perSecond: begun / seconds, cpu: (user + system) / begun };
}

/** The driver alone. */
async function bare(url) {
	const { Redis } = await import('ioredis');
	const client = new Redis(url);
	await client.ping();
	const channelOf = (topic) => `bare:${topic}`;
	return {
		publish: (topic) => client.publish(channelOf(topic), PAYLOAD),
		close: async () => client.disconnect()
	};
}

/** The log alone: what an instance does with a frame that it is told of is in the other rows. */
async function logged(url) {
	const { createKernel } = await import('svelte-realtime/kernel');
	const { redis } = await import('svelte-realtime/plugins/redis');
	const { redisLog } = await import('svelte-realtime/plugins/redis-replay');
	const transport = { name: 'nowhere', publish: () => true, subscribers: () => 0 };
	const kernel = createKernel({ plugins: [redis({ url })], transport });
	await kernel.start();
	const log = redisLog({
		redis: kernel.use('redis'),
		clock: kernel.clock,
		instance: kernel.instanceId,
		size: 1000,
		topicBytes: 4 * 1024 * 1024,
		retention: 24 * 60 * 60 * 1000,
		linger: 10_000,
		retryFor: 5000,
		outage: 'reject',
		outbox: { bytes: 0, age: 0 },
		check: 15_000,
		deliver() {},
		report: console.error
	});
	await log.tried;
	const value = { json: PAYLOAD, devalue: false };
	const { status, level } = await log.publish('bench:first', 'created', value);
	assert.deepEqual({ status, level }, { status: 'ok', level: 'store' });
	return {
		publish: (topic) => log.publish(topic, 'created', value),
		async close() {
			await log.close();
			await kernel.shutdown();
		}
	};
}
