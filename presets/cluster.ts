/** Many instances that are one app: what `single` has, with the state of it in Redis. */

import { presetOf, RealtimeError, type Plugin } from 'svelte-realtime/kernel';
import { jobs, type JobsOptions } from 'svelte-realtime/plugins/jobs';
import { postgres, type PostgresOptions } from 'svelte-realtime/plugins/postgres';
import {
	postgresNotify,
	type PostgresNotifyOptions
} from 'svelte-realtime/plugins/postgres-notify';
import { postgresIdempotency } from 'svelte-realtime/plugins/postgres-idempotency';
import { redis, type RedisOptions } from 'svelte-realtime/plugins/redis';
import { redisBus } from 'svelte-realtime/plugins/redis-bus';
import { redisCron } from 'svelte-realtime/plugins/redis-cron';
import { redisCursors, type RedisCursorsOptions } from 'svelte-realtime/plugins/redis-cursors';
import { redisGroups } from 'svelte-realtime/plugins/redis-groups';
import { redisIdempotency } from 'svelte-realtime/plugins/redis-idempotency';
import { redisInstances } from 'svelte-realtime/plugins/redis-instances';
import { redisLock } from 'svelte-realtime/plugins/redis-lock';
import { redisPresence } from 'svelte-realtime/plugins/redis-presence';
import {
	redisRateLimit,
	type RedisRateLimitOptions
} from 'svelte-realtime/plugins/redis-ratelimit';
import { redisRegistry } from 'svelte-realtime/plugins/redis-registry';
import { redisReplay, type RedisReplayOptions } from 'svelte-realtime/plugins/redis-replay';
import { redisSession, type RedisSessionOptions } from 'svelte-realtime/plugins/redis-session';
import { single, type SingleCapability, type SingleOptions } from './single.ts';

/** What single() has, and how it is shared. What is left out has the defaults of its plugin. */
export interface ClusterOptions extends Omit<SingleOptions, 'replay'> {
	/** Where Redis is. @default REDIS_URL of the environment, else redis://127.0.0.1:6379 */
	redis?: RedisOptions;
	/**
	 * Where Postgres is, what it tells, and what it has done; `{}` for the defaults.
	 *
	 * @default the app does without
	 */
	postgres?: PostgresOptions & { notify?: PostgresNotifyOptions; jobs?: JobsOptions };
	/** The log of topics, which is kept in Redis. */
	replay?: RedisReplayOptions;
	/** How the stores in Redis are used that keep what the plugins of these names keep. */
	stores?: {
		ratelimit?: RedisRateLimitOptions;
		session?: RedisSessionOptions;
		cursors?: RedisCursorsOptions;
	};
	/**
	 * Where it is remembered what was done under an id: by `ctx.dedup`, and by functions that are `durable`.
	 *
	 * @default 'redis'
	 */
	idempotency?: 'redis' | 'postgres';
}

export type ClusterCapability =
	| SingleCapability
	| 'redis'
	| 'replay.log'
	| 'topics.bus'
	| 'instances.link'
	| 'presence.store'
	| 'cursors.store'
	| 'ratelimit.store'
	| 'session.store'
	| 'dedup.store'
	| 'calls.store'
	| 'lock.store'
	| 'cron.store'
	| 'groups.store'
	| 'registry.store'
	| 'postgres'
	| 'postgres.bridge'
	| 'jobs';

/**
 * The preset for many instances over one Redis: every plugin of `single()`, and beside it what keeps
 * its state where all of them have it. Needs the package `ioredis`, and with `postgres` the package
 * `pg`.
 *
 * @throws {RealtimeError} RT_OPTION_INVALID; RT_PACKAGE_MISSING when the app starts.
 * @example realtime.config.ts: preset: cluster({ redis: { url: 'redis://redis:6379' } })
 */
export function cluster(options: ClusterOptions = {}): readonly Plugin<any, ClusterCapability>[] {
	const { redis: connection, postgres: database, replay, stores = {}, ...rest } = options;
	const { idempotency = 'redis', ...own } = rest;
	const isKnown = idempotency === 'redis' || (idempotency === 'postgres' && database !== undefined);
	if (!isKnown) {
		const wanted = "'redis', or 'postgres' where `postgres` is given";
		throw new RealtimeError('RT_OPTION_INVALID', ['idempotency', 'cluster()', idempotency, wanted]);
	}
	return presetOf(options, [
		redis(connection),
		redisInstances(),
		redisReplay(replay),
		redisBus(),
		redisPresence(),
		redisCursors(stores.cursors),
		redisRateLimit(stores.ratelimit),
		redisSession(stores.session),
		redisGroups(),
		redisLock(),
		redisCron(),
		redisRegistry(),
		...(database === undefined ? [] : databasePlugins(database)),
		idempotency === 'redis' ? redisIdempotency() : postgresIdempotency(),
		...single(own)
	]);
}

function databasePlugins({
	notify,
	jobs: work,
	...connection
}: NonNullable<ClusterOptions['postgres']>): readonly Plugin<any, ClusterCapability>[] {
	return [postgres(connection), postgresNotify(notify), jobs(work)];
}
