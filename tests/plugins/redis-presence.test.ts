import { afterEach, expect, test } from 'vitest';
import { definePlugin, LiveError, type Connection, type Kernel } from 'svelte-realtime/kernel';
import {
	presence,
	type Member,
	type Presence,
	type PresenceOptions,
	type PresenceStore
} from 'svelte-realtime/plugins/presence';
import {
	redis,
	type Link,
	type RedisBackend,
	type RedisOptions
} from 'svelte-realtime/plugins/redis';
import { redisPresence } from 'svelte-realtime/plugins/redis-presence';
import { createTestKernel, fakeTransport } from 'svelte-realtime/testing';
import { presenceStoreContract } from '../contracts/presence-store.ts';
import { seeded, seedOf } from '../kernel/random.ts';
import { killChildren, startChild } from '../servers/child.ts';
import { startInstance, stopInstances } from '../servers/instance.ts';
import { startCluster } from '../servers/redis-cluster.ts';
import {
	client,
	prefix,
	server,
	slots,
	slotted,
	useRedis,
	useSlots
} from '../servers/own-redis.ts';
import { until } from '../servers/until.ts';

const HOLDER = new URL('../fixtures/cluster/members.ts', import.meta.url).pathname;

useRedis();
useSlots();
afterEach(stopInstances);
afterEach(killChildren);

// --- stores alone ---

/** A store alone, whose clock stands at 0, with what a test does to its backend. */
async function startStore(
	change: (backend: RedisBackend) => Partial<RedisBackend> = () => ({}),
	url = server.url
) {
	const links: Link[] = [];
	const tap = definePlugin({
		name: 'tap',
		requires: ['redis'],
		provides: ['tap' as never],
		setup(kernel) {
			const backend = kernel.use('redis');
			const { connect } = backend;
			Object.assign(backend, change({ ...backend }), {
				connect(purpose: string) {
					const link = connect(purpose);
					links.push(link);
					return link;
				}
			});
			kernel.provide('tap' as never, {} as never);
		}
	});
	const plugins = [redis({ url, prefix }), tap, redisPresence()];
	const kernel = await createTestKernel(plugins);
	const store = kernel.use('presence.store') as Required<PresenceStore>;
	return { store, kernel, links, listener: links[0]!.client };
}

/** Makes time pass for Redis: what it compares with its time is that much older. */
async function age(ms: number, whose = '', at = client): Promise<void> {
	const base = `${prefix}{__presence}`;
	for (const key of [`${base}:leases`, `${base}:claims`, `${prefix}{t}:presence:places`]) {
		for (const member of await at.zrange(key, '0', '-1')) {
			if (member.startsWith(whose)) await at.zincrby(key, String(-ms), member);
		}
	}
}

type Started = Awaited<ReturnType<typeof startStore>>;

/** An answer comes after everything that was broadcast before the question. */
async function heard(all: readonly Started[]): Promise<void> {
	await Promise.all(all.map(({ listener }) => listener.ping()));
}

const TTL = 60_000;
const members = (...keys: readonly string[]): Member[] => keys.map((key) => ({ key, data: {} }));
const put = (store: PresenceStore, ...keys: readonly string[]) =>
	store.apply('a', { puts: members(...keys), removes: [] });
const keysOf = (list: readonly Member[]): string[] => list.map(({ key }) => key);
const many = (count: number, name = 'm'): string[] =>
	Array.from({ length: count }, (_, index) => `${name}${index}`);

presenceStoreContract('redis', async () => {
	const startThere = () => startStore(undefined, slots.url);
	const all = [await startThere(), await startThere(), await startThere()];
	return {
		stores: all.map(({ store }) => store) as never,
		ttl: TTL,
		async advance(ms) {
			await age(ms, '', slotted);
			await heard(all);
		},
		close: async () => {}
	};
});

