import { fileURLToPath } from 'node:url';
import { afterEach, expect, test } from 'vitest';
import { live } from 'svelte-realtime';
import { crons, memoryRuns } from 'svelte-realtime/plugins/cron';
import { redis } from 'svelte-realtime/plugins/redis';
import { redisCron } from 'svelte-realtime/plugins/redis-cron';
import { rpc } from 'svelte-realtime/plugins/rpc';
import { VirtualClock } from 'svelte-realtime/testing';
import { cronStoreContract } from '../contracts/cron-store.ts';
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

async function start(exports: Record<string, unknown> = {}, url = server.url) {
	const backend = redis({ url, prefix, commandTimeout: 300 });
	const plugins = [backend, redisCron(), rpc(), crons({ ttl: 1000 })];
	const instance = await startInstance(plugins);
	const mount = (more: Record<string, unknown>): void => instance.mount({ jobs: more });
	mount(exports);
	const store = instance.kernel.find('cron.store')!;
	/** Seconds for which this instance was told to run something. */
	const told: number[] = [];
	const { claim } = store;
	store.claim = async (run, ttl) => {
		const verdict = await claim(run, ttl);
		if (verdict === 'first') told.push(run.due / 1000);
		return verdict;
	};
	return { ...instance, store, told, mount };
}

cronStoreContract('memory', async () => {
	const clock = new VirtualClock(1_000_000);
	return { store: memoryRuns(clock), elapse: (ms) => clock.advance(ms) };
});

cronStoreContract('redis', async () => {
	const { store } = await start();
	return { store, elapse: (ms) => new Promise((resolve) => setTimeout(resolve, ms)) };
});

/** A job of every second that notes when it ran, and the exports of an instance that runs it. */
function noting(work: () => unknown = () => {}, options: object = {}) {
	const runs: number[] = [];
	const job = () =>
		live.cron(
			'* * * * * *',
			() => {
				runs.push(Math.floor(Date.now() / 1000));
				return work();
			},
			options
		);
	return { runs, job };
}

/** Whether each second has one run, from the first to the last. */
function expectEachOnce(runs: readonly number[]): void {
	const [first] = runs;
	expect(runs).toEqual(runs.map((_, index) => first! + index));
}

test('of three instances one runs a job, at each of its times', async () => {
	const { runs, job } = noting();
	const all = await Promise.all([start(), start(), start()]);
	for (const each of all) each.mount({ job: job() });

	await until(() => runs.length >= 2);

	const told = all.flatMap((each) => each.told).sort((first, second) => first - second);
	expectEachOnce(told);
	expect(runs.length).toBeLessThanOrEqual(told.length);
});

test('a job that goes on is begun by no other instance', async () => {
	let end = (): void => {};
	const { runs, job } = noting(() => new Promise<void>((resolve) => (end = resolve)));
	const others = noting();
	const [one, other] = [await start(), await start()];
	one.mount({ job: job() });
	await until(() => runs.length === 1);
	other.mount({ job: others.job(), second: others.job() });

	// The second job shows that time has passed.
	await until(() => others.runs.length >= 2);
	end();

	expect(runs).toHaveLength(1);
	expect(others.runs).toHaveLength(other.told.length);
	expect(new Set(other.told).size).toBe(other.told.length);
});

test('while Redis is away no job runs, and once it is there what is due does, once', async () => {
	const gateway = await createGateway(server.port);
	const url = `redis://127.0.0.1:${gateway.port}`;
	const { runs, job } = noting();
	const all = await Promise.all([start({}, url), start({}, url)]);
	gateway.cut();
	await until(() => all.every(({ kernel }) => !kernel.find('redis')!.commands.isUp));
	for (const each of all) each.mount({ job: job() });
	const from = Date.now();
	await until(() => Date.now() - from > 1500);
	expect(runs).toEqual([]);

	gateway.open();
	await until(() => runs.length >= 2);

	const told = all.flatMap((each) => each.told);
	expect(new Set(told).size).toBe(told.length);
	expect(runs.length).toBeLessThanOrEqual(told.length);
	for (const { errors } of all) errors.length = 0;
	await gateway.close();
});

interface Said {
	readonly ran: number;
}

const JOBS = fileURLToPath(new URL('../fixtures/cluster/jobs.ts', import.meta.url));
const process = (missed: 'skip' | 'run', endless = false): Promise<Child<Said>> =>
	startChild<Said>(JOBS, { url: server.url, prefix, missed, endless });

test('where the instance that runs a job is killed another does: no run is doubled, and none is missing', async () => {
	const all = [await process('skip'), await process('skip'), await process('skip')];
	const runs = (): number[] =>
		all.flatMap(({ said }) => said.map(({ ran }) => ran)).sort((one, other) => one - other);
	await until(() => runs().length >= 1);

	const [last] = [...all].sort((a, b) => (b.said.at(-1)?.ran ?? 0) - (a.said.at(-1)?.ran ?? 0));
	// It has said so in its run, which is over when Redis knows.
	await finished(last!.said.at(-1)!.ran);
	const before = runs().length;
	await last!.kill();
	await until(() => runs().length >= before + 2);

	expectEachOnce(runs());
});

/** Waits until Redis says that a run is over. */
async function finished(ran: number): Promise<void> {
	const { Redis } = await import('ioredis');
	const client = new Redis(server.url);
	const key = `${prefix}{cron:jobs/second}:runs`;
	await until(async () => Number(await client.hget(key, 'f')) >= ran * 1000);
	client.disconnect();
}

test('a run that was broken off is made up for, where it says so', async () => {
	const one = await process('run', true);
	await until(() => one.said.length === 1);
	const other = await process('run', true);

	await one.kill();
	await until(() => other.said.length === 1);

	expect(one.said).toHaveLength(1);
});
