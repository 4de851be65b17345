import { afterEach, describe, expect, test } from 'vitest';
import { lock, memoryLocks, type Lock, type LockOptions } from 'svelte-realtime/plugins/lock';
import { redis } from 'svelte-realtime/plugins/redis';
import { redisLock } from 'svelte-realtime/plugins/redis-lock';
import { VirtualClock } from 'svelte-realtime/testing';
import { lockStoreContract } from '../contracts/lock-store.ts';
import { createGateway } from '../servers/gateway.ts';
import { startInstance, stopInstances } from '../servers/instance.ts';
import { prefix, server, useRedis } from '../servers/own-redis.ts';
import { startRedis } from '../servers/redis.ts';
import { until } from '../servers/until.ts';

useRedis();
afterEach(stopInstances);

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const code = (name: string): object => expect.objectContaining({ code: name });

lockStoreContract('memory', async () => {
	const clock = new VirtualClock();
	return {
		store: memoryLocks(clock),
		elapse: (ms) => clock.advance(ms),
		until: async () => {},
		close: async () => {}
	};
});

lockStoreContract('redis', async () => {
	const { kernel } = await startInstance([redis({ url: server.url, prefix }), redisLock()]);
	return { store: kernel.find('lock.store')!, elapse: sleep, until, close: stopInstances };
});

async function start(options: LockOptions = {}, url = server.url) {
	const backend = redis({ url, prefix, commandTimeout: 300 });
	const { kernel, errors } = await startInstance([backend, redisLock(), lock(options)]);
	return { kernel, errors, lock: kernel.use('lock') as Lock };
}

/** Work that ends when the test says so. */
function work() {
	let end = (): void => {};
	const ended = new Promise<void>((resolve) => (end = resolve));
	const begun: { signal: AbortSignal; fence: number }[] = [];
	const run = (signal: AbortSignal, { fence }: { readonly fence: number }): Promise<void> => {
		begun.push({ signal, fence });
		return ended;
	};
	return { begun, run, end };
}

const failure = (promise: Promise<unknown>): Promise<unknown> =>
	promise.then(
		() => Promise.reject(new Error('It was fulfilled.')),
		(error: unknown) => error
	);

test('of three instances one alone has a lock at a time, each time under a greater fence', async () => {
	const all = await Promise.all([start(), start(), start()]);
	let running = 0;
	let most = 0;
	const fences: number[] = [];

	await Promise.all(
		Array.from({ length: 60 }, (_, n) =>
			all[n % 3]!.lock('k', async (_signal, { fence }) => {
				most = Math.max(most, (running += 1));
				fences.push(fence);
				await new Promise(setImmediate);
				running -= 1;
			})
		)
	);

	expect(most).toBe(1);
	expect(fences).toHaveLength(60);
	expect(fences).toEqual([...new Set(fences)].sort((one, other) => one - other));
});

test('who came first on an instance has it first there, whatever happens elsewhere', async () => {
	const [one, other] = [await start(), await start()];
	const order: number[] = [];
	const held = work();
	const holding = other.lock('k', held.run);
	await until(() => held.begun.length === 1);

	const waiting = [1, 2, 3].map((n) => one.lock('k', () => void order.push(n)));
	held.end();
	await Promise.all([holding, ...waiting]);

	expect(order).toEqual([1, 2, 3]);
});

test('who waits has the lock as soon as it is let go of', async () => {
	const [one, other] = [await start(), await start()];
	const held = work();
	const holding = one.lock('k', held.run);
	await until(() => held.begun.length === 1);
	const next = other.lock('k', () => performance.now());
	await until(async () => (await channels()) > 0);

	const ended = performance.now();
	held.end();
	await holding;

	// Asking again takes a second.
	expect((await next) - ended).toBeLessThan(500);
});

/** Channels that say when a lock is let go of. */
async function channels(): Promise<number> {
	const { Redis } = await import('ioredis');
	const client = new Redis(server.url);
	const names = (await client.pubsub('CHANNELS', `${prefix}*`)) as string[];
	client.disconnect();
	return names.length;
}

test('work goes on for longer than a lease, which is renewed for as long', async () => {
	const [one, other] = [await start({ ttl: 300 }), await start({ ttl: 300 })];
	const held = work();
	const holding = one.lock('k', held.run);
	await until(() => held.begun.length === 1);

	expect(await failure(other.lock('k', () => {}, { maxWait: 900 }))).toEqual(code('TIMEOUT'));

	expect(held.begun[0]!.signal.aborted).toBe(false);
	held.end();
	await holding;
	expect(await other.lock('k', () => 'free')).toBe('free');
});

