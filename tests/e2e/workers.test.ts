import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Client } from 'svelte-realtime/client';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { createBalancer, type Balancer } from '../servers/balancer.ts';
import { connect, startLoad, stopHosts } from '../servers/host.ts';
import { call, follow, publish } from '../servers/lines.ts';
import { startRedis, type RedisServer } from '../servers/redis.ts';
import { until } from '../servers/until.ts';
import { buildCopy, ROOT, startBuilt, stop, type Running } from './site.ts';

let folder: string;
let redis: RedisServer;
const running = new Set<Running>();
let balancer: Balancer | undefined;

beforeAll(async () => {
	redis = await startRedis();
	({ folder } = await buildCopy('workers', join(ROOT, 'tests/fixtures/workers')));
}, 240_000);
afterAll(async () => {
	await redis?.stop();
	if (folder) await rm(folder, { recursive: true, force: true });
});
afterEach(async () => {
	await stopHosts();
	await balancer?.close();
	await Promise.all([...running].map(stop));
	running.clear();
});

async function start(variables: Record<string, string> = {}): Promise<Running & { port: number }> {
	const server = await startBuilt(folder, variables);
	running.add(server);
	return { ...server, port: Number(new URL(server.url).port) };
}

test('a built app serves from several processes, which have one order', async () => {
	const server = await start({ WORKERS: '2' });
	const clients = new Map<number, Client>();
	while (clients.size < 2) {
		const client = connect(server);
		clients.set(await call(client, 'pid'), client);
	}
	const streams = await Promise.all([...clients.values()].map(follow));
	const publishers = [...clients.values()].map((client, n) => publish(client, 'ab'[n]));
	await until(() => publishers.every(({ done }) => done.length > 50));
	await Promise.all(publishers.map((each) => each.stop()));
	const published = publishers.flatMap(({ done }) => done);
	await until(() => streams.every(({ ids }) => ids().length === published.length));

	expect(server.output()).toMatch(/\((uws|node), 2 workers\)/);
	expect(streams[0]!.ids()).toEqual(streams[1]!.ids());
	expect([...streams[0]!.ids()].sort()).toEqual([...published].sort());
	const page = await fetch(server.url);
	expect(clients.has(Number(await page.text()))).toBe(true);
});

test('two instances are replaced one after the other under load, and nothing is lost', async () => {
	const variables = { REDIS_URL: redis.url, SHUTDOWN_TIMEOUT: '10' };
	const first = [await start(variables), await start(variables)] as const;
	balancer = await createBalancer(first[0].port, first[1].port);
	const { port } = balancer;
	const clients = Array.from({ length: 6 }, () => connect({ port }));
	const streams = await Promise.all(clients.map(follow));
	await Promise.all(clients.map((client) => call(client, 'pid')));
	const publishers = [publish(connect({ port }), 'a'), publish(connect({ port }), 'b')];
	const load = startLoad(port, 3, 1);
	await until(() => publishers.every(({ done }) => done.length > 20));

	const second: (typeof first)[number][] = [];
	for (const [index, old] of first.entries()) {
		const instance = await start(variables);
		second.push(instance);
		// What takes traffic now; the old one has it until it is told.
		balancer.lead(
			...second.map((each) => each.port),
			...first.slice(index + 1).map((each) => each.port)
		);
		old.child.kill('SIGTERM');
		expect(await old.ended).toBe(0);
	}
	const before = publishers.map(({ done }) => done.length);
	await until(() => publishers.every(({ done }, index) => done.length > before[index]! + 20));
	await Promise.all([load.stop(), ...publishers.map((each) => each.stop())]);
	const published = publishers.flatMap(({ done }) => done);
	await until(() => streams.every(({ ids }) => ids().length >= published.length));

	expect(publishers.flatMap(({ failures }) => failures)).toEqual([]);
	expect(load.failures).toEqual([]);
	const [order] = streams.map(({ ids }) => ids());
	expect([...order!].sort()).toEqual([...published].sort());
	for (const { ids } of streams) expect(ids()).toEqual(order);
	const pids = await Promise.all(clients.map((client) => call(client, 'pid')));
	const now = second.map(({ child }) => child.pid);
	expect(pids.every((pid) => now.includes(pid))).toBe(true);
});
