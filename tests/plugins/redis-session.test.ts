import { afterEach, expect, test } from 'vitest';
import { createKernel } from 'svelte-realtime/kernel';
import { redis } from 'svelte-realtime/plugins/redis';
import { redisSession, type RedisSessionOptions } from 'svelte-realtime/plugins/redis-session';
import { session } from 'svelte-realtime/plugins/session';
import { fakeTransport } from 'svelte-realtime/testing';
import { sessionStoreContract } from '../contracts/session-store.ts';
import { client as direct, freshPrefix, server, useRedis } from '../servers/own-redis.ts';
import { until } from '../servers/until.ts';

useRedis();

const running: { shutdown(): Promise<void> }[] = [];
afterEach(async () => {
	await Promise.all(running.splice(0).map((kernel) => kernel.shutdown()));
});

async function start(options: RedisSessionOptions = {}, prefix = freshPrefix()) {
	const backend = redis({ url: server.url, prefix, commandTimeout: 300, resetAfter: 50 });
	const kernel = createKernel({
		plugins: [backend, redisSession(options), session({ ttl: 60_000 })],
		transport: fakeTransport(),
		report: () => {}
	});
	await kernel.start();
	running.push(kernel);
	return { session: kernel.use('session'), store: kernel.find('session.store')!, prefix };
}

/** As if so many milliseconds had passed for what was written under a prefix. */
const AGE = `
for _, key in ipairs(redis.call('KEYS', ARGV[1] .. '*')) do
	redis.call('PEXPIRE', key, redis.call('PTTL', key) - tonumber(ARGV[2]))
end
`;

/** Times of a contract are counted in these, so that what passes by itself is none of it. */
const UNIT = 1000;

sessionStoreContract('redis', async () => {
	const { store, prefix } = await start();
	return {
		store: {
			get: (id, ttl) => store.get(id, ttl * UNIT),
			set: (id, value, ttl) => store.set(id, value, ttl * UNIT),
			touch: (id, ttl) => store.touch(id, ttl * UNIT),
			delete: (id) => store.delete(id)
		},
		elapse: async (ms) => void (await direct.eval(AGE, 0, prefix, ms * UNIT)),
		close: async () => {}
	};
});

test('a session is the same on every instance, whatever its value is made of', async () => {
	const prefix = freshPrefix();
	const [one, other] = [await start({}, prefix), await start({}, prefix)];
	const value = {
		at: new Date(5),
		map: new Map([[1n, new Set(['ä'])]]),
		nothing: undefined,
		text: 'line\n\u0000'
	};

	await one.session.set('a', value);

	expect(await other.session.get('a')).toEqual(value);
	expect(await other.session.delete('a')).toBe(true);
	expect(await one.session.get('a')).toBeUndefined();
});

test('its time is that of Redis, and each session has one', async () => {
	const { store, prefix } = await start();
	await store.set('a', 1, 60);
	await store.set('b', 1, 60_000);

	const times = await Promise.all((await direct.keys(`${prefix}*`)).map((key) => direct.pttl(key)));
	for (const time of times) expect(time).toBeGreaterThan(0);
	await until(async () => (await direct.keys(`${prefix}*`)).length === 1);

	expect(await store.get('a', 60)).toBeUndefined();
	expect(await store.get('b', 60_000)).toBe(1);
});

test('reading is one command that begins its time anew', async () => {
	const { store, prefix } = await start();
	await store.set('a', 1, 60_000);
	const [key] = await direct.keys(`${prefix}*`);
	await direct.config('RESETSTAT');

	await store.get('a', 120_000);

	expect(await direct.pttl(key!)).toBeGreaterThan(60_000);
	const stats = await direct.info('commandstats');
	expect(stats).toMatch(/cmdstat_getex:calls=1,/);
	expect(stats).not.toMatch(/cmdstat_(get|set|pexpire|expire):/);
});

test('nobody who can read the keys has the id of a session', async () => {
	const { session, prefix } = await start();

	await session.set('a-secret-token', 1);

	const keys = await direct.keys(`${prefix}*`);
	expect(keys).toHaveLength(1);
	expect(keys[0]).not.toContain('a-secret-token');
});

test('a value that is too large is PAYLOAD_TOO_LARGE, and what was there stays', async () => {
	const { session } = await start({ size: 100 });
	await session.set('a', 'small');

	for (const value of ['x'.repeat(99), '\u{1f600}'.repeat(25), new Set(['x'.repeat(90)])]) {
		await expect(session.set('a', value)).rejects.toMatchObject({
			code: 'PAYLOAD_TOO_LARGE',
			message: expect.stringContaining('100 bytes')
		});
	}
	await session.set('b', 'x'.repeat(98));

	expect(await session.get('a')).toBe('small');
});

test('while Redis is down each step is SERVICE_UNAVAILABLE at once; then it serves again', async () => {
	const { session } = await start();
	await server.kill();

	const began = performance.now();
	const steps = [
		() => session.get('a'),
		() => session.set('a', 1),
		() => session.touch('a'),
		() => session.delete('a')
	];
	for (const step of steps) {
		await expect(step()).rejects.toMatchObject({ code: 'SERVICE_UNAVAILABLE' });
	}
	expect(performance.now() - began).toBeLessThan(1000);

	await server.restart();
	await until(async () => {
		await Promise.resolve(session.set('a', 1)).catch(() => {});
		return (await Promise.resolve(session.get('a')).catch(() => 0)) === 1;
	});
});

test('a key of another type in the way fails its session and no other', async () => {
	const { session, prefix } = await start();
	await session.set('a', 1);
	const [key] = await direct.keys(`${prefix}*`);
	await direct.del(key!);
	await direct.rpush(key!, 'x');

	await expect(session.get('a')).rejects.toThrow('WRONGTYPE');
	await session.set('b', 2);

	expect(await session.get('b')).toBe(2);
});

test.each([0, 1.5, NaN])('a size of %j is RT_OPTION_INVALID', (size) => {
	expect(() => redisSession({ size })).toThrow('RT_OPTION_INVALID');
});
