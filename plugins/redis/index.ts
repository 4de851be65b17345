/** Redis: the connections that other plugins keep their state by. */

import type { Redis, RedisOptions as ClientOptions } from 'ioredis';
import { definePlugin, type Plugin } from 'svelte-realtime/kernel';
import type { HealthDetails } from 'svelte-realtime/plugins/health';
import { checkCount, checkTime } from '../checks.ts';
import { optionalPackage } from '../optional-package.ts';
import { tagged } from '../redis-keys.ts';
import { outageOf } from '../redis-failures.ts';
import { createClusterLink } from './cluster.ts';
import { createLink, type Link } from './link.ts';
import { createOperations, type OperationListener, type Operations } from './operations.ts';
import { createReports } from './reports.ts';
import { createSharded } from './sharded.ts';
import { createHearing, type Subscriptions, type SubscriptionsOptions } from './subscriptions.ts';
import { whereOf, type SentinelOptions } from './where.ts';

export type { Link } from './link.ts';
export type { OperationListener } from './operations.ts';
export type { Subscriptions, SubscriptionsOptions } from './subscriptions.ts';
export type { SentinelOptions } from './where.ts';

export interface RedisOptions {
	/**
	 * Where Redis is: `redis://user:password@host:port/database`, `rediss://` for TLS.
	 *
	 * @default REDIS_URL of the environment, else redis://127.0.0.1:6379
	 */
	url?: string;
	/**
	 * Some servers of a Redis Cluster, as urls, in place of `url`; the user and the password of the first
	 * are those for all of them.
	 */
	cluster?: readonly string[];
	/** Sentinels that know where Redis is, in place of `url`. */
	sentinel?: SentinelOptions;
	/** Begins the name of every key and channel: two apps in one Redis have two. @default 'realtime:' */
	prefix?: string;
	/** Milliseconds that a command may take. @default 1500 */
	commandTimeout?: number;
	/** Failures in a row after which a class of operations is left alone. @default 5 */
	failures?: number;
	/** Milliseconds for which it is, before Redis is asked whether it serves again. @default 30,000 */
	resetAfter?: number;
	/** Further options of ioredis for each connection, as `tls: { ca }` and, with Sentinels, `password`. */
	client?: ClientOptions;
}

/** Redis as other plugins use it. */
export interface RedisBackend {
	readonly prefix: string;
	/** For commands that are answered at once. */
	readonly commands: Link;
	/**
	 * The command that broadcasts a message; for scripts an argument. In a Cluster it is that of the
	 * channel's own slot: others would tell every server of every message.
	 */
	readonly broadcast: 'publish' | 'spublish';
	/**
	 * Runs commands of a class of operations, behind its breaker.
	 *
	 * @param operation What the command is for, as `presence`: each class fails for itself.
	 * @param work Is given the commands of ioredis, of a Cluster where there is one. Of a pipeline the
	 * answers have to be looked at one by one: `pipelined()` does.
	 * @param link The connection of this class. @default that of the commands
	 * @throws {LiveError} SERVICE_UNAVAILABLE where Redis cannot serve, at once while its breaker is open
	 * or the way is down; `cause` is what was answered, and tells whether it may have been executed.
	 * @throws {RealtimeError} RT_REDIS_PERMISSION, RT_REDIS_AUTH; else what the command throws.
	 */
	run<T>(operation: string, work: (client: Redis) => Promise<T>, link?: Link): Promise<T>;
	/** Hears how long Redis took for each of these, for whoever counts; must not throw. The result ends it. */
	observe(listener: OperationListener): () => void;
	/**
	 * Makes a connection of a plugin's own; it is closed with this plugin.
	 *
	 * @param purpose Part of its name in CLIENT LIST.
	 */
	connect(purpose: string): Link;
	/** Hears channels, over a connection of a plugin's own that is watched. */
	subscribe(options: Omit<SubscriptionsOptions, 'clock' | 'report'>): Subscriptions;
}

declare module 'svelte-realtime/kernel' {
	interface Capabilities {
		redis: RedisBackend;
	}
}

