import { Redis } from 'ioredis';
import { expect, test } from 'vitest';
import { live } from 'svelte-realtime';
import { redis } from 'svelte-realtime/plugins/redis';
import { redisBus } from 'svelte-realtime/plugins/redis-bus';
import { replay } from 'svelte-realtime/plugins/replay';
import { rpc } from 'svelte-realtime/plugins/rpc';
import { streams } from 'svelte-realtime/plugins/streams';
import { createTestKernel, type FollowedStream } from 'svelte-realtime/testing';
import { prefix, server, useRedis } from '../servers/own-redis.ts';
import { until } from '../servers/until.ts';

useRedis();

/** An instance whose streams follow ephemeral topics. */
async function start() {
	const plugins = [redis({ url: server.url, prefix }), redisBus(), rpc(), replay(), streams()];
	const kernel = await createTestKernel(plugins, { topics: { '*': 'ephemeral' } });
	kernel.mount({
		test: {
			of: live.stream(
				(_ctx, topic: string) => topic,
				() => 0,
				{ merge: 'set' }
			)
		}
	});
	return kernel;
}

type Instance = Awaited<ReturnType<typeof start>>;

const follow = async (instance: Instance, topic: string): Promise<FollowedStream> =>
	(await instance.connect()).follow('test/of', topic);

/** Waits until Redis says that somebody hears a topic, or nobody any more. */
async function heard(topic: string, instances: number): Promise<void> {
	const client = new Redis(server.url);
	const channel = `${prefix}bus:${topic}`;
	await until(
		async () => ((await client.pubsub('NUMSUB', channel)) as [string, number])[1] === instances
	);
	client.disconnect();
}

const told = ({ events }: FollowedStream): unknown[] => events.map(({ data }) => data);

test('what is published on one instance reaches the followers on the others once, in order', async () => {
	const [one, other] = [await start(), await start()];
	const [here, there] = [await follow(one, 'a'), await follow(other, 'a')];
	await heard('a', 2);

	for (let n = 1; n <= 100; n += 1) void one.publish('a', 'set', n);
	await until(() => there.events.length === 100);

	const expected = Array.from({ length: 100 }, (_, index) => index + 1);
	expect(told(there)).toEqual(expected);
	expect(told(here)).toEqual(expected);
});

test('values and events of every kind arrive as they were', async () => {
	const [one, other] = [await start(), await start()];
	const there = await follow(other, 'a');
	await heard('a', 1);

	await one.publish('a', 'tab\there\nand there', { text: 'a\tb\nc' });
	await one.publish('a', 'when', new Date(0));
	await one.publish('a', 'nothing');
	await until(() => there.events.length === 3);

	expect(there.events.map(({ event }) => event)).toEqual([
		'tab\there\nand there',
		'when',
		'nothing'
	]);
	expect(told(there)[0]).toEqual({ text: 'a\tb\nc' });
});

test('an instance hears the topics that somebody on it follows, and no others', async () => {
	const instance = await start();
	const connection = await instance.connect();
	await connection.follow('test/of', 'a');
	await heard('a', 1);

	await connection.leave();

	await heard('a', 0);
});

test('while Redis is away each instance goes on for itself, and together afterwards', async () => {
	const [one, other] = [await start(), await start()];
	const [here, there] = [await follow(one, 'a'), await follow(other, 'a')];
	await heard('a', 2);
	await server.kill();

	await one.publish('a', 'set', 'alone');
	expect(told(here)).toEqual(['alone']);
	await server.restart();
	await heard('a', 2);
	let n = 0;
	await until(() => {
		void one.publish('a', 'set', (n += 1));
		return there.events.length > 0;
	});

	expect(told(there)).not.toContain('alone');
	for (const { errors } of [one, other]) errors.length = 0;
});
