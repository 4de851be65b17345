/** Where Redis is, by the options of an app. */

import type { RedisOptions as ClientOptions } from 'ioredis';
import { checkOption } from '../checks.ts';

/** Sentinels, which know where the primary is. */
export interface SentinelOptions {
	/** What they call it, as in `sentinel monitor <name>`. */
	name: string;
	/** `redis://host:26379`, of some of them; a user and a password in it are theirs, not the servers'. */
	urls: readonly string[];
}

export interface WhereOptions {
	readonly url: string;
	readonly cluster?: readonly string[] | undefined;
	readonly sentinel?: SentinelOptions | undefined;
	/** Further options of ioredis. */
	readonly client: ClientOptions;
}

export interface Where {
	/** For the operator: without a password. */
	readonly place: string;
	/** How a server is connected to; of a Cluster without its address. */
	readonly server: ClientOptions;
	/** Some servers of a Cluster. */
	readonly nodes: readonly { readonly host: string; readonly port: number }[] | undefined;
}

/** @throws {RealtimeError} RT_OPTION_INVALID for what is no address. */
export function whereOf({ url, cluster, sentinel, client }: WhereOptions): Where {
	const isOne = cluster === undefined || sentinel === undefined;
	checkOption(isOne, 'cluster', 'redis()', 'given', 'left out where `sentinel` is given');
	if (cluster !== undefined) {
		checkList('cluster', cluster);
		const all = cluster.map((address) => read('cluster', address));
		const { host, port, db, ...access } = optionsOf(all[0]!);
		return {
			place: cluster.map(withoutPassword).join(', '),
			server: { ...access, ...client },
			nodes: all.map((address) => optionsOf(address) as { host: string; port: number })
		};
	}
	if (sentinel !== undefined) {
		checkOption(Boolean(sentinel.name), 'sentinel.name', 'redis()', sentinel.name, 'its name');
		checkList('sentinel.urls', sentinel.urls);
		const all = sentinel.urls.map((address) => optionsOf(read('sentinel.urls', address), 26379));
		const { username, password, tls } = all[0]!;
		return {
			place: `${sentinel.urls.map(withoutPassword).join(', ')} (${sentinel.name})`,
			server: {
				sentinels: all.map(({ host, port }) => ({ host: host!, port: port! })),
				name: sentinel.name,
				...(username && { sentinelUsername: username }),
				...(password && { sentinelPassword: password }),
				...(tls && { sentinelTLS: tls }),
				...(client.tls && { enableTLSForSentinelMode: true }),
				// A primary that was replaced may go on answering for a while.
				failoverDetector: true,
				...client
			},
			nodes: undefined
		};
	}
	const server = { ...optionsOf(read('url', url)), ...client };
	return { place: withoutPassword(url), server, nodes: undefined };
}

function checkList(name: string, list: readonly string[]): void {
	const isList = Array.isArray(list) && list.length > 0;
	checkOption(isList, name, 'redis()', String(list), 'a list of urls, of one at least');
}

function read(name: string, address: string): URL {
	const isRead = URL.canParse(address) && /^rediss?:$/.test(new URL(address).protocol);
	const wanted = 'a url: redis://user:password@host:port, or rediss:// for TLS';
	checkOption(isRead, name, 'redis()', withoutPassword(address), wanted);
	return new URL(address);
}

function optionsOf(url: URL, defaultPort: number = 6379): ClientOptions {
	const { hostname, port, username, password, pathname, protocol } = url;
	const db = Number(pathname.slice(1));
	return {
		host: hostname.replace(/^\[|\]$/g, '') || '127.0.0.1',
		port: port ? Number(port) : defaultPort,
		...(username && { username: decodeURIComponent(username) }),
		...(password && { password: decodeURIComponent(password) }),
		...(db > 0 && { db }),
		...(protocol === 'rediss:' && { tls: {} })
	};
}

function withoutPassword(url: string): string {
	return String(url).replace(/\/\/[^@/]*@/, '//');
}