/**
 * Connects to Redis 7.0 or later, or Valkey. While it is down commands fail at once, and what the
 * plugins that use it do then is theirs to say.
 *
 * @throws {RealtimeError} RT_OPTION_INVALID
 */
export function redis(options: RedisOptions = {}): Plugin<never, 'redis'> {
	const { prefix = 'realtime:', commandTimeout = 1500, client = {} } = options;
	const { failures = 5, resetAfter = 30_000 } = options;
	const { url = process.env['REDIS_URL'] ?? 'redis://127.0.0.1:6379' } = options;
	const { cluster, sentinel } = options;
	const where = whereOf({ url, cluster, sentinel, client });
	checkTime('commandTimeout', 'redis()', commandTimeout, 1);
	checkCount('failures', 'redis()', failures);
	checkTime('resetAfter', 'redis()', resetAfter);

	return definePlugin({
		name: 'redis',
		optional: ['health'],
		provides: ['redis'],
		async setup(kernel) {
			const driver = await optionalPackage('redis()', 'ioredis', () => import('ioredis'));
			const { clock } = kernel;
			const links: Link[] = [];
			const reports = createReports(where.place, clock, 2 * resetAfter, kernel.report);
			const common = { driver, commandTimeout, report: reports.lost };
			const nameOf = (purpose: string): string => `${prefix}${kernel.instanceId}:${purpose}`;
			const stands = (what: string, isWell: boolean, details?: HealthDetails): void =>
				kernel.find('health')?.set(`redis:${what}`, isWell ? 'ok' : 'degraded', details);

			const shared =
				where.nodes && createClusterLink({ ...common, where, clock, name: nameOf('') });
			if (shared) links.push(shared);
			/** Those whose channels say whether they are live. */
			const heard = new Set<Link>();
			const purposes = new Map<Link, string>();
			let operations: Operations | undefined;
			function connect(purpose: string): Link {
				// All of a Cluster is one client; who asks is told apart by what it is handed.
				const link = shared
					? (Object.create(shared) as Link)
					: createLink({ ...common, where: where.server, name: nameOf(purpose) });
				if (!shared) links.push(link);
				operations?.watch(link);
				purposes.set(link, purpose);
				const stand = (): void => {
					if (!heard.has(link) || !link.isWhole) stands(`${purpose} connection`, link.isWhole);
				};
				void link.tried.then(stand);
				link.onUp(stand);
				link.onDown(stand);
				return link;
			}
			const commands = connect('commands');
			commands.onUp(reports.reached);
			operations = createOperations({
				link: commands,
				clock,
				failures,
				resetAfter,
				probeTimeout: 2 * commandTimeout,
				probe: (redis) => probe(redis, `${tagged(prefix, 'probe')}:at`),
				report: reports.say,
				onChange: (operation, breaker) => stands(operation, breaker === 'closed', { breaker })
			});
			await commands.tried;
			kernel.provide('redis', {
				prefix,
				commands,
				broadcast: shared ? 'spublish' : 'publish',
				run: operations.run,
				observe: operations.observe,
				connect,
				subscribe(options) {
					const purpose = purposes.get(options.link)!;
					heard.add(options.link);
					const hearing = {
						...options,
						clock,
						report: reports.say,
						stands: (isLive: boolean) => stands(`${purpose} connection`, isLive)
					};
					return shared
						? createSharded({ ...hearing, cluster: shared, name: nameOf(purpose) })
						: createHearing({ ...hearing, isSharded: false });
				}
			});
			kernel.hook('shutdown', () => {
				operations?.close();
				for (const link of links) link.close();
			});
		}
	});
}

/** Asks whether Redis serves: whether it is there, and then whether it takes writes. */
async function probe(client: Redis, key: string): Promise<void> {
	// In a Cluster that asks any of its servers, one that is down as well.
	if (!client.isCluster) await client.ping();
	try {
		await client.set(key, '', 'PX', 1000);
	} catch (error) {
		// Whatever else it answers, it does answer.
		if (outageOf(error) !== undefined) throw error;
	}
}