test('who waits in vain is told so, and who does not want it any more has left', async () => {
	const [one, other] = [await start(), await start()];
	const held = work();
	const holding = one.lock('k', held.run);
	await until(() => held.begun.length === 1);
	const caller = new AbortController();

	const late = other.lock('k', () => {}, { maxWait: 50 });
	const behind = other.lock('k', () => {}, { maxWait: 50 });
	expect(await failure(late)).toEqual(code('TIMEOUT'));
	expect(await failure(behind)).toEqual(code('TIMEOUT'));
	const unwanted = other.lock('k', () => {}, { signal: caller.signal });
	caller.abort();
	expect(await failure(unwanted)).toEqual(code('STALE'));
	const cleared = other.lock('k', () => {});
	other.lock.clear('k');
	expect(await failure(cleared)).toEqual(code('STALE'));

	held.end();
	await holding;
	// Nobody has taken it and gone.
	expect(await one.lock('k', () => 'free', { maxWait: 1000 })).toBe('free');
});

test('a holder that is out of time is told, and the next one has the lock when it has ended', async () => {
	const [one, other] = [await start(), await start()];
	const held = work();

	expect(await failure(one.lock('k', held.run, { hold: 50 }))).toEqual(code('TIMEOUT'));
	expect(held.begun[0]!.signal.aborted).toBe(true);
	const next = work();
	const waiting = other.lock('k', next.run);
	// Nor has anybody who asks now.
	const third = await start();
	expect(await failure(third.lock('k', () => 'free', { maxWait: 50 }))).toEqual(code('TIMEOUT'));
	expect(next.begun).toHaveLength(0);
	held.end();
	await until(() => next.begun.length === 1);

	next.end();
	await waiting;
});

test('an instance that ends lets go of its locks at once', async () => {
	const [one, other] = [await start({ ttl: 60_000 }), await start({ ttl: 60_000 })];
	const held = work();
	void one.lock('k', held.run, { hold: 0 }).catch(() => {});
	await until(() => held.begun.length === 1);
	const next = other.lock('k', () => 'mine');

	const ending = one.kernel.shutdown();
	held.end();
	await ending;

	expect(await next).toBe('mine');
	one.errors.length = 0;
});

describe('while Redis is away', () => {
	test('nobody is given a lock, and everybody is told why', async () => {
		const gateway = await createGateway(server.port);
		const one = await start({}, `redis://127.0.0.1:${gateway.port}`);
		let runs = 0;
		gateway.cut();
		await until(() => !one.kernel.find('redis')!.commands.isUp);

		const refused = await failure(one.lock('k', () => void (runs += 1)));

		expect(refused).toEqual(code('SERVICE_UNAVAILABLE'));
		expect(runs).toBe(0);
		gateway.open();
		await until(async () => (await one.lock('k', () => 'again').catch(() => '')) === 'again');
		await gateway.close();
	});

	test('a holder is told before anybody else can have its lock', async () => {
		const gateway = await createGateway(server.port);
		const url = `redis://127.0.0.1:${gateway.port}`;
		const [one, other] = [await start({ ttl: 600 }, url), await start({ ttl: 600 })];
		const held = work();
		const holding = one.lock('k', held.run);
		await until(() => held.begun.length === 1);
		gateway.cut();

		const next = other.lock('k', (_signal, { fence }) => ({
			fence,
			wasTold: held.begun[0]!.signal.aborted
		}));

		expect(await failure(holding)).toEqual(code('SERVICE_UNAVAILABLE'));
		const { fence, wasTold } = await next;
		expect(wasTold).toBe(true);
		expect(fence).toBeGreaterThan(held.begun[0]!.fence);
		held.end();
		await gateway.close();
	});

	test('a Redis that comes back empty gives greater fences still', async () => {
		const own = await startRedis();
		const one = await start({}, own.url);
		let before = 0;
		for (let n = 0; n < 20; n += 1) before = await one.lock('k', (_signal, { fence }) => fence);
		await own.restart();
		const again = (): Promise<number> =>
			one.lock('k', (_signal, { fence }) => fence).catch(() => 0);
		await until(async () => (await again()) > 0);

		expect(await again()).toBeGreaterThan(before);
		await own.stop();
	});
});
