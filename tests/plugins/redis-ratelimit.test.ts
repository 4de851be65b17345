import { afterEach, expect, test } from 'vitest';
import { live } from 'svelte-realtime';
import { createKernel, systemClock } from 'svelte-realtime/kernel';
import { ratelimit } from 'svelte-realtime/plugins/ratelimit';
import { redis } from 'svelte-realtime/plugins/redis';
import {
	redisRateLimit,
	type RedisRateLimitOptions
} from 'svelte-realtime/plugins/redis-ratelimit';
import { rpc } from 'svelte-realtime/plugins/rpc';
import { createTestKernel, fakeTransport, provided } from 'svelte-realtime/testing';
import { rateLimiterContract } from '../contracts/rate-limiter.ts';
import { client as direct, freshPrefix, server, useRedis } from '../servers/own-redis.ts';
import { until } from '../servers/until.ts';

useRedis();

const running: { shutdown(): Promise<void> }[] = [];
afterEach(async () => {
	await Promise.all(running.splice(0).map((kernel) => kernel.shutdown()));
});

interface Around {
	readonly prefix?: string;
	/** Milliseconds that the clock of the instance is off. */
	readonly skew?: number;
	/** Instances that are said to live. */
	readonly alive?: number;
}

/** An instance: its store, and what was reported on it. */
async function start(options: RedisRateLimitOptions = {}, around: Around = {}) {
	const { prefix = freshPrefix(), skew = 0, alive } = around;
	const errors: string[] = [];
	const instances = { alive: () => Array.from({ length: alive ?? 1 }, (_, i) => `i${i}`) };
	const backend = redis({ url: server.url, prefix, commandTimeout: 300, resetAfter: 50 });
	const kernel = createKernel({
		plugins: [
			backend,
			redisRateLimit(options),
			...(alive ? [provided('instances', instances as never)] : [])
		],
		transport: fakeTransport(),
		clock: { ...systemClock, now: () => Date.now() + skew },
		report: (_plugin, error) => errors.push(String(error))
	});
	await kernel.start();
	running.push(kernel);
	return { store: kernel.find('ratelimit.store')!, errors, prefix };
}

/** As if so many milliseconds had passed since everything that was written under a prefix. */
const AGE = `
for _, key in ipairs(redis.call('KEYS', ARGV[1] .. '*')) do
	local at, missing = string.match(redis.call('GET', key), '^(%d+) (%d+)$')
	local left = redis.call('PTTL', key) - tonumber(ARGV[2])
	if left <= 0 then
		redis.call('DEL', key)
	else
		at = string.format('%.0f', tonumber(at) - tonumber(ARGV[2]))
		redis.call('SET', key, at .. ' ' .. missing, 'PX', string.format('%.0f', left))
	end
end
`;

rateLimiterContract('redis', async () => {
	const prefix = freshPrefix();
	const kernel = await createTestKernel([redis({ url: server.url, prefix }), redisRateLimit()]);
	return {
		store: kernel.find('ratelimit.store')!,
		source: 'shared',
		// What a loaded machine needs for a test is far less.
		unit: 100_000,
		// The store has a clock of its own, and must not look at this one.
		now: () => 0,
		async advance(ms) {
			await kernel.clock.advance(Math.max(ms, 2000));
			await direct.eval(AGE, 0, prefix, ms);
		},
		close: async () => {}
	};
});

const TEN = { name: 'ten', points: 10, window: 3_600_000 };

test('three instances that take from one budget at once get its points, and not one more', async () => {
	const prefix = freshPrefix();
	const all = await Promise.all([1, 2, 3].map(() => start({}, { prefix })));

	const verdicts = await Promise.all(
		all.flatMap(({ store }) => Array.from({ length: 40 }, () => store.take('ada', 1, TEN, 0)))
	);

	expect(verdicts.filter(({ allowed }) => allowed)).toHaveLength(10);
	expect(new Set(verdicts.map(({ source }) => source))).toEqual(new Set(['shared']));
});

