import { afterEach, expect, test } from 'vitest';
import { live } from 'svelte-realtime';
import { createKernel } from 'svelte-realtime/kernel';
import { dedup } from 'svelte-realtime/plugins/dedup';
import { redis } from 'svelte-realtime/plugins/redis';
import { redisIdempotency } from 'svelte-realtime/plugins/redis-idempotency';
import { rpc } from 'svelte-realtime/plugins/rpc';
import { webhooks } from 'svelte-realtime/plugins/webhooks';
import { fakeTransport } from 'svelte-realtime/testing';
import { callsStoreContract } from '../contracts/calls-store.ts';
import { dedupStoreContract } from '../contracts/dedup-store.ts';
import { client as direct, freshPrefix, server, useRedis } from '../servers/own-redis.ts';
import { until } from '../servers/until.ts';

useRedis();

const running: { shutdown(): Promise<void> }[] = [];
afterEach(async () => {
	await Promise.all(running.splice(0).map((kernel) => kernel.shutdown()));
});

async function start(prefix = freshPrefix()) {
	const errors: string[] = [];
	const backend = redis({ url: server.url, prefix, commandTimeout: 300, resetAfter: 50 });
	const kernel = createKernel({
		plugins: [backend, redisIdempotency(), rpc(), dedup({ window: 60_000 }), webhooks()],
		transport: fakeTransport(),
		report: (_plugin, error) => errors.push(String(error))
	});
	await kernel.start();
	running.push(kernel);
	return { kernel, prefix, errors, once: kernel.use('dedup').once };
}

/** As if so many milliseconds had passed for what was written under a prefix. */
const AGE = `
for _, key in ipairs(redis.call('KEYS', ARGV[1] .. '*')) do
	if redis.call('TYPE', key).ok == 'hash' then
		local held = tonumber(redis.call('HGET', key, 'h')) - tonumber(ARGV[2])
		redis.call('HSET', key, 'h', string.format('%.0f', held))
	end
	redis.call('PEXPIRE', key, redis.call('PTTL', key) - tonumber(ARGV[2]))
end
`;

/** Times of the contracts are counted in these, so that what passes by itself is none of it. */
const UNIT = 1000;

const elapsing = (prefix: string) => async (ms: number) =>
	void (await direct.eval(AGE, 0, prefix, ms * UNIT));

dedupStoreContract('redis', async () => {
	const { kernel, prefix } = await start();
	const store = kernel.find('dedup.store')!;
	return {
		store: {
			claim: (id, owner, window) => store.claim(id, owner, window * UNIT),
			done: (id, owner, window) => store.done(id, owner, window * UNIT),
			free: (id, owner) => store.free(id, owner)
		},
		elapse: elapsing(prefix),
		close: async () => {}
	};
});

callsStoreContract('redis', async ({ lease, retention }) => {
	const { kernel, prefix } = await start();
	const store = kernel.find('calls.store')!;
	const times = { lease: lease * UNIT, retention: retention * UNIT };
	return {
		store: {
			claim: (call, owner) => store.claim(call, owner, times),
			renew: (call, owner) => store.renew(call, owner, times),
			commit: (call, owner, reply) => store.commit(call, owner, reply, times),
			abort: (call, owner) => store.abort(call, owner)
		},
		elapse: elapsing(prefix),
		close: async () => {}
	};
});

test('of what comes to three instances at once one runs, and the others are told', async () => {
	const prefix = freshPrefix();
	const all = await Promise.all([1, 2, 3].map(() => start(prefix)));
	let runs = 0;
	let finish = (): void => {};
	const work = () => {
		runs += 1;
		return new Promise<void>((done) => (finish = done));
	};

	const outcomes = all.map(({ once }) => once('order 1', work));
	const others = [await Promise.race(outcomes)];
	expect(others).toEqual([{ first: false, state: 'running' }]);
	// The others may be told before the first one has heard that it is.
	await until(() => runs === 1);
	finish();
	const settled = await Promise.all(outcomes);

	expect(settled.filter(({ first }) => first)).toHaveLength(1);
	for (const { once } of all) {
		expect(await once('order 1', work)).toEqual({ first: false, state: 'done' });
	}
	expect(runs).toBe(1);
});

test('everything goes by itself: a claim after its window, a call after its retention', async () => {
	const { kernel, prefix } = await start();
	const times = { lease: 30, retention: 60 };
	const calls = kernel.find('calls.store')!;
	const claims = kernel.find('dedup.store')!;
	await claims.claim('a', 'x', 60);
	await claims.done('b', 'x', 60);
	await calls.claim('a', 'x', times);
	await calls.claim('b', 'x', times);
	await calls.commit('b', 'x', 'reply', times);
	await calls.renew('c', 'x', times);

	for (const key of await direct.keys(`${prefix}*`)) {
		expect(await direct.pttl(key)).toBeGreaterThanOrEqual(-2);
		expect(await direct.pttl(key)).not.toBe(-1);
	}
	await until(async () => (await direct.keys(`${prefix}*`)).length === 0);
});

test('a webhook that is posted to two instances is published once', async () => {
	const prefix = freshPrefix();
	const published: unknown[] = [];
	const instances = [await start(prefix), await start(prefix)];
	const hook = live.webhook('paid', {
		id: (event: { id: string }) => event.id,
		verify: ({ body }) => JSON.parse(body) as { id: string },
		transform: (event) => {
			published.push(event);
			return { event: 'paid', data: event };
		}
	});
	for (const { kernel } of instances) kernel.use('rpc').mount({ test: { hook } });
	const post = ({ kernel }: (typeof instances)[number]) =>
		kernel.use('webhooks').handle('test/hook', { body: '{"id":"e1"}', headers: {} });

	const answers = [];
	for (const instance of [...instances, ...instances]) answers.push((await post(instance)).status);

	expect(answers).toEqual([200, 200, 200, 200]);
	expect(published).toEqual([{ id: 'e1' }]);
});

test('while Redis is down nothing runs that has not been claimed; then it serves again', async () => {
	const { once, errors } = await start();
	let runs = 0;
	await server.kill();

	const began = performance.now();
	await expect(once('a', () => (runs += 1))).rejects.toMatchObject({
		code: 'SERVICE_UNAVAILABLE'
	});
	expect(performance.now() - began).toBeLessThan(1000);
	expect(runs).toBe(0);

	await server.restart();
	await until(() =>
		once('a', () => (runs += 1)).then(
			() => true,
			() => false
		)
	);
	expect(runs).toBe(1);
	errors.length = 0;
});

test('a key of another type in the way fails its id and no other', async () => {
	const { kernel, once, prefix } = await start();
	await direct.rpush(`${prefix}{once a}`, 'x');
	await direct.set(`${prefix}{call a}`, 'x');
	let runs = 0;

	await expect(once('a', () => (runs += 1))).rejects.toThrow('WRONGTYPE');
	const calls = kernel.find('calls.store')!;
	const times = { lease: 100, retention: 1000 };
	await expect(calls.claim('a', 'x', times)).rejects.toThrow('WRONGTYPE');

	expect(runs).toBe(0);
	expect(await once('b', () => 1)).toEqual({ first: true, value: 1 });
	expect(await calls.claim('b', 'x', times)).toEqual({ state: 'first' });
});
