import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { live } from 'svelte-realtime';
import { definePlugin } from 'svelte-realtime/kernel';
import { identity, type IdentityOptions } from 'svelte-realtime/plugins/identity';
import { invalidation, type Invalidate } from 'svelte-realtime/plugins/invalidation';
import { redis } from 'svelte-realtime/plugins/redis';
import { redisReplay, type RedisReplayOptions } from 'svelte-realtime/plugins/redis-replay';
import { replay } from 'svelte-realtime/plugins/replay';
import { rpc } from 'svelte-realtime/plugins/rpc';
import { streams } from 'svelte-realtime/plugins/streams';
import { createGateway, type Gateway } from '../servers/gateway.ts';
import { startInstance, stopInstances } from '../servers/instance.ts';
import { client, prefix, server, useRedis } from '../servers/own-redis.ts';
import { until } from '../servers/until.ts';

useRedis();
afterEach(stopInstances);

interface Options {
	readonly url?: string;
	readonly own?: IdentityOptions;
	readonly log?: RedisReplayOptions;
	/** Holds the gates until the test lets them go on. */
	readonly held?: Promise<void>;
}

async function start({ url = server.url, own = {}, log = {}, held }: Options = {}) {
	const gate = definePlugin({
		name: 'gate',
		setup: (kernel) => void kernel.hook('upgrade', () => held)
	});
	const instance = await startInstance([
		redis({ url, prefix, commandTimeout: 300 }),
		redisReplay(log),
		identity(own),
		gate,
		rpc(),
		replay(),
		streams(),
		invalidation()
	]);
	const { kernel } = instance;
	return {
		...instance,
		identity: kernel.use('identity'),
		invalidate: kernel.use('invalidate') as Invalidate
	};
}

const ada = { user: { id: 'ada' } };
const grace = { user: { id: 'grace' } };

type Opened = Awaited<ReturnType<Awaited<ReturnType<typeof start>>['connect']>>;
const isOpen = ({ connection }: Opened): boolean => connection.isOpen;
const closedWith = ({ socket }: Opened): unknown => socket.closed;

test('a revocation reaches the connections of a user on every instance within a second', async () => {
	const all = await Promise.all([start(), start(), start()]);
	const [own, here, there, third] = [
		await all[0].connect(ada),
		await all[0].connect(ada),
		await all[1].connect(ada),
		await all[2].connect(ada)
	];
	const other = await all[1].connect(grace);
	const from = performance.now();

	const options = { except: own.connection, reason: 'Signed out.' };
	const count = all[0].identity.revoke({ user: 'ada' }, options);
	await until(() => ![here, there, third].some(isOpen));

	expect(performance.now() - from).toBeLessThan(1000);
	expect(count).toBe(1);
	expect([own, other].every(isOpen)).toBe(true);
	expect(closedWith(third)).toMatchObject({ code: 4401, reason: 'Signed out.' });
});

test('it does so where the connections that hear it are cut off at that moment', async () => {
	const all = await Promise.all([start(), start(), start()]);
	const connections = await Promise.all(all.map((each) => each.connect(ada)));
	const from = performance.now();

	const told = all[0].identity.revoke({ user: 'ada' });
	await client.client('KILL', 'TYPE', 'PUBSUB');
	await until(() => !connections.some(isOpen));

	expect(performance.now() - from).toBeLessThan(1000);
	expect(told).toBe(1);
});

/** Adds a revocation that nobody hears of: in one step for the server, those who hear are cut off. */
async function revokeUnheard(user: string, isKept: boolean): Promise<void> {
	const base = `${prefix}{__identity}`;
	const told = JSON.stringify({ whose: { user }, mode: 'close', from: 'another' });
	const seq = Number((await client.hget(`${base}:meta`, 's')) ?? 0) + 1;
	const step = client.multi().client('KILL', 'TYPE', 'PUBSUB').hset(`${base}:meta`, 's', seq);
	const line = `${seq}\tanother.${seq}\t["revoked",0,0]\t${told}`;
	await (isKept ? step.zadd(`${base}:log`, seq, line) : step.del(`${base}:log`)).exec();
}

test('one that was missed while an instance heard nothing is read when it hears again', async () => {
	const one = await start();
	const [first, second] = [await one.connect(ada), await one.connect(grace)];
	one.identity.revoke({ user: 'nobody' });
	await until(async () => (await client.exists(`${prefix}{__identity}:meta`)) === 1);

	await revokeUnheard('ada', true);

	await until(() => !isOpen(first));
	expect(isOpen(second)).toBe(true);
});

