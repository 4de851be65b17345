/** A Redis Cluster of the tests' own, on free ports. */

import { Redis } from 'ioredis';
import { freePort } from '../e2e/site.ts';
import { startRedis, type RedisServer } from './redis.ts';
import { until } from './until.ts';

export interface ClusterServer extends RedisServer {
	/** How the others call it. */
	readonly id: string;
	readonly client: Redis;
}

export interface RedisCluster {
	/** Each with a third of the slots. */
	readonly masters: readonly ClusterServer[];
	/** Of each master one, where they were asked for. */
	readonly replicas: readonly ClusterServer[];
	/** Of all. */
	readonly urls: readonly string[];
	/** The one that has a slot, by what all of them say. */
	ownerOf(slot: number): Promise<ClusterServer>;
	/**
	 * Moves a slot with its keys from the one that has it to another.
	 *
	 * @param between Runs when that one has it, before the first one knows.
	 */
	move(
		slot: number,
		to: ClusterServer,
		between?: (to: ClusterServer) => Promise<void>
	): Promise<void>;
	stop(): Promise<void>;
}

const SLOTS = 16_384;

export async function startCluster(withReplicas: boolean = false): Promise<RedisCluster> {
	const all = await Promise.all(Array.from({ length: withReplicas ? 6 : 3 }, () => startOne()));
	const [masters, replicas] = [all.slice(0, 3), all.slice(3)];
	const everywhere = async (isSo: (info: string) => boolean): Promise<void> => {
		for (const { client } of all) {
			await until(async () => isSo((await client.cluster('INFO')) as string));
		}
	};

	for (const [index, { client }] of masters.entries()) {
		const edge = (n: number): number => Math.floor((SLOTS * n) / 3);
		await client.cluster('ADDSLOTSRANGE', edge(index), edge(index + 1) - 1);
	}
	for (const [index, { client }] of all.entries()) {
		await client.cluster('SET-CONFIG-EPOCH', index + 1);
		const { port, busPort } = all[0]!;
		if (index > 0) await client.call('CLUSTER', 'MEET', '127.0.0.1', port, busPort);
	}
	await everywhere((info) => info.includes(`cluster_known_nodes:${all.length}`));
	for (const [index, { client }] of replicas.entries()) {
		await client.cluster('REPLICATE', masters[index]!.id);
		await until(async () => (await client.info('replication')).includes('master_link_status:up'));
	}
	await everywhere((info) => info.includes('cluster_state:ok'));
	for (const { client } of all) {
		await until(async () => {
			const known = ((await client.cluster('NODES')) as string).split('\n');
			return known.filter((line) => line.includes('slave')).length === replicas.length;
		});
	}

	async function ownerOf(slot: number): Promise<ClusterServer> {
		const owners = await Promise.all(
			all.map(async ({ client }) => {
				const ranges = await client.cluster('SLOTS');
				return ranges.find(([first, last]) => slot >= first && slot <= last)?.[2]?.[1];
			})
		);
		return all.find(({ port }) => port === owners[0])!;
	}

	return {
		masters,
		replicas,
		urls: all.map(({ url }) => url),
		ownerOf,
		async move(slot, to, between) {
			const from = await ownerOf(slot);
			await to.client.cluster('SETSLOT', slot, 'IMPORTING', from.id);
			await from.client.cluster('SETSLOT', slot, 'MIGRATING', to.id);
			for (;;) {
				const keys = (await from.client.cluster('GETKEYSINSLOT', slot, 100)) as string[];
				if (keys.length === 0) break;
				await from.client.migrate('127.0.0.1', to.port, '', 0, 5000, 'KEYS', ...keys);
			}
			await to.client.cluster('SETSLOT', slot, 'NODE', to.id);
			await between?.(to);
			await from.client.cluster('SETSLOT', slot, 'NODE', to.id);
			for (const { client } of masters) await client.cluster('SETSLOT', slot, 'NODE', to.id);
		},
		async stop() {
			await Promise.all(
				all.map(async (server) => {
					server.client.disconnect();
					await server.stop();
				})
			);
		}
	};
}

async function startOne(left = 3): Promise<ClusterServer & { readonly busPort: number }> {
	const busPort = await freePort();
	const server = await startRedis(
		...['--cluster-enabled', 'yes', '--cluster-port', String(busPort)],
		// A server that is gone is replaced within a second or two.
		...['--cluster-node-timeout', '1000', '--cluster-replica-validity-factor', '0'],
		// The others serve their slots meanwhile.
		...['--cluster-require-full-coverage', 'no']
	).catch((error: unknown) => {
		if (left === 0) throw error;
		return undefined;
	});
	// Its other port may be taken meanwhile.
	if (server === undefined) return startOne(left - 1);
	const client = new Redis(server.url, { lazyConnect: true });
	// Some of them are killed.
	client.on('error', () => {});
	await client.connect();
	return { ...server, busPort, client, id: (await client.cluster('MYID')) as string };
}
