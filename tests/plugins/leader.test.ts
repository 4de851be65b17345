import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, test } from 'vitest';
import { leader, type LeaderOptions } from 'svelte-realtime/plugins/leader';
import { redis } from 'svelte-realtime/plugins/redis';
import { memoryLocks } from 'svelte-realtime/plugins/lock';
import { redisLock } from 'svelte-realtime/plugins/redis-lock';
import { createTestKernel, provided, VirtualClock } from 'svelte-realtime/testing';
import { killChildren, startChild, type Child } from '../servers/child.ts';
import { createGateway } from '../servers/gateway.ts';
import { startInstance, stopInstances } from '../servers/instance.ts';
import { prefix, server, useRedis } from '../servers/own-redis.ts';
import { until } from '../servers/until.ts';

useRedis();
afterEach(async () => {
	await stopInstances();
	await killChildren();
});

async function start(options: LeaderOptions = {}, url = server.url) {
	const backend = redis({ url, prefix, commandTimeout: 300 });
	const { kernel } = await startInstance([backend, redisLock(), leader(options)]);
	return { kernel, leader: kernel.use('leader') };
}

type Instance = Awaited<ReturnType<typeof start>>;

const leaders = (all: readonly Instance[]): Instance[] =>
	all.filter((each) => each.leader.isLeader());

test('an instance that is alone leads, until it ends', async () => {
	const kernel = await createTestKernel([leader()]);
	const one = kernel.use('leader');

	expect(one.isLeader()).toBe(true);
	expect(one.fence).toBeTypeOf('number');
	await kernel.end();
	expect(one.isLeader()).toBe(false);
});

test('an instance whose clock has passed its lease does not lead, before any timer has run', async () => {
	const clock = new VirtualClock();
	const store = memoryLocks(clock);
	const kernel = await createTestKernel([provided('lock.store', store), leader({ ttl: 1000 })], {
		clock
	});
	await clock.advance(0);
	expect(kernel.use('leader').isLeader()).toBe(true);

	// The process stands still: time passes, and nothing runs.
	clock.now = () => 950;

	expect(kernel.use('leader').isLeader()).toBe(false);
	expect(kernel.use('leader').fence).toBe(undefined);
});

test('a leader whose store is silent is told so before its lease is over', async () => {
	const clock = new VirtualClock();
	const store = { ...memoryLocks(clock), renew: () => new Promise<boolean>(() => {}) };
	const kernel = await createTestKernel([provided('lock.store', store), leader({ ttl: 1000 })], {
		clock
	});
	await clock.advance(0);
	const told: boolean[] = [];
	kernel.use('leader').onChange((isLeader) => void told.push(isLeader));

	await clock.advance(950);

	expect(told).toEqual([false]);
});

test('of three instances one leads; when it ends another one does at once, under a greater fence', async () => {
	const all = await Promise.all([1, 2, 3].map(() => start({ ttl: 60_000 })));
	await until(() => leaders(all).length === 1);
	const [first] = leaders(all);
	const { fence } = first!.leader;
	const told: boolean[] = [];
	first!.leader.onChange((isLeader) => void told.push(isLeader));

	await first!.kernel.shutdown();
	await until(() => leaders(all).length === 1);

	expect(leaders(all)).not.toContain(first);
	expect(leaders(all)[0]!.leader.fence).toBeGreaterThan(fence!);
	expect(told).toEqual([false]);
});

test('a leader that Redis does not answer leads no longer before another one does', async () => {
	const gateway = await createGateway(server.port);
	const first = await start({ ttl: 600 }, `redis://127.0.0.1:${gateway.port}`);
	await until(() => first.leader.isLeader());
	const other = await start({ ttl: 600 });
	let wasAlone: boolean | undefined;
	other.leader.onChange(() => {
		wasAlone = !first.leader.isLeader();
	});
	gateway.cut();

	await until(() => other.leader.isLeader());

	expect(wasAlone).toBe(true);
	await gateway.close();
});

interface Said {
	readonly ready?: true;
	/** Fence of the lock that it has. */
	readonly has?: number;
	/** Fence of the lock that it has lost. */
	readonly lost?: number;
	readonly isLeader?: boolean;
}

describe('in processes of their own', () => {
	const HOLDER = fileURLToPath(new URL('../fixtures/cluster/holder.ts', import.meta.url));
	const TTL = 900;
	const process = (): Promise<Child<Said>> =>
		startChild<Said>(HOLDER, { url: server.url, prefix, ttl: TTL });
	const has = ({ said }: Child<Said>): number | undefined =>
		said.find((message) => message.has !== undefined)?.has;
	const lost = ({ said }: Child<Said>): number | undefined =>
		said.find((message) => message.lost !== undefined)?.lost;
	const isLeader = ({ said }: Child<Said>): boolean | undefined =>
		said.findLast((message) => message.isLeader !== undefined)?.isLeader;

	test('a holder that stood still past its lease is told when it goes on, and its fence is smaller', async () => {
		const one = await process();
		await until(() => has(one) !== undefined && isLeader(one) === true);
		const other = await process();
		await until(() => other.said.some(({ ready }) => ready));

		one.freeze();
		await until(() => has(other) !== undefined && isLeader(other) === true);
		one.thaw();
		await until(() => lost(one) !== undefined && isLeader(one) === false);

		expect(has(other)).toBeGreaterThan(has(one)!);
		expect(lost(other)).toBe(undefined);
		expect(isLeader(other)).toBe(true);
	});

	test('where the leader is killed another one leads within the lease', async () => {
		const one = await process();
		await until(() => isLeader(one) === true);
		const other = await process();
		await until(() => other.said.some(({ ready }) => ready));

		const killed = performance.now();
		await one.kill();
		await until(() => isLeader(other) === true);

		// And what a loaded machine takes to notice.
		expect(performance.now() - killed).toBeLessThan(TTL + 1500);
	});

	test('one that is asked to end hands over at once', async () => {
		const one = await startChild<Said>(HOLDER, { url: server.url, prefix, ttl: 60_000 });
		await until(() => isLeader(one) === true);
		const other = await startChild<Said>(HOLDER, { url: server.url, prefix, ttl: 60_000 });
		await until(() => other.said.some(({ ready }) => ready));

		await one.end();

		await until(() => isLeader(other) === true && has(other) !== undefined);
	});
});
