/** A Redis Cluster: one client for all of its servers, which refuses at once for those that are down. */

import type { Cluster, Redis } from 'ioredis';
import type { Clock } from 'svelte-realtime/kernel';
import { PARTLY } from '../redis-failures.ts';
import { OWN_RUN } from '../redis-run.ts';
import { createLink, failFast, Listeners, waitBefore, type Link } from './link.ts';
import type { Where } from './where.ts';

export interface ClusterOptions {
	readonly driver: typeof import('ioredis');
	readonly where: Where;
	readonly name: string;
	readonly commandTimeout: number;
	readonly clock: Clock;
	report(error: unknown): void;
}

export interface ClusterLink extends Link {
	/** The server that has the slot of a key, as `host:port`; undefined where none has. */
	serverOf(key: string): string | undefined;
	/** Makes a connection to one server, for channels. */
	connectTo(server: string, purpose: string): Link;
	/** Tells each time that the servers and their slots were asked for; the result ends it. */
	onTopology(listener: () => void): () => void;
	/** Asks for them: something says that they are others. */
	refresh(): void;
}

/** Milliseconds between two questions for the servers while some are down, and otherwise. */
const SOON = 500;
const LATER = 5000;

/** What ioredis has, and does not tell TypeScript. */
type Inner = Cluster & { refreshSlotsCache(done?: () => void): void };
type Command = Parameters<Cluster['sendCommand']>[0];

export function createClusterLink(options: ClusterOptions): ClusterLink {
	const { driver, where, name, commandTimeout, clock, report } = options;
	const [ups, downs, topology] = [new Listeners(), new Listeners(), new Listeners()];
	let tried: () => void;
	const first = new Promise<void>((resolve) => (tried = resolve));
	const server = {
		connectTimeout: 2 * commandTimeout,
		...where.server,
		...failFast(name),
		commandTimeout
	};
	let isClosed = false;

	/** Refuses at once what is for a server that is down; ioredis would ask another one where it is. */
	class FailFast extends driver.Cluster {
		override sendCommand(command: Command, stream?: never, node?: never): unknown {
			const to = this.slots[command.getSlot()]?.[0];
			if (node === undefined && to !== undefined && masters().get(to)?.status !== 'ready') {
				command.reject(new Error(PARTLY));
				return command.promise;
			}
			return super.sendCommand(command, stream, node);
		}
	}

	const cluster = new FailFast([...where.nodes!], {
		redisOptions: server,
		enableOfflineQueue: false,
		// It may have been executed.
		retryDelayOnFailover: 0,
		retryDelayOnClusterDown: 0,
		slotsRefreshInterval: LATER,
		slotsRefreshTimeout: commandTimeout,
		clusterRetryStrategy: waitBefore,
		clusterNodeRetryStrategy: waitBefore,
		// Names are what certificates are for.
		...(server.tls && { dnsLookup: (host: string, done) => done(null, host) })
	}) as unknown as Inner;

	function masters(): ReadonlyMap<string, Redis> {
		const all = cluster.nodes('master');
		return new Map(all.map((node) => [`${node.options.host}:${node.options.port}`, node]));
	}

	const isReady = (node: Redis | undefined): boolean => node?.status === 'ready';
	const isUp = (): boolean =>
		!isClosed && cluster.status === 'ready' && [...masters().values()].some(isReady);
	function isWhole(): boolean {
		if (!isUp()) return false;
		const known = masters();
		// A slot that nobody has is a hole in the list.
		const servers = new Set(cluster.slots.map(([to]) => to!));
		return [...servers].every((to) => isReady(known.get(to)));
	}

	cluster.on('+node', (node: Redis) => {
		node.on('ready', () => {
			// The first ones are there before the cluster itself is.
			if (isUp()) ups.tell();
			if (isWhole()) tried();
		});
		node.on('close', () => {
			if (isClosed) return;
			wasWhole = isWhole();
			refresh();
			downs.tell();
		});
		connectAll();
	});
	/**
	 * Before they are needed: a connection that is begun by a command keeps it waiting. Not before the
	 * driver is done with its own question, for which it takes none that is only just connecting.
	 */
	function connectAll(): void {
		if (cluster.status !== 'ready') return;
		for (const node of masters().values()) {
			if (node.status === 'wait') node.connect().catch(() => {});
		}
	}
	let wasWhole = false;
	cluster.on('refresh', () => {
		connectAll();
		topology.tell();
		// Who takes over may be a server that was connected to already.
		if (isWhole() && !wasWhole) ups.tell();
		wasWhole = isWhole();
	});
	cluster.on('ready', () => {
		connectAll();
		if (isUp()) ups.tell();
		if (isWhole()) tried();
	});
	// A cluster that says that it does not serve is left again without an error.
	cluster.on('close', () => tried());
	cluster.on('error', failed);
	cluster.on('node error', failed);
	function failed(error: Error & { lastNodeError?: Error }): void {
		tried();
		report(error.lastNodeError ?? error);
	}

	function refresh(): void {
		if (!isClosed && cluster.status === 'ready') cluster.refreshSlotsCache();
	}
	/** Since when none is there: their addresses may all be others by now. */
	let lostAt: number | undefined;
	const cancel = clock.every(SOON, () => {
		if (isWhole()) lostAt = undefined;
		else if (isUp()) refresh();
		else if (cluster.status === 'ready') {
			lostAt ??= clock.now();
			if (clock.now() - lostAt < LATER) return refresh();
			lostAt = undefined;
			cluster.disconnect(true);
		}
	});

	const nodes = new Set<Link>();
	return {
		client: cluster as unknown as Redis,
		get run() {
			return isUp() ? OWN_RUN : '';
		},
		get isUp() {
			return isUp();
		},
		get isWhole() {
			return isWhole();
		},
		tried: first,
		onUp(listener) {
			if (isUp()) listener();
			return ups.add(listener);
		},
		onDown: (listener) => downs.add(listener),
		renew: refresh,
		serverOf: (key) => cluster.slots[slotOf(driver, key)]?.[0],
		connectTo(to, purpose) {
			const at = to.lastIndexOf(':');
			const address = { host: to.slice(0, at), port: Number(to.slice(at + 1)) };
			const link = createLink({
				driver,
				where: { ...where.server, ...address },
				name: purpose,
				commandTimeout,
				report
			});
			nodes.add(link);
			return link;
		},
		onTopology: (listener) => topology.add(listener),
		refresh,
		close() {
			isClosed = true;
			cancel();
			for (const listeners of [ups, downs, topology]) listeners.clear();
			for (const node of nodes) node.close();
			cluster.disconnect();
		}
	};
}

/** By what the driver does with a command for it. */
function slotOf(driver: typeof import('ioredis'), key: string): number {
	return new driver.Command('get', [key]).getSlot();
}
