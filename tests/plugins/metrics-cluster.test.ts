import { Redis } from 'ioredis';
import prom from 'prom-client';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { live, type Plugin } from 'svelte-realtime';
import { health } from 'svelte-realtime/plugins/health';
import { metrics } from 'svelte-realtime/plugins/metrics';
import { redis } from 'svelte-realtime/plugins/redis';
import { redisReplay } from 'svelte-realtime/plugins/redis-replay';
import { replay } from 'svelte-realtime/plugins/replay';
import { rpc } from 'svelte-realtime/plugins/rpc';
import { streams } from 'svelte-realtime/plugins/streams';
import { startKernel } from '../kernel/tracked.ts';
import { startRedis, type RedisServer } from '../servers/redis.ts';
import { until } from '../servers/until.ts';

let server: RedisServer;
let prefixes = 0;
beforeAll(async () => {
	server = await startRedis();
}, 120_000);
afterAll(() => server?.stop());

async function start(prefix = `metrics${(prefixes += 1)}:`, ...more: readonly Plugin[]) {
	const register = new prom.Registry();
	const kernel = await startKernel([
		metrics(),
		health(),
		redis({ url: server.url, prefix, failures: 2 }),
		redisReplay(),
		rpc(),
		replay(),
		streams(),
		...more
	]);
	kernel.mount({
		app: { rows: live.stream('rows', () => []), counted: live.metrics({ ...prom, register }) }
	});
	/** The lines of a metric, without its prefix. */
	const read = async (name: string): Promise<string[]> =>
		(await register.metrics())
			.split('\n')
			.filter((line) => line.startsWith(`svelte_realtime_${name}`))
			.map((line) => line.slice('svelte_realtime_'.length));
	return { kernel, prefix, read };
}

test('a publish through the log counts where it is delivered, by where it comes from, with the time that Redis took', async () => {
	const one = await start();
	const other = await start(one.prefix);
	const rows = await (await other.kernel.connect()).follow('app/rows');

	await one.kernel.publish('rows', 'created', { id: 1 });
	await until(() => rows.events.length === 1);

	expect(await one.read('published_total')).toEqual([
		'published_total{class="logged",origin="local"} 1'
	]);
	expect(await one.read('deliveries_total')).toEqual([]);
	expect(await one.read('redis_duration_seconds_count')).toEqual([
		'redis_duration_seconds_count{operation="publish",status="ok"} 1'
	]);
	expect(await one.read('log_append_duration_seconds_count')).toEqual([
		'log_append_duration_seconds_count{status="ok"} 1'
	]);
	expect(await other.read('published_total')).toEqual([
		'published_total{class="logged",origin="remote"} 1'
	]);
	expect(await other.read('deliveries_total')).toEqual(['deliveries_total{class="logged"} 1']);
});

test('how far a topic is behind the store is what the check finds', async () => {
	const { kernel, prefix, read } = await start();
	await (await kernel.connect()).follow('app/rows');
	await kernel.publish('rows', 'created', { id: 1 });
	const client = new Redis(server.url);

	await kernel.clock.advance(15_000);
	await until(async () => (await read('log_topics'))[0] === 'log_topics 1');
	expect(await read('log_lag_frames')).toEqual(['log_lag_frames 0']);
	// Frames that nobody has told this instance of.
	await client.hset(`${prefix}{rows}:meta`, 's', 6);
	await kernel.clock.advance(15_000);

	await until(async () => (await read('log_lag_frames'))[0] === 'log_lag_frames 5');
	client.disconnect();
});

test('how backends stand is shown by backend and operation, until it is well again', async () => {
	const { kernel, read } = await start();
	const told = kernel.find('health')!;

	told.set('redis:presence', 'degraded', { breaker: 'open' });
	told.set('redis:lock', 'degraded', { breaker: 'half-open' });
	expect(await read('breaker_state{backend="redis"')).toEqual([
		'breaker_state{backend="redis",operation="presence"} 2',
		'breaker_state{backend="redis",operation="lock"} 1'
	]);
	expect(await read('degraded{backend="redis",operation="presence"')).toEqual([
		'degraded{backend="redis",operation="presence"} 1'
	]);

	told.set('redis:presence', 'ok', { breaker: 'closed' });
	expect(await read('breaker_state{backend="redis",operation="presence"')).toEqual([
		'breaker_state{backend="redis",operation="presence"} 0'
	]);
});

test('operations and backends without end are folded into one series', async () => {
	const { kernel, read } = await start();

	for (let n = 0; n < 150; n += 1) kernel.find('health')!.set(`made${n}:up${n}`, 'degraded');

	const series = await read('degraded{');
	expect(series).toHaveLength(101);
});