test('where what was missed is not known any more, everybody says anew who they are', async () => {
	const [one, quiet] = [await start(), await start({ own: { inBand: true } })];
	const [first, second] = [await one.connect(ada), await one.connect(grace)];
	const asked = await quiet.connect();
	one.identity.revoke({ user: 'nobody' });
	await until(async () => (await client.exists(`${prefix}{__identity}:meta`)) === 1);

	await revokeUnheard('ada', false);

	await until(() => !isOpen(first) && !isOpen(second));
	expect(closedWith(first)).toMatchObject({ code: 4401 });
	// Its gates were asked, and it was nobody's before and after.
	expect(isOpen(asked)).toBe(true);
});

test('who is just connecting to another instance is meant too', async () => {
	let goOn = (): void => {};
	const held = new Promise<void>((resolve) => (goOn = resolve));
	const [one, other] = [await start(), await start({ held })];
	const connecting = other.connect(ada);
	const witness = await one.connect(ada);
	one.identity.revoke({ user: 'ada' });
	await until(async () => Number(await client.hget(`${prefix}{__identity}:meta`, 's')) === 1);
	const tail = await other.kernel.find('replay.log')!.follow('__identity');
	await until(() => tail.head().seq === 1);

	goOn();
	const late = await connecting;

	await until(() => !isOpen(late));
	expect(isOpen(witness)).toBe(false);
	tail.close();
});

test('one connection is revoked by its id, wherever it is', async () => {
	const [one, other] = [await start(), await start()];
	const [first, second] = [await other.connect(ada), await other.connect(ada)];

	expect(one.identity.revoke({ connection: first.connection.id })).toBe(0);
	await until(() => !isOpen(first));
	expect(other.identity.revoke({ connection: second.connection.id })).toBe(1);

	expect(isOpen(second)).toBe(false);
});

test('a function that one instance alone could ask is refused, unless that is what is wanted', async () => {
	const [one, other] = [await start(), await start()];
	const [here, there] = [await one.connect(ada), await other.connect(ada)];
	const everybody = (): boolean => true;

	expect(() => one.identity.revoke(everybody)).toThrow('"whose" of identity.revoke()');
	expect(isOpen(here)).toBe(true);
	expect(one.identity.revoke(everybody, { local: true })).toBe(1);

	expect([isOpen(here), isOpen(there)]).toEqual([false, true]);
});

describe('while Redis is away', () => {
	let gateway: Gateway;
	beforeEach(async () => {
		gateway = await createGateway(server.port);
	});
	afterEach(() => gateway.close());

	test.each(['local', 'reject'] as const)(
		'a revocation is done here at once, and everywhere as soon as that can be (%s)',
		async (outage) => {
			const url = `redis://127.0.0.1:${gateway.port}`;
			const log = { outage, retryFor: 100 };
			const [one, other] = [await start({ url, log }), await start({ log })];
			const [here, there] = [await one.connect(ada), await other.connect(ada)];
			gateway.cut();
			await until(() => !one.kernel.find('redis')!.commands.isUp);

			one.identity.revoke({ user: 'ada' });
			expect([isOpen(here), isOpen(there)]).toEqual([false, true]);
			gateway.open();

			await until(() => !isOpen(there));
			one.errors.length = 0;
		}
	);
});

test('what is invalidated on one instance is heard by the pages of all', async () => {
	const all = await Promise.all([start(), start()]);
	const todos = live.tag('todos');
	for (const each of all) each.mount({ tags: { todos } });
	const pages = await Promise.all(
		all.map(async (each) => (await each.connect(ada)).follow('tags/todos'))
	);

	await all[0].invalidate('todos');

	await until(() => pages.every(({ events }) => events.length === 1));
	for (const { events } of pages) expect(events[0]).toMatchObject({ event: 'invalidated' });
});

test('who begins to follow a tag on an instance that was not told of it learns that it may be old', async () => {
	const [one, other] = [await start(), await start()];
	const todos = live.tag('todos');
	for (const each of [one, other]) each.mount({ tags: { todos } });
	await one.invalidate('todos');

	const unknown = await (await other.connect(ada)).follow('tags/todos');
	const again = await (await other.connect(ada)).follow('tags/todos');

	// Without having been told it says that it is as old as the question: the page asks anew.
	for (const { data } of [unknown, again]) {
		expect((data as { age: number | null }).age).toEqual(expect.any(Number));
		expect((data as { age: number }).age).toBeLessThan(10_000);
	}
});