/** Follows a topic, and notes what happens to it. */
async function watch(store: PresenceStore, topic = 'a') {
	const roster = new Map<string, unknown>();
	const seqs: number[] = [];
	const leaves: string[] = [];
	let replaced = 0;
	const fill = (list: readonly Member[]): void => {
		roster.clear();
		for (const { key, data } of list) roster.set(key, data);
	};
	const followed = await store.follow(topic, {
		changed(diff, { seq }) {
			seqs.push(seq);
			leaves.push(...diff.leaves);
			for (const key of diff.leaves) roster.delete(key);
			for (const { key, data } of [...diff.joins, ...diff.updates]) roster.set(key, data);
		},
		replaced({ members: list }) {
			replaced += 1;
			fill(list);
		}
	});
	fill(followed.roster.members);
	return {
		roster,
		seqs,
		leaves,
		from: followed.roster,
		get replaced() {
			return replaced;
		},
		/** None of the changes after the roster is missing, and nothing had to be read again. */
		get isContiguous() {
			return replaced === 0 && seqs.every((seq, at) => seq === followed.roster.seq + at + 1);
		}
	};
}

test.each([
	['when it has claimed it', 2, 1200],
	['when it has taken out a part', 5, 700]
])('an instance that dies %s leaves the rest of another to a third one', async (_, most, left) => {
	let calls = 0;
	const [dead, third] = [await startStore(), await startStore()];
	const reaper = await startStore(({ run }) => ({
		// Its lease, the claim; topics, the longer claim, 500 members.
		run: (operation, work) =>
			(calls += 1) > most
				? Promise.reject(new LiveError('SERVICE_UNAVAILABLE'))
				: run(operation, work as never)
	}));
	for (const { store } of [dead, third]) await store.beat(TTL);
	await put(dead.store, ...many(1200));
	const seen = await watch(third.store);

	await age(TTL + 1000, dead.kernel.instanceId);
	await reaper.store.beat(TTL);
	expect(await third.store.count('a')).toBe(left);
	await third.store.beat(TTL);
	expect(await third.store.count('a')).toBe(left);
	await age(TTL, dead.kernel.instanceId);
	await third.store.beat(TTL);
	await heard([third]);

	expect(await third.store.count('a')).toBe(0);
	expect(seen.roster.size).toBe(0);
	expect(seen.leaves).toHaveLength(1200);
	expect(seen.isContiguous).toBe(true);
});

test('members of an instance that is gone leave when its lease ends, not at the next beat', async () => {
	const [dead, here] = [await startStore(), await startStore()];
	await dead.store.beat(5000);
	await put(dead.store, 'ada');
	await here.store.beat(TTL);
	const seen = await watch(here.store);

	await age(6000, dead.kernel.instanceId);
	expect(seen.roster.size).toBe(1);
	await here.kernel.clock.advance(5100);
	await until(() => seen.roster.size === 0);

	expect(seen.leaves).toEqual(['ada']);
});

test('what an instance tells after its lease has ended never gets in, however late', async () => {
	const [one, other] = [await startStore(), await startStore()];
	for (const { store } of [one, other]) await store.beat(TTL);
	await put(one.store, 'ada');
	const lease = (await client.zrange(`${prefix}{__presence}:leases`, '0', '-1')).find((name) =>
		name.startsWith(one.kernel.instanceId)
	)!;
	// It has asked whether its lease runs, and stands still before it tells Redis of the member.
	const [entered] = await client.smembers(`${prefix}{__presence}:topics:${lease}`);
	expect(entered).toBe('a');
	await age(TTL + 1000);
	await other.store.beat(TTL);

	expect(await put(one.store, 'late')).toBe(false);
	expect(await other.store.list('a')).toEqual([]);
});

test('a lease that ends by the time of Redis is over, whatever the instance’s clock says', async () => {
	const one = await startStore();
	await one.store.beat(20);
	await until(async () => !(await put(one.store, 'ada')));

	expect(one.kernel.clock.now()).toBe(0);
	expect(await put(one.store, 'late')).toBe(false);
	expect(keysOf(await one.store.list('a'))).not.toContain('late');
	expect(await one.store.beat(TTL)).toBe(false);
});

test('a change that was not heard of is read, and nothing that does not follow is believed', async () => {
	const [one, other] = [await startStore(), await startStore()];
	for (const { store } of [one, other]) await store.beat(TTL);
	await put(one.store, 'ada');
	const seen = await watch(other.store);
	const channel = `${prefix}{a}:presence`;

	await client.publish(channel, `${seen.from.epoch}\t${seen.from.seq + 5}\nj0{"key":"eve"}`);
	await client.publish(channel, 'what is this');
	await put(one.store, 'bob');
	await until(() => seen.roster.size === 2);
	expect([...seen.roster.keys()]).toEqual(['ada', 'bob']);

	await other.listener.unsubscribe(channel);
	await put(one.store, 'cy');
	await other.listener.subscribe(channel);
	await put(one.store, 'dora');
	await until(() => seen.roster.size === 4);

	expect(seen.replaced).toBeGreaterThan(0);
	expect(other.kernel.errors.splice(0)).toHaveLength(1);
});

