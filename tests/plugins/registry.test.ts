import { fileURLToPath } from 'node:url';
import { afterEach, expect, test } from 'vitest';
import type { Plugin } from 'svelte-realtime/kernel';
import { identity } from 'svelte-realtime/plugins/identity';
import { instances } from 'svelte-realtime/plugins/instances';
import { redis } from 'svelte-realtime/plugins/redis';
import { redisBus } from 'svelte-realtime/plugins/redis-bus';
import { redisInstances } from 'svelte-realtime/plugins/redis-instances';
import { redisRegistry } from 'svelte-realtime/plugins/redis-registry';
import { registry, type Registry } from 'svelte-realtime/plugins/registry';
import { signals, type Signal } from 'svelte-realtime/plugins/signals';
import { killChildren, startChild } from '../servers/child.ts';
import { startInstance, stopInstances } from '../servers/instance.ts';
import { prefix, server, useRedis } from '../servers/own-redis.ts';
import { startRedis } from '../servers/redis.ts';
import { until } from '../servers/until.ts';

useRedis();
afterEach(async () => {
	await stopInstances();
	await killChildren();
});

async function start(url = server.url, shared: readonly Plugin[] | undefined = undefined) {
	const plugins = shared ?? [
		redis({ url, prefix, commandTimeout: 300 }),
		redisInstances(),
		instances({ heartbeat: 200, ttl: 800 }),
		redisBus(),
		redisRegistry()
	];
	const instance = await startInstance([...plugins, identity(), registry(), signals()]);
	const { kernel } = instance;
	return {
		...instance,
		identity: kernel.use('identity'),
		registry: kernel.use('registry') as Registry,
		signal: kernel.use('signal') as Signal
	};
}

const ada = { user: { id: 'ada' } };
const idsOf = async ({ registry }: { registry: Registry }, user: string): Promise<string[]> =>
	(await registry.connections(user)).map(({ connection }) => connection).sort();

test('an instance that is alone knows the connections of its users', async () => {
	const one = await start('', []);
	const [first, second] = [await one.connect(ada), await one.connect(ada)];
	await one.connect();

	const found = await one.registry.connections('ada');
	expect(found).toEqual([
		{ instance: one.kernel.instanceId, connection: first.connection.id, since: expect.any(Number) },
		expect.objectContaining({ connection: second.connection.id })
	]);
	one.identity.set(first.connection, { id: 7 });
	await second.leave();

	expect(await one.registry.count('ada')).toBe(0);
	expect(await idsOf(one, '7')).toEqual([first.connection.id]);
});

test('every instance knows the connections of a user on all of them, until they are gone', async () => {
	const [one, other, third] = [await start(), await start(), await start()];
	const [first, second] = [await one.connect(ada), await one.connect(ada)];
	const elsewhere = await other.connect(ada);
	await third.connect();
	await until(async () => (await third.registry.count('ada')) === 3);

	const found = await third.registry.connections('ada');
	expect(new Set(found.map(({ instance }) => instance))).toEqual(
		new Set([one.kernel.instanceId, other.kernel.instanceId])
	);
	expect(found.every(({ since }) => since > 0)).toBe(true);
	await first.leave();
	other.identity.set(elsewhere.connection, { id: 'grace' });
	await until(async () => (await third.registry.count('grace')) === 1);

	await until(async () => (await third.registry.count('ada')) === 1);
	expect(await idsOf(third, 'ada')).toEqual([second.connection.id]);
	expect(await idsOf(third, 'grace')).toEqual([elsewhere.connection.id]);
});

test('what an instance that was killed has left behind is taken away within its lease', async () => {
	const PEOPLE = fileURLToPath(new URL('../fixtures/cluster/people.ts', import.meta.url));
	const one = await start();
	const mine = await one.connect(ada);
	const child = await startChild(PEOPLE, { url: server.url, prefix, user: 'ada', count: 1200 });
	await until(async () => (await one.registry.count('ada')) === 1201);

	await child.kill();

	await until(async () => (await one.registry.count('ada')) === 1);
	expect(await idsOf(one, 'ada')).toEqual([mine.connection.id]);
});

test('a Redis that was away, and comes back empty, knows everybody again', async () => {
	const own = await startRedis();
	const [one, other] = [await start(own.url), await start(own.url)];
	const [first, second] = [await one.connect(ada), await one.connect(ada)];
	await until(async () => (await other.registry.count('ada')) === 2);
	await own.kill();
	await until(() => !one.kernel.find('redis')!.commands.isUp);
	const third = await one.connect(ada);
	await first.leave();

	await own.restart();
	const known = (): Promise<string[]> => idsOf(other, 'ada').catch(() => []);
	await until(async () => (await known()).length === 2);

	expect(await known()).toEqual([second.connection.id, third.connection.id].sort());
	for (const { errors } of [one, other]) errors.length = 0;
	await stopInstances();
	await own.stop();
});

test('a signal reaches every connection of its user, on every instance, and nobody else', async () => {
	const [one, other, third] = [await start(), await start(), await start()];
	const all = [await one.connect(ada), await other.connect(ada), await third.connect(ada)];
	const grace = await other.connect({ user: { id: 'grace' } });
	const heard = (): number[] =>
		all.map(({ received }) => received.filter(({ type }) => type === 'event').length);
	await until(async () => {
		void one.signal('ada', 'hello');
		return heard().every((count) => count > 0);
	});
	const before = heard();

	const { connections } = await one.signal('ada', 'invited', { board: 'a' });
	await until(() => heard().every((count, index) => count > before[index]!));

	for (const { received } of all) {
		expect(received.at(-1)).toMatchObject({ event: 'invited', data: { board: 'a' } });
	}
	expect(connections).toBe(1);
	expect(grace.received).toEqual([]);
});
