import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { live } from 'svelte-realtime';
import { createKernel, type Position } from 'svelte-realtime/kernel';
import { redis } from 'svelte-realtime/plugins/redis';
import { redisReplay } from 'svelte-realtime/plugins/redis-replay';
import { single } from 'svelte-realtime/presets';
import { fakeTransport } from 'svelte-realtime/testing';
import { startRedis, type RedisServer } from '../servers/redis.ts';
import { until } from '../servers/until.ts';

const CLIENTS = 10_000;
const MISSED = 20;
/** Clients whose messages come in one turn. */
const TURN = 100;

let server: RedisServer;
beforeAll(async () => {
	server = await startRedis();
}, 120_000);
afterAll(() => server?.stop());

/** An instance that nobody has followed a topic on yet. */
async function start(topicBytes: number) {
	const kernel = createKernel({
		plugins: [
			...single({ ratelimit: false }),
			redis({ url: server.url }),
			redisReplay({ topicBytes })
		],
		transport: fakeTransport(),
		report: () => {}
	});
	await kernel.start();
	kernel.use('rpc').mount({ herd: { rows: live.stream('rows', () => []) } });
	return kernel;
}

test.each([
	['holds what they have missed reads the topic once', 4 * 1024 * 1024, 2],
	['does not hold it reads the topic for many of them at once', 1000, CLIENTS / TURN]
])(
	'when 10,000 clients come back at once, an instance that %s',
	{ timeout: 60_000 },
	async (_name, topicBytes, most) => {
		const before = await start(topicBytes);
		const since = ((await before.publish('rows', 'created', { id: 0 })) as { position: Position })
			.position;
		for (let id = 1; id <= MISSED; id += 1) await before.publish('rows', 'created', { id });
		await before.shutdown();
		const kernel = await start(topicBytes);
		const client = new Redis(server.url);
		await client.config('RESETSTAT');
		let recovered = 0;
		const ask = JSON.stringify({ type: 'stream', id: 1, path: 'herd/rows', args: [], since });

		for (let n = 0; n < CLIENTS; n += 1) {
			const socket = {
				bufferedBytes: 0,
				send(text: string | Uint8Array) {
					if (String(text).split('"event":"created"').length === MISSED + 1) recovered += 1;
					return 'sent' as const;
				},
				subscribe() {},
				unsubscribe() {},
				publish: () => true,
				cork: (work: () => void) => work(),
				close() {}
			};
			const connection = kernel.open(socket as never, {});
			kernel.message(connection, ask, ask.length);
			// As the network brings them: not all within one turn, which nothing else would have a share of.
			if (n % TURN === TURN - 1) await new Promise((resolve) => setImmediate(resolve));
		}
		await until(() => recovered === CLIENTS, 50_000);

		const stats = await client.info('commandstats');
		const calls = Number(/cmdstat_evalsha:calls=(\d+)/.exec(stats)?.[1] ?? 0);
		const reads = Number(/cmdstat_zrangebyscore:calls=(\d+)/.exec(stats)![1]);
		client.disconnect();
		await kernel.shutdown();
		expect(reads).toBeGreaterThan(0);
		expect(reads).toBeLessThanOrEqual(most);
		expect(calls).toBeLessThanOrEqual(most + 10);
	}
);