test('what is told while a topic is read is not lost, and nothing is told twice', async () => {
	let answered = (): void => {};
	let release = (): void => {};
	let isSlow = false;
	const one = await startStore();
	const slow = await startStore(({ run }) => ({
		async run(operation, work) {
			const answer = await run(operation, work as never);
			if (!isSlow) return answer as never;
			isSlow = false;
			answered();
			await new Promise<void>((resolve) => (release = resolve));
			return answer as never;
		}
	}));
	for (const { store } of [one, slow]) await store.beat(TTL);
	await put(one.store, 'ada');

	const read = new Promise<void>((resolve) => (answered = resolve));
	isSlow = true;
	const watching = watch(slow.store);
	await read;
	await put(one.store, 'bob');
	await put(one.store, 'cy');
	await heard([slow]);
	release();
	const seen = await watching;
	await until(() => seen.roster.size === 3);
	await put(one.store, 'dora');
	await until(() => seen.roster.size === 4);

	expect(seen.isContiguous).toBe(true);
});

test('the last change, when it was lost, is found by the next beat', async () => {
	const [one, other] = [await startStore(), await startStore()];
	for (const { store } of [one, other]) await store.beat(TTL);
	const seen = await watch(other.store);
	const channel = `${prefix}{a}:presence`;

	await other.listener.unsubscribe(channel);
	await put(one.store, 'ada');
	await other.store.beat(TTL);
	await other.kernel.clock.advance(1000);
	await until(() => seen.roster.size === 1);

	expect(seen.replaced).toBe(1);
});

test('members that Redis has lost of one topic are put again by their instance', async () => {
	const [one, other] = [await startStore(), await startStore()];
	for (const { store } of [one, other]) await store.beat(TTL);
	await put(one.store, 'ada', 'bob');
	await put(other.store, 'cy');
	const seen = await watch(other.store);
	await client.del(...(await client.keys(`${prefix}{a}:*`)));

	for (const { store } of [one, other]) await store.beat(TTL);
	await until(() => seen.roster.size === 3);

	expect(await one.store.count('a')).toBe(3);
});

test('nothing is left in Redis of topics and instances that are gone', async () => {
	const [one, other] = [await startStore(), await startStore()];
	for (const { store } of [one, other]) await store.beat(TTL);
	await put(one.store, ...many(10));
	await put(other.store, ...many(10));
	await one.store.apply('a', { puts: [], removes: many(10) });
	await one.kernel.shutdown();
	await other.kernel.shutdown();
	const last = await startStore();
	await last.store.beat(TTL);

	expect(await last.store.count('a')).toBe(0);
	await last.kernel.shutdown();
	const left = (await client.keys(`${prefix}*`)).filter((key) => !key.includes(':gone:'));
	expect(left).toEqual([`${prefix}{a}:presence:meta`]);
	expect(await client.pttl(left[0]!)).toBeGreaterThan(0);
});

// --- instances ---

const QUICK = { heartbeat: 500, ttl: 3000, grace: 0, interval: 5 } as const;
/** A process is built and started, and its lease has to end, on a machine that may be busy. */
const PATIENT = { timeout: 60_000 };

/** An instance with people in topic `a`. */
async function start(options: PresenceOptions = {}, where: RedisOptions = { url: server.url }) {
	const backend = redis({ ...where, prefix, commandTimeout: 10_000 });
	const plugins = [backend, redisPresence(), presence({ ...QUICK, ...options })];
	const { kernel, errors } = await startInstance(plugins);
	const service: Presence = (kernel as Kernel<'presence'>).use('presence');
	const store = (kernel as Kernel<'presence.store'>).use('presence.store');
	const transport = fakeTransport();
	const connections = new Map<string, Connection>();
	return {
		kernel,
		errors,
		store,
		service,
		connections,
		join(id: string, data: unknown = { id }) {
			const connection = kernel.open(transport.socket(), { user: { id } } as never);
			connections.set(id, connection);
			service.join('a', connection, data);
		},
		leave(id: string) {
			service.leave('a', connections.get(id)!);
			connections.delete(id);
		},
		list: async () => keysOf(await service.list('a'))
	};
}

