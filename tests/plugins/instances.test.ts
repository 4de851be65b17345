import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { createKernel, definePlugin, LiveError } from 'svelte-realtime/kernel';
import { instances, type InstancesOptions } from 'svelte-realtime/plugins/instances';
import { redis } from 'svelte-realtime/plugins/redis';
import { redisInstances } from 'svelte-realtime/plugins/redis-instances';
import { createTestKernel, fakeTransport, provided } from 'svelte-realtime/testing';
import { instancesLinkContract } from '../contracts/instances-link.ts';
import { startRedis, type RedisServer } from '../servers/redis.ts';
import { until } from '../servers/until.ts';

let server: RedisServer;
let prefixes = 0;
const running: { shutdown(): Promise<void> }[] = [];

beforeAll(async () => {
	server = await startRedis();
}, 120_000);
afterEach(async () => {
	await Promise.all(running.splice(0).map((kernel) => kernel.shutdown()));
});
afterAll(() => server?.stop());

const freshPrefix = (): string => `test${(prefixes += 1)}:`;

/** An instance on the machine's clock. */
async function start(prefix: string, options?: InstancesOptions) {
	const errors: unknown[] = [];
	const kernel = createKernel({
		plugins: [redis({ url: server.url, prefix }), redisInstances(), instances(options)],
		transport: fakeTransport(),
		report: (_plugin, error) => errors.push(error)
	});
	await kernel.start();
	running.push(kernel);
	return { errors, ...kernel.use('instances'), shutdown: () => kernel.shutdown() };
}

instancesLinkContract('redis', async () => {
	const prefix = freshPrefix();
	const one = async () => {
		const kernel = createKernel({
			plugins: [redis({ url: server.url, prefix }), redisInstances()],
			transport: fakeTransport()
		});
		await kernel.start();
		return { kernel, link: { ...kernel.use('instances.link'), id: kernel.instanceId } };
	};
	const [a, b, c] = [await one(), await one(), await one()];
	return {
		links: [a.link, b.link, c.link],
		close: async () => void (await Promise.all([a, b, c].map(({ kernel }) => kernel.shutdown())))
	};
});

test('alone, an instance knows and asks itself, and nobody else', async () => {
	const { id, alive, ask, answer } = (await createTestKernel([instances()])).use('instances');
	answer('sum', (question, from) => {
		const [one, other] = question as [number, number];
		return { sum: one + other, from };
	});

	expect(await alive()).toEqual([id]);
	expect(await ask(id, 'sum', [1, 2])).toEqual({ sum: 3, from: id });
	await expect(ask(id, 'other', 1)).rejects.toMatchObject({ code: 'NOT_FOUND' });
	await expect(ask('nobody', 'sum', [1, 2])).rejects.toMatchObject({ code: 'NOT_FOUND' });
});

test('what is asked of another instance is answered, with the errors that a caller may see', async () => {
	const prefix = freshPrefix();
	const [one, other] = [await start(prefix), await start(prefix)];
	await until(async () => (await one.alive()).length === 2);
	other.answer('upper', (text) => (text as string).toUpperCase());
	other.answer('refuses', () => {
		throw new LiveError('FORBIDDEN', 'Not you.', { retryAfter: 5 });
	});
	other.answer('breaks', () => {
		throw new Error('secret');
	});

	expect(await one.ask(other.id, 'upper', 'é')).toBe('É');
	await expect(one.ask(other.id, 'refuses', 1)).rejects.toMatchObject({
		code: 'FORBIDDEN',
		message: 'Not you.',
		retryAfter: 5
	});
	const broken = await one.ask(other.id, 'breaks', 1).catch((error: unknown) => error);
	expect(broken).toMatchObject({ code: 'INTERNAL_ERROR' });
	expect(String(broken)).not.toContain('secret');
	expect(other.errors.splice(0)).toMatchObject([{ message: 'secret' }]);
});

test('an instance that has gone is not asked, and one that never answers is not waited for', async () => {
	const prefix = freshPrefix();
	const [one, other] = [await start(prefix), await start(prefix)];
	await until(async () => (await one.alive()).length === 2);
	await other.shutdown();

	await expect(one.ask(other.id, 'any', 1)).rejects.toMatchObject({ code: 'NOT_FOUND' });

	const kernel = await createTestKernel([instances()]);
	const alone = kernel.use('instances');
	alone.answer('silent', () => new Promise(() => {}));
	const asked = expect(alone.ask(alone.id, 'silent', 1)).rejects.toMatchObject({ code: 'TIMEOUT' });
	await kernel.clock.advance(5000);
	await asked;
});

test('one of those that stay hears of an instance that has gone, once all has gone well', async () => {
	const prefix = freshPrefix();
	const quick = { heartbeat: 20, ttl: 5000 };
	const all = await Promise.all([1, 2, 3].map(() => start(prefix, quick)));
	const [one, two, third] = all as [Instance, Instance, Instance];
	await until(async () => (await one.alive()).length === 3);
	const heard: string[] = [];
	for (const each of [one, two]) each.onGone((instance) => void heard.push(instance));

	await third.shutdown();
	await until(() => heard.length > 0);
	await until(async () => (await one.alive()).length === 2);

	expect(heard).toEqual([third.id]);
});

test('one that has gone is forgotten when everything of it has been taken away, and not before', async () => {
	const cleared: string[] = [];
	const link = provided('instances.link', {
		beat: () => ({ lease: 'renewed', gone: ['gone'] }),
		cleared: (instance) => void cleared.push(instance),
		leave() {},
		alive: () => [],
		send: () => false,
		receive() {},
		standIn: () => () => {}
	});
	const kernel = await createTestKernel([link, instances({ heartbeat: 10 })]);
	cleared.length = 0;
	let attempts = 0;
	kernel.use('instances').onGone(() => {
		attempts += 1;
		if (attempts === 2) throw new Error('not yet');
	});

	await kernel.clock.advance(10);
	expect({ attempts, cleared }).toEqual({ attempts: 1, cleared: ['gone'] });
	await kernel.clock.advance(10);
	expect({ attempts, cleared }).toEqual({ attempts: 2, cleared: ['gone'] });
	await kernel.clock.advance(10);
	expect({ attempts, cleared }).toEqual({ attempts: 3, cleared: ['gone', 'gone'] });
	expect(kernel.errors.splice(0)).toMatchObject([{ error: { message: 'not yet' } }]);
});

test('an instance whose lease has ended hears that what it had is gone', async () => {
	const prefix = freshPrefix();
	const [one, other] = [await start(prefix, { heartbeat: 20 }), await start(prefix)];
	await until(async () => (await one.alive()).length === 2);
	let lost = 0;
	one.onLost(() => (lost += 1));

	await server.restart();
	await until(() => lost === 1);

	expect(await other.alive()).toContain(one.id);
	for (const { errors } of [one, other]) errors.length = 0;
});

type Instance = Awaited<ReturnType<typeof start>>;

test('its plugin can be had alone', async () => {
	const plugin = definePlugin({
		name: 'asks',
		requires: ['instances'],
		setup: (kernel) => void kernel.use('instances').answer('me', () => kernel.name)
	});
	const kernel = await createTestKernel([plugin, instances()]);

	const { id, ask } = kernel.use('instances');
	expect(await ask(id, 'me', null)).toBe('asks');
	expect(() => instances({ ttl: 0 })).toThrow('"ttl" of instances()');
});