test('clocks that are five minutes off change nothing', async () => {
	const prefix = freshPrefix();
	const early = await start({}, { prefix, skew: -300_000 });
	const late = await start({}, { prefix, skew: 300_000 });
	const policy = { name: 'skewed', points: 4, window: 200_000 };

	const verdicts = [];
	for (const { store } of [late, early, late, early, early, late]) {
		verdicts.push(await store.take('ada', 1, policy, Date.now() + 1_000_000));
	}

	expect(verdicts.map(({ allowed }) => allowed)).toEqual([true, true, true, true, false, false]);
	for (const { retryAfterMs } of verdicts.slice(4)) {
		expect(retryAfterMs).toBeGreaterThan(40_000);
		expect(retryAfterMs).toBeLessThanOrEqual(50_000);
	}
});

test('each budget is one key, which goes with the last point that is back', async () => {
	const { store, prefix } = await start();
	const policy = { name: 'short', points: 3, window: 300 };
	await store.take('ada', 2, policy, 0);
	await store.take('x'.repeat(5000), 1, TEN, 0);

	const keys = await direct.keys(`${prefix}*`);
	expect(keys).toHaveLength(2);
	for (const key of keys) expect(await direct.pttl(key)).toBeGreaterThan(0);
	expect(Math.max(...keys.map(({ length }) => length))).toBeLessThan(120);
	await until(async () => (await direct.keys(`${prefix}*`)).length === 1);

	expect(await store.take('ada', 3, policy, 0)).toMatchObject({ allowed: true, remaining: 0 });
	const { retryAfterMs } = await store.take('ada', 1, policy, 0);
	expect(retryAfterMs).toBeLessThanOrEqual(100);
	await until(async () => (await store.take('ada', 1, policy, 0)).allowed);
});

test('who is refused and knocks on is refused without a way to Redis, and let in when it is time', async () => {
	const { store } = await start();
	const policy = { name: 'knock', points: 1, window: 400 };
	await store.take('ada', 1, policy, 0);
	await store.take('ada', 1, policy, 0);
	const before = await commands();

	for (let i = 0; i < 100; i += 1) {
		const verdict = await store.take('ada', 1, policy, 0);
		expect(verdict).toMatchObject({ allowed: false, remaining: 0, source: 'shared' });
	}

	expect((await commands()) - before).toBeLessThan(20);
	await until(async () => {
		const { allowed, retryAfterMs } = await store.take('ada', 1, policy, 0);
		expect(retryAfterMs > 0).toBe(!allowed);
		return allowed;
	});
});

/** Commands that Redis has run. */
async function commands(): Promise<number> {
	return Number(/total_commands_processed:(\d+)/.exec(await direct.info('stats'))![1]);
}

const REFUSED = { allowed: false, remaining: 0, retryAfterMs: 1000, source: 'failClosed' };

test('while Redis is down a take is refused at once, and allowed again when it is back', async () => {
	const { store } = await start();
	await store.take('ada', 1, TEN, 0);
	await server.kill();

	const began = performance.now();
	const takes = Array.from({ length: 100 }, () => store.take('ada', 1, TEN, 0));
	expect(await Promise.all(takes)).toEqual(Array(100).fill(REFUSED));
	expect(performance.now() - began).toBeLessThan(1000);

	await server.restart();
	await until(async () => (await store.take('ada', 1, TEN, 0)).source === 'shared');
	expect(await store.take('ada', 1, TEN, 0)).toMatchObject({ allowed: true });
});

test('a Redis that hangs makes no call wait for longer than a command may take', async () => {
	const { store, errors } = await start();
	await store.take('ada', 1, TEN, 0);
	server.freeze();
	try {
		expect(await store.take('ada', 1, TEN, 0)).toEqual(REFUSED);
	} finally {
		server.thaw();
	}
	await until(async () => (await store.take('ada', 1, TEN, 0)).source === 'shared');
	errors.length = 0;
});

