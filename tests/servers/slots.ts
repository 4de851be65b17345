/** A Redis Cluster of one server: what touches keys of two slots at once is refused, as in a large one. */

import { Redis } from 'ioredis';
import { freePort } from '../e2e/site.ts';
import { startRedis, type RedisServer } from './redis.ts';
import { until } from './until.ts';

export async function startSlots(): Promise<RedisServer> {
	const port = String(await freePort());
	const server = await startRedis('--cluster-enabled', 'yes', '--cluster-port', port);
	const client = new Redis(server.url);
	await client.call('CLUSTER', 'ADDSLOTSRANGE', '0', '16383');
	await until(async () => String(await client.call('CLUSTER', 'INFO')).includes('state:ok'));
	client.disconnect();
	return server;
}
