import { readdirSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { Plugin } from 'svelte-realtime/kernel';
import { cluster, single, type ClusterOptions } from 'svelte-realtime/presets';
import { isSamePreset } from '../../kernel/config.ts';
import { read } from '../claims/markdown.ts';
import { startKernel } from '../kernel/tracked.ts';
import { startDatabase } from '../servers/postgres.ts';
import { startRedis, type RedisServer } from '../servers/redis.ts';

let server: RedisServer;
beforeAll(async () => {
	server = await startRedis();
}, 120_000);
afterAll(() => server?.stop());

test('cluster() is these plugins, in this order, on these hooks', async () => {
	const kernel = await startKernel(cluster({ redis: { url: server.url } }));

	// How long each has taken is no part of it.
	expect(kernel.describe().replaceAll(/\(\d+ ms\)/g, '')).toMatchInlineSnapshot(`
		"health : provides health
		redis : provides redis; uses health
		redis-instances : provides instances.link; requires redis
		redis-replay : provides replay.log; requires redis
		redis-bus : provides topics.bus; requires redis
		redis-presence : provides presence.store; requires redis
		redis-cursors : provides cursors.store; requires redis
		instances : provides instances; uses instances.link
		redis-ratelimit : provides ratelimit.store; requires redis; uses instances
		redis-session : provides session.store; requires redis
		redis-groups : provides groups.store; requires redis
		redis-lock : provides lock.store; requires redis
		redis-cron : provides cron.store; requires redis
		redis-registry : provides registry.store; requires redis, instances
		redis-idempotency : provides dedup.store, calls.store; requires redis
		rpc : provides rpc; uses instances, calls.store
		metrics : requires rpc
		admission 
		identity : provides identity; uses replay.log
		middleware : requires rpc
		ratelimit : provides ratelimit; requires rpc; uses ratelimit.store
		breaker : requires rpc
		binary : provides binary; requires rpc
		replay : provides replay; uses replay.log
		streams : provides streams; requires rpc, replay; uses replay.log
		presence : provides presence; uses presence.store
		cursors : provides cursors; requires streams; uses cursors.store
		groups : provides groups; requires presence; uses groups.store
		signals : provides signal; uses identity
		registry : provides registry; uses identity, registry.store
		invalidation : provides invalidate; uses replay.log
		throttle : provides throttle
		debounce : provides debounce
		channels : provides channels; requires rpc
		lock : provides lock; uses lock.store
		leader : provides leader; uses lock.store
		queue : provides queue
		session : provides session; uses session.store
		dedup : provides dedup; uses dedup.store
		webhooks : provides webhooks; requires rpc; uses dedup.store
		reactions : provides reactions; requires rpc; uses replay.log, lock.store, topics.bus
		cron : provides cron.runs; requires rpc; uses cron.store
		  upgrade: admission (pre) → identity (pre) → ratelimit (pre)
		  open: identity (pre) → admission → signals → registry
		  message: health (health:watch) → rpc (rpc) → rpc (rpc:session) → rpc (rpc:cancel) → identity (identity:token) → binary (binary) → binary (binary:chunk) → streams (stream) → streams (stream:more) → streams (stream:end) → presence (presence:update) → cursors (cursors:move)
		  subscribed: redis-bus (ephemeral) → signals (__signal:*) → invalidation (__tag:*)
		  unsubscribe: redis-bus (ephemeral) → signals (__signal:*) → invalidation (__tag:*)
		  publish: groups (pre __group:*) → replay (logged) → redis-bus (post ephemeral)
		  published: identity (__identity) → cursors (__cursors:*) → groups (__presence:group:*) → groups (__group:*) → invalidation (__tag:*)
		  drain: streams
		  close: rpc → admission → identity → streams → presence → registry
		  ready: instances → rpc → identity → reactions → reactions → cron
		  changed: rpc → signals → registry → reactions → cron
		  shutdown: redis → redis-replay → redis-presence → instances → rpc → metrics → identity → breaker → binary → streams → presence → cursors → groups → throttle → debounce → lock → leader → queue → reactions → reactions → cron → cron"
	`);
});

test('an instance has as many connections to Redis as the README says', async () => {
	const [, said] = /An instance has (\d+) connections to Redis/.exec(read('presets/README.md'))!;
	const prefix = 'counted:';
	await startKernel(cluster({ redis: { url: server.url, prefix } }));
	const client = new Redis(server.url);

	const list = (await client.client('LIST')) as string;
	client.disconnect();

	expect(list.split('\n').filter((line) => line.includes(` name=${prefix}`))).toHaveLength(
		Number(said)
	);
});

test('who comes is asked in the order of single(): those who only cost come no further than admission', async () => {
	const gates = async (preset: readonly Plugin[]): Promise<string | undefined> =>
		/upgrade: (.*)/.exec((await startKernel(preset)).describe())?.[1];

	const asked = await gates(cluster({ redis: { url: server.url } }));

	expect(asked).toBe(await gates(single()));
	expect(asked).toMatch(/^admission/);
});

test('with Postgres it tells of what happens there, and has jobs', () => {
	const names = (options: ClusterOptions): string[] => cluster(options).map(({ name }) => name);
	const more = names({ postgres: {} }).filter((name) => !names({}).includes(name));

	expect(more).toEqual(['postgres', 'postgres-notify', 'jobs']);
	expect(names({ postgres: {}, idempotency: 'postgres' })).toContain('postgres-idempotency');
	expect(names({ postgres: {}, idempotency: 'postgres' })).not.toContain('redis-idempotency');
});

test('over Redis and Postgres it starts, serves, and ends', async () => {
	const database = await startDatabase();
	try {
		const preset = cluster({
			redis: { url: server.url, prefix: 'both:' },
			postgres: { url: database.url, connections: 2 },
			idempotency: 'postgres'
		});
		const kernel = await startKernel(preset);
		const twice = ['a', 'a'].map((id) => kernel.find('dedup')!.once(id, () => {}));

		expect((await Promise.all(twice)).map(({ first }) => first).sort()).toEqual([false, true]);
		expect(await kernel.publish('news', 'created', { id: 1 })).toMatchObject({ level: 'store' });
		await kernel.shutdown();
	} finally {
		await database.stop();
	}
}, 240_000);

test('it has whatever single() has, and each store that is made for Redis', () => {
	const names = cluster({}).map(({ name }) => name);
	const folders = readdirSync(new URL('../../plugins', import.meta.url), { withFileTypes: true });
	const stores = folders.filter((entry) => entry.isDirectory() && entry.name.startsWith('redis'));

	expect(names).toEqual(expect.arrayContaining(single().map(({ name }) => name)));
	expect(names).toEqual(expect.arrayContaining(stores.map(({ name }) => name)));
	expect(new Set(names).size).toBe(names.length);
});

test('it hands its options on, and keeps them to tell whether they have changed', () => {
	const wrong: [ClusterOptions, string][] = [
		[{ redis: { commandTimeout: 0 } }, '"commandTimeout" of redis()'],
		[{ replay: { size: 0 } }, '"size" of redisReplay()'],
		[{ stores: { session: { size: 0 } } }, '"size" of redisSession()'],
		[{ stores: { ratelimit: { outage: 'never' as never } } }, '"outage" of redisRateLimit()'],
		[{ stores: { cursors: { ttl: 1 } } }, '"ttl" of redisCursors()'],
		[{ leader: { ttl: 1 } }, '"ttl" of leader()'],
		[{ postgres: { connections: 0 } }, '"connections" of postgres()'],
		[{ postgres: { jobs: { concurrency: 0 } } }, '"concurrency" of jobs()'],
		[{ ratelimit: { identities: 0 } }, '"identities" of ratelimit()'],
		[{ idempotency: 'postgres' }, '"idempotency" of cluster()']
	];

	for (const [options, message] of wrong) expect(() => cluster(options)).toThrow(message);
	const same = (one: ClusterOptions, other: ClusterOptions): boolean =>
		isSamePreset(cluster(one), cluster(other), isDeepStrictEqual);
	expect(same({ redis: { prefix: 'a:' } }, { redis: { prefix: 'a:' } })).toBe(true);
	expect(same({ redis: { prefix: 'a:' } }, { redis: { prefix: 'b:' } })).toBe(false);
});

test('an app for which ioredis is not installed is told what to install', async () => {
	vi.doMock('ioredis', () => {
		throw new Error("Cannot find package 'ioredis'");
	});
	const starting = startKernel(cluster({ redis: { url: server.url } }));

	await expect(starting).rejects.toThrow(/RT_PACKAGE_MISSING.*redis\(\).*npm install ioredis/);
	vi.doUnmock('ioredis');
});