const holder = (ids: readonly string[]) =>
	startChild<{ ready: true }>(HOLDER, {
		url: server.url,
		prefix,
		heartbeat: QUICK.heartbeat,
		ttl: QUICK.ttl,
		members: ids
	});

test(
	'the 10,000 members of a process that is killed are gone when its lease is, each told of once',
	PATIENT,
	async () => {
		const here = await start();
		here.join('both');
		const seen = await watch(here.store);
		const child = await holder([...many(9999), 'both']);
		await until(() => seen.roster.size === 10_000);

		seen.leaves.length = 0;
		const killed = performance.now();
		await child.kill();
		await until(() => seen.roster.size === 1);
		const took = performance.now() - killed;

		expect([...seen.roster.keys()]).toEqual(['both']);
		expect(seen.leaves).toHaveLength(9999);
		expect(new Set(seen.leaves).size).toBe(9999);
		expect(seen.isContiguous).toBe(true);
		expect(await here.list()).toEqual(['both']);
		// Not before the lease could have ended, and not much later than it did.
		expect(took).toBeGreaterThan(QUICK.ttl / 3);
		expect(took).toBeLessThan(QUICK.ttl + 8000);
		expect(here.errors).toEqual([]);
	}
);

test(
	'members of a process that stood still longer than its lease leave, and are there again after',
	PATIENT,
	async () => {
		const here = await start();
		const seen = await watch(here.store);
		const child = await holder(many(100));
		await until(() => seen.roster.size === 100);

		child.freeze();
		await until(() => seen.roster.size === 0);
		child.thaw();
		await until(() => seen.roster.size === 100);
		await child.end();
		await until(() => seen.roster.size === 0);

		expect(seen.isContiguous).toBe(true);
		expect(here.errors).toEqual([]);
	}
);

test('an instance that shuts down takes its members with it at once', async () => {
	const [here, there] = [await start({ heartbeat: 30_000, ttl: 90_000 }), await start()];
	const seen = await watch(there.store);
	for (const id of many(50)) here.join(id);
	await until(() => seen.roster.size === 50);

	await here.kernel.shutdown();
	await until(() => seen.roster.size === 0);

	expect(seen.isContiguous).toBe(true);
	expect(await client.zcard(`${prefix}{__presence}:leases`)).toBe(1);
});

test(
	'on a Redis Cluster topics of all servers are the same everywhere, and ghosts leave',
	PATIENT,
	async () => {
		const cluster = await startCluster();
		try {
			const where = { cluster: cluster.urls };
			const [one, other] = [await start({}, where), await start({}, where)];
			const gone = await createTestKernel([redis({ ...where, prefix }), redisPresence()]);
			const store = gone.use('presence.store');
			const topics = ['a', 'b', 'c', 'd', 'e', 'f'];
			const seen = await Promise.all(topics.map((topic) => watch(other.store, topic)));
			one.join('ada');
			await store.beat(3000);
			for (const topic of topics) {
				one.service.join(topic, one.connections.get('ada')!, {});
				await store.apply(topic, { puts: members('ghost', 'ada'), removes: [] });
			}

			await until(() => seen.every(({ leaves }) => leaves.includes('ghost')));
			await until(() => seen.every(({ roster }) => roster.size === 1 && roster.has('ada')));
			for (const topic of topics) expect(keysOf(await other.store.list(topic))).toEqual(['ada']);
			await one.kernel.shutdown();
			await until(() => seen.every(({ roster }) => roster.size === 0));

			expect(seen.every(({ isContiguous }) => isContiguous)).toBe(true);
			await stopInstances();
			await gone.end();
		} finally {
			await cluster.stop();
		}
	}
);

const seed = seedOf(1);