test('with `outage: local` each instance has its share, and with `open` everybody has all', async () => {
	const few = await start({ outage: 'local' }, { alive: 3 });
	const many = await start({ outage: 'local' }, { alive: 40 });
	const open = await start({ outage: 'open' });
	await server.kill();

	const given = async ({ store }: typeof few): Promise<number> => {
		const takes = Array.from({ length: 30 }, () => store.take('ada', 1, TEN, 0));
		const verdicts = await Promise.all(takes);
		expect(new Set(verdicts.map(({ source }) => source))).toEqual(new Set(['local']));
		return verdicts.filter(({ allowed }) => allowed).length;
	};
	expect([await given(few), await given(many), await given(open)]).toEqual([3, 1, 30]);
	const share = await many.store.take('ada', 1, TEN, 0);
	// Forty instances, ten points: one each in four times the hour.
	expect(share.retryAfterMs).toBeGreaterThan(3.9 * TEN.window);
	await server.restart();
});

test('a key of another type in the way refuses, and is reported once', async () => {
	const { store, errors, prefix } = await start();
	await store.take('ada', 1, TEN, 0);
	const [key] = await direct.keys(`${prefix}*`);
	await direct.del(key!);
	await direct.rpush(key!, 'somebody else’s');

	for (let i = 0; i < 5; i += 1) expect(await store.take('ada', 1, TEN, 0)).toEqual(REFUSED);

	expect(errors).toEqual([expect.stringContaining('WRONGTYPE')]);
	expect(await direct.lrange(key!, 0, -1)).toEqual(['somebody else’s']);
	expect(await store.take('bob', 1, TEN, 0)).toMatchObject({ allowed: true });
});

test('calls, functions with a limit of their own and ctx.ratelimit.take share their budgets', async () => {
	const prefix = freshPrefix();
	const ran: string[] = [];
	const instance = async () => {
		const plugins = [redis({ url: server.url, prefix }), redisRateLimit(), rpc()];
		const limits = ratelimit({ calls: { points: 3, window: 3_600_000 } });
		const kernel = await createTestKernel([...plugins, limits]);
		kernel.use('rpc').mount({
			test: {
				common: live(() => void ran.push('common')),
				own: live.rateLimit({ points: 2, window: 3_600_000 }, () => void ran.push('own')),
				taking: live.rateLimit({ points: 9, window: 3_600_000 }, async (ctx) => {
					const budget = { points: 1, window: 3_600_000 };
					return (await ctx.ratelimit.take('mail', budget)).allowed;
				})
			}
		});
		return kernel.connect({ user: { id: 'ada' } });
	};
	const [one, other] = [await instance(), await instance()];
	let id = 0;
	const call = async (on: typeof one, name: string): Promise<unknown> => {
		await on.send({ type: 'rpc', id: (id += 1), path: `test/${name}` });
		await until(() => on.received.length > 0);
		const [reply] = on.take();
		const { error, data } = reply as { error?: { code: string }; data?: unknown };
		return error?.code ?? data ?? 'ran';
	};

	const outcomes: unknown[] = [];
	for (const name of ['common', 'common', 'own', 'own', 'taking', 'taking']) {
		for (const on of [one, other]) outcomes.push(await call(on, name));
	}

	const limited = 'RATE_LIMITED';
	expect(outcomes.slice(0, 4)).toEqual(['ran', 'ran', 'ran', limited]);
	expect(outcomes.slice(4, 8)).toEqual(['ran', 'ran', limited, limited]);
	expect(outcomes.slice(8)).toEqual([true, false, false, false]);
	expect(ran).toEqual(['common', 'common', 'common', 'own', 'own']);
});

test.each([{ outage: 'sometimes' }, { retryAfter: 0 }, { identities: 0.5 }])(
	'%j is RT_OPTION_INVALID',
	(options) => {
		expect(() => redisRateLimit(options as never)).toThrow('RT_OPTION_INVALID');
	}
);
