/** Redis: the connections that other plugins keep their state by. */

import type { Redis, RedisOptions as ClientOptions } from 'ioredis';
import { definePlugin, LiveError, type Plugin } from 'svelte-realtime/kernel';
import { checkTime } from '../checks.ts';
import { createLink, type Link } from './link.ts';
import {
	createSubscriptions,
	type Subscriptions,
	type SubscriptionsOptions
} from './subscriptions.ts';

export type { Link } from './link.ts';
export type { Subscriptions, SubscriptionsOptions } from './subscriptions.ts';

export interface RedisOptions {
	/**
	 * Where Redis is: `redis://user:password@host:port/database`, `rediss://` for TLS.
	 *
	 * @default REDIS_URL of the environment, else redis://127.0.0.1:6379
	 */
	url?: string;
	/** Begins the name of every key and channel: two apps in one Redis have two. @default 'realtime:' */
	prefix?: string;
	/** Milliseconds that a command may take. @default 1500 */
	commandTimeout?: number;
	/** Further options of ioredis, as for Sentinel and TLS. */
	client?: ClientOptions;
}

/** Redis as other plugins use it. */
export interface RedisBackend {
	readonly prefix: string;
	/** For commands that are answered at once. */
	readonly commands: Link;
	/** The command that broadcasts a message; for scripts an argument. */
	readonly broadcast: 'publish' | 'spublish';
	/**
	 * Runs a command of a class of operations.
	 *
	 * @param operation What the command is for, as `presence`: each class fails for itself.
	 * @throws {LiveError} SERVICE_UNAVAILABLE at once while Redis is away; what the command throws.
	 */
	run<T>(operation: string, work: (client: Redis) => Promise<T>): Promise<T>;
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
	const url = options.url ?? process.env['REDIS_URL'] ?? 'redis://127.0.0.1:6379';
	checkTime('commandTimeout', 'redis()', commandTimeout, 1);

	return definePlugin({
		name: 'redis',
		provides: ['redis'],
		async setup(kernel) {
			const links: Link[] = [];
			const connect = (purpose: string, timeout: number | undefined): Link => {
				const name = `${prefix}${kernel.instanceId}:${purpose}`;
				const link = createLink({
					url,
					name,
					commandTimeout: timeout,
					more: client,
					report: kernel.report
				});
				links.push(link);
				return link;
			};
			const commands = connect('commands', commandTimeout);
			await commands.tried;
			kernel.provide('redis', {
				prefix,
				commands,
				broadcast: 'publish',
				async run(_operation, work) {
					if (!commands.isUp) throw new LiveError('SERVICE_UNAVAILABLE');
					return work(commands.client);
				},
				connect: (purpose) => connect(purpose, commandTimeout),
				subscribe: (options) =>
					createSubscriptions({ ...options, clock: kernel.clock, report: kernel.report })
			});
			kernel.hook('shutdown', () => {
				for (const link of links) link.close();
			});
		}
	});
}