test(`rosters of all instances are the truth after any churn while connections break (seed ${seed})`, async () => {
	const random = seeded(seed);
	// No heart beats meanwhile: what was missed is read because a connection is back, or a number is missing.
	const slow = { heartbeat: 30_000, ttl: 90_000 };
	const all = [await start(slow), await start(slow), await start(slow)];
	const seen = await Promise.all(all.map(({ store }) => watch(store)));
	const users = many(12, 'user');

	for (let step = 0; step < 600; step += 1) {
		const at = random.pick(all);
		const id = random.pick(users);
		if (!at.connections.has(id)) at.join(id, { step });
		else if (random.chance(0.5)) at.leave(id);
		else at.service.update('a', at.connections.get(id)!, { step });
		if (step % 40 === 20) await client.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
		if (random.chance(0.3)) await new Promise((resolve) => setImmediate(resolve));
		if (random.chance(0.05)) await at.list();
	}

	await client.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
	for (const at of all) {
		for (const id of users) if (!at.connections.has(id)) at.join(id, { at: 'last' });
		at.leave(random.pick(users));
		await at.list();
	}

	const present = new Set(all.flatMap(({ connections }) => [...connections.keys()]));
	const truth = async (): Promise<Record<string, unknown>> =>
		Object.fromEntries((await all[0]!.service.list('a')).map(({ key, data }) => [key, data]));
	await until(async () => {
		for (const { service } of all) await service.count('a');
		const expected = JSON.stringify(sorted(await truth()));
		const isOne = seen.every(
			({ roster }) => JSON.stringify(sorted(Object.fromEntries(roster))) === expected
		);
		return isOne && Object.keys(await truth()).length === present.size;
	});

	expect(new Set(Object.keys(await truth()))).toEqual(present);
	expect(seen.reduce((sum, { replaced }) => sum + replaced, 0)).toBeGreaterThan(0);
});

function sorted(record: Record<string, unknown>): [string, unknown][] {
	return Object.entries(record).sort(([one], [other]) => (one < other ? -1 : 1));
}

test('while Redis is away each instance goes on with its own, and afterwards all are right', async () => {
	const [one, other] = [await start(), await start()];
	one.join('ada');
	one.join('bob');
	other.join('cy');
	const seen = [await watch(one.store), await watch(other.store)];
	await until(() => seen.every(({ roster }) => roster.size === 3));

	await server.kill();
	one.join('dora');
	one.leave('bob');
	await until(() => seen[0]!.roster.has('dora') && !seen[0]!.roster.has('bob'));
	expect((await one.list()).sort()).toEqual(['ada', 'cy', 'dora']);
	expect(await other.service.count('a')).toBe(3);
	const late = await watch(other.store);
	expect(late.roster.size).toBe(3);
	await server.restart();

	await until(() => [...seen, late].every(({ roster }) => roster.size === 3 && roster.has('dora')));
	expect((await one.list()).sort()).toEqual(['ada', 'cy', 'dora']);
	expect(seen.every(({ replaced }) => replaced > 0)).toBe(true);
	const others = [...one.errors, ...other.errors].filter((error) => !isConnectionLoss(error));
	expect(others).toEqual([]);
});

/** What `redis` says of an outage, in its own words. */
function isConnectionLoss(error: unknown): boolean {
	return /ECONNREFUSED|ECONNRESET|EPIPE|closed|UNREACHABLE|reached/i.test(String(error));
}

test('an instance starts while Redis is away, and is complete when it is there', async () => {
	await server.kill();
	const one = await start();
	one.join('ada');
	expect(await one.list()).toEqual(['ada']);
	await server.restart();

	const other = await start();
	await until(async () => (await other.list()).includes('ada'));
});

test('a key of another type in the way is told, and the other topics go on', async () => {
	const [one, other] = [await start(), await start()];
	await client.set(`${prefix}{a}:presence:data`, 'in the way');
	one.join('ada');
	const seen = await watch(one.store);
	await until(() => seen.roster.has('ada'));
	expect(await one.list()).toEqual(['ada']);
	expect(await other.list()).toEqual([]);
	const connection = [...one.connections.values()][0]!;
	one.service.join('b', connection, {});
	await until(async () => (await other.service.count('b')) === 1);

	// Nothing of the change was made.
	expect(await client.exists(`${prefix}{a}:presence:holders`)).toBe(0);
	await client.del(`${prefix}{a}:presence:data`);
	await until(async () => (await other.list()).includes('ada'));

	expect(one.errors.map(String).every((text) => text.includes('WRONGTYPE'))).toBe(true);
	expect(one.errors.length).toBeGreaterThan(0);
});
