import { readFileSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import { Redis } from 'ioredis';
import {
	afterAll,
	afterEach,
	beforeAll,
	beforeEach,
	describe,
	expect,
	onTestFinished,
	test
} from 'vitest';
import { createKernel, definePlugin, type RealtimeError } from 'svelte-realtime/kernel';
import { health, type HealthEntry } from 'svelte-realtime/plugins/health';
import { redis, type RedisOptions } from 'svelte-realtime/plugins/redis';
import { replay } from 'svelte-realtime/plugins/replay';
import { rpc } from 'svelte-realtime/plugins/rpc';
import { streams } from 'svelte-realtime/plugins/streams';
import { createTestKernel, fakeTransport } from 'svelte-realtime/testing';
import { pipelined } from '../../plugins/redis-pipeline.ts';
import { script } from '../../plugins/redis-script.ts';
import { freePort } from '../e2e/site.ts';
import { startRedis, type RedisServer } from '../servers/redis.ts';
import { until } from '../servers/until.ts';

let server: RedisServer;
let prefixes = 0;
beforeAll(async () => {
	server = await startRedis();
}, 120_000);
afterAll(() => server?.stop());

const running: { shutdown(): Promise<void> }[] = [];
afterEach(async () => {
	await Promise.all(running.splice(0).map((instance) => instance.shutdown()));
});

/** A server of one test, which is ended with it. */
async function ownRedis(...flags: readonly string[]): Promise<RedisServer> {
	const own = await startRedis(...flags);
	onTestFinished(() => own.stop());
	return own;
}

/** An instance that has nothing but Redis, and what it says of it. */
async function start(options: RedisOptions = {}, isHeard: () => Promise<void> = async () => {}) {
	const errors: RealtimeError[] = [];
	const changes: string[] = [];
	let resumes = 0;
	const kernel = createKernel({
		plugins: [
			health(),
			redis({
				url: server.url,
				prefix: `test${(prefixes += 1)}:`,
				commandTimeout: 300,
				...options
			}),
			definePlugin({
				name: 'hears',
				requires: ['redis'],
				async setup(kernel) {
					const { connect, subscribe, prefix } = kernel.use('redis');
					const link = connect('hears');
					const resumed = (): Promise<void> => ((resumes += 1), isHeard());
					await link.tried;
					const subscriptions = subscribe({ link, receive() {}, resumed });
					// On a machine with much to do it may take longer than a command may.
					await subscriptions.add(`${prefix}channel`).catch(() => {});
				}
			})
		],
		transport: fakeTransport(),
		report: (_plugin, error) => errors.push(error as RealtimeError)
	});
	await kernel.start();
	const { run, commands, prefix } = kernel.find('redis')!;
	const states = kernel.find('health')!;
	states.watch(({ name, state }: HealthEntry) => void changes.push(`${name} ${state}`));
	const instance = {
		commands,
		prefix,
		errors,
		changes,
		run,
		resumes: () => resumes,
		state: (name: string) => states.states().find((entry) => entry.name === `redis:${name}`),
		/** What comes of a command, and how long that takes. */
		async ask(operation: string, work: (client: Redis) => Promise<unknown> = (it) => it.ping()) {
			const begun = performance.now();
			const outcome = await run(operation, work).catch((error: { code: string }) => error.code);
			return { outcome, took: performance.now() - begun };
		},
		shutdown: () => kernel.shutdown()
	};
	running.push(instance);
	return instance;
}

type Instance = Awaited<ReturnType<typeof start>>;

const codes = ({ errors }: Instance): string[] => errors.map(({ code }) => code);

const median = (times: readonly number[]): number =>
	times.toSorted((one, other) => one - other)[times.length >> 1]!;

async function times<T>(count: number, work: () => Promise<T>): Promise<T[]> {
	const results: T[] = [];
	for (let n = 0; n < count; n += 1) results.push(await work());
	return results;
}

describe('a Redis that is away', () => {
	test('refuses at once, is said once, and serves as soon as it is there', async () => {
		const own = await ownRedis();
		await own.kill();
		const instance = await start({ url: own.url });

		const asked = await times(21, () => instance.ask('a'));

		expect(new Set(asked.map(({ outcome }) => outcome))).toEqual(new Set(['SERVICE_UNAVAILABLE']));
		expect(median(asked.map(({ took }) => took))).toBeLessThan(20);
		expect(codes(instance)).toEqual(['RT_REDIS_UNREACHABLE']);
		expect(String(instance.errors[0])).toContain(`127.0.0.1:${own.port}`);
		expect(instance.state('commands connection')).toMatchObject({ state: 'degraded' });
		expect(instance.state('hears connection')).toMatchObject({ state: 'degraded' });

		await own.restart();
		await until(async () => (await instance.ask('a')).outcome === 'PONG');
		await until(() => instance.state('hears connection')?.state === 'ok');
		await own.kill();
		await until(() => codes(instance).length === 2);
	});

	test.each(['url', 'cluster', 'sentinel'] as const)(
		'given by { %s } lets the server start, and is said once',
		async (kind) => {
			const url = `redis://127.0.0.1:${await freePort()}`;
			const ways = { url: { url }, cluster: { cluster: [url] } };
			const sentinel = { sentinel: { name: 'main', urls: [url] } };
			const instance = await start(kind === 'sentinel' ? sentinel : ways[kind]);

			await until(() => codes(instance).length > 0);
			const asked = await times(5, () => instance.ask('a'));

			expect([asked[0]!.outcome, codes(instance)]).toEqual([
				'SERVICE_UNAVAILABLE',
				['RT_REDIS_UNREACHABLE']
			]);
			expect(median(asked.map(({ took }) => took))).toBeLessThan(50);
			expect(instance.state('commands connection')).toMatchObject({ state: 'degraded' });
		}
	);

	test('is told to the pages that ask, and so is that it is back', async () => {
		const own = await ownRedis();
		const backend = redis({ url: own.url, prefix: `test${(prefixes += 1)}:` });
		const kernel = await createTestKernel([rpc(), replay(), streams(), health(), backend]);
		const page = await kernel.connect();
		const told: unknown[] = [];
		const hears = (state: string, what: readonly string[]) => async (): Promise<boolean> => {
			told.push(...page.take().map(({ data }) => data));
			return isDeepStrictEqual(told.at(-1), { state, what, for: 0 });
		};
		await page.send({ type: 'health:watch' });

		await own.kill();
		await until(hears('degraded', ['redis']));
		await own.restart();
		await until(hears('ok', []));

		kernel.errors.length = 0;
		await kernel.shutdown();
	});

	test('has no password in what is said of it', async () => {
		const url = `redis://somebody:secret@127.0.0.1:${await freePort()}`;
		const instance = await start({ url });

		expect(codes(instance)).toEqual(['RT_REDIS_UNREACHABLE']);
		expect(String(instance.errors[0])).not.toContain('secret');
	});
});

describe('a Redis that does not answer', () => {
	let own: RedisServer;
	beforeEach(async () => {
		own = await startRedis();
	});
	afterEach(() => own.stop());

	test('is left alone after five failures, by the class of operations that has met them', async () => {
		const instance = await start({ url: own.url, commandTimeout: 200, resetAfter: 600_000 });
		own.freeze();

		const slow = await times(5, () => instance.ask('a'));
		const quick = await times(5, () => instance.ask('a'));

		expect(slow.map(({ outcome }) => outcome)).toEqual(Array(5).fill('SERVICE_UNAVAILABLE'));
		for (const { took } of slow) expect(took).toBeGreaterThan(190);
		expect(quick.map(({ outcome }) => outcome)).toEqual(Array(5).fill('SERVICE_UNAVAILABLE'));
		expect(median(quick.map(({ took }) => took))).toBeLessThan(50);
		expect(instance.state('a')).toMatchObject({ state: 'degraded', breaker: 'open' });
		expect(instance.state('b')).toBeUndefined();
		own.thaw();
		await until(async () => (await instance.ask('b')).outcome === 'PONG');
		expect((await instance.ask('a')).outcome).toBe('SERVICE_UNAVAILABLE');
		expect(codes(instance)).toEqual(['RT_REDIS_UNREACHABLE']);
	});

	test('is asked by the breaker itself whether it serves again, and nobody waits for that', async () => {
		const instance = await start({ url: own.url, commandTimeout: 50, resetAfter: 100 });
		own.freeze();
		await times(5, () => instance.ask('a'));
		expect(instance.state('a')).toMatchObject({ breaker: 'open' });

		// The question is asked, has its own deadline, and leaves it open.
		await until(() => instance.state('a')?.breaker === 'half-open');
		const asked = await times(5, () => instance.ask('a'));
		expect(median(asked.map(({ took }) => took))).toBeLessThan(40);
		await until(() => instance.state('a')?.breaker === 'open');

		own.thaw();
		await until(() => instance.state('a')?.breaker === 'closed');
		expect(instance.state('a')).toMatchObject({ state: 'ok' });
		expect((await instance.ask('a')).outcome).toBe('PONG');
	});

	test('lets the server start, and serves once it answers', async () => {
		own.freeze();
		const instance = await start({ url: own.url, commandTimeout: 100 });

		const asked = await times(5, () => instance.ask('a'));
		expect(median(asked.map(({ took }) => took))).toBeLessThan(50);
		own.thaw();

		await until(async () => (await instance.ask('a')).outcome === 'PONG');
	});

	test('is tried again as soon as there is a new connection', async () => {
		const instance = await start({ url: own.url, commandTimeout: 400, resetAfter: 600_000 });
		own.freeze();
		await times(5, () => instance.ask('a'));

		own.thaw();
		await own.restart();

		await until(() => instance.state('a')?.breaker === 'closed');
	});

	test('serves whoever asks in the moment that a connection is there', async () => {
		const instance = await start({ url: own.url, commandTimeout: 400, resetAfter: 600_000 });
		own.freeze();
		await times(5, () => instance.ask('a'));
		const answered = new Promise<unknown>((resolve) => {
			instance.commands.onDown(() => {
				instance.commands.onUp(() => resolve(instance.ask('a').then(({ outcome }) => outcome)));
			});
		});

		own.thaw();
		await own.restart();

		expect(await answered).toBe('PONG');
	});
});

describe('what Redis answers', () => {
	const set = (client: Redis, key: string): Promise<unknown> => client.set(key, 'x'.repeat(1000));
	const write = script(`return redis.call('SET', KEYS[1], ARGV[1])`);
	/** The same write by all ways. */
	const ways: Record<string, (client: Redis, key: string) => Promise<unknown>> = {
		'a command': set,
		'a script': (client, key) => write(client, [key], ['x'.repeat(1000)]),
		'a pipeline': (client, key) =>
			pipelined(client, [
				['get', key],
				['set', key, 'x'.repeat(1000)]
			]),
		'a transaction': (client, key) => client.multi().set(key, 'x'.repeat(1000)).exec()
	};

	/** Ways to make a server refuse. */
	const hostile: Record<string, { code: string; by(own: Redis): Promise<unknown> }> = {
		READONLY: {
			code: 'RT_REDIS_READONLY',
			by: async (own) => {
				await own.replicaof('127.0.0.1', server.port);
				await until(async () => (await own.info('replication')).includes('link_status:up'));
			}
		},
		OOM: { code: 'RT_REDIS_MEMORY', by: (own) => own.config('SET', 'maxmemory', '1') },
		NOREPLICAS: {
			code: 'RT_REDIS_FAILING',
			by: (own) => own.config('SET', 'min-replicas-to-write', '1')
		},
		MASTERDOWN: {
			code: 'RT_REDIS_FAILING',
			by: async (own) => {
				await own.config('SET', 'replica-serve-stale-data', 'no');
				await own.config('SET', 'replica-read-only', 'no');
				await own.replicaof('127.0.0.1', 1);
			}
		}
	};

	test.each(Object.keys(hostile))(
		'%s opens the breaker, by whatever way it comes',
		async (name) => {
			const own = await ownRedis();
			const client = new Redis(own.url);
			const instances = await Promise.all(
				Object.keys(ways).map(() => start({ url: own.url, resetAfter: 600_000 }))
			);
			await hostile[name]!.by(client);

			for (const [index, way] of Object.keys(ways).entries()) {
				const instance = instances[index]!;
				const work = (it: Redis): Promise<unknown> => ways[way]!(it, `${instance.prefix}key`);
				const outcomes = await times(5, async () => (await instance.ask('writes', work)).outcome);

				expect(outcomes, way).toEqual(Array(5).fill('SERVICE_UNAVAILABLE'));
				expect(instance.state('writes'), way).toMatchObject({ breaker: 'open' });
				expect(codes(instance), way).toEqual([hostile[name]!.code]);
			}
			client.disconnect();
			await Promise.all(running.splice(0).map((instance) => instance.shutdown()));
			await own.stop();
		}
	);

	test('one that takes writes again is found out by a write', async () => {
		const own = await ownRedis();
		const client = new Redis(own.url);
		const instance = await start({ url: own.url, resetAfter: 50 });
		await client.config('SET', 'maxmemory', '1');
		await times(5, () => instance.ask('writes', (it) => set(it, `${instance.prefix}key`)));
		await until(() => instance.changes.filter((it) => it === 'redis:writes degraded').length > 3);

		await client.config('SET', 'maxmemory', '0');

		await until(() => instance.state('writes')?.state === 'ok');
		expect(instance.changes.filter((it) => it === 'redis:writes ok')).toHaveLength(1);
		client.disconnect();
		await instance.shutdown();
	});

	test('LOADING, to who is connected already, is one of these; and to who connects, it is waited for', async () => {
		const own = await ownRedis(
			...['--key-load-delay', '5000', '--loading-process-events-interval-bytes', '1024']
		);
		const [client, main] = [new Redis(own.url), new Redis(server.url)];
		const filled = main.pipeline();
		for (let n = 0; n < 300; n += 1) filled.set(`filled${n}`, 'x'.repeat(100));
		await filled.exec();
		const instance = await start({ url: own.url, resetAfter: 20, commandTimeout: 5000 });
		await client.replicaof('127.0.0.1', server.port);

		await until(async () => (await instance.ask('a')).outcome === 'SERVICE_UNAVAILABLE');
		expect(codes(instance)).toContain('RT_REDIS_LOADING');
		const late = await start({ url: own.url });
		const asked = await times(5, () => late.ask('a'));
		expect(median(asked.map(({ took }) => took))).toBeLessThan(50);

		await client.replicaof('NO', 'ONE').catch(() => {});
		await until(async () => (await late.ask('a')).outcome === 'PONG');
		await until(async () => (await instance.ask('a')).outcome === 'PONG');
		await main.del(...Array.from({ length: 300 }, (_, n) => `filled${n}`));
		client.disconnect();
		main.disconnect();
		await Promise.all(running.splice(0).map((it) => it.shutdown()));
	}, 30_000);

	test('any other answer is no failure, and reaches who has asked', async () => {
		const instance = await start();
		const wrong = async (client: Redis): Promise<unknown> => {
			await client.set(`${instance.prefix}key`, 'text');
			return client.lpush(`${instance.prefix}key`, 'item');
		};

		for (let n = 0; n < 10; n += 1) {
			await expect(instance.run('a', wrong)).rejects.toThrow('WRONGTYPE');
		}
		expect((await instance.ask('a')).outcome).toBe('PONG');
		const [[none], [error]] = (await instance.run('a', (client) =>
			pipelined(client, [
				['get', `${instance.prefix}key`],
				['lpush', `${instance.prefix}key`, 'item']
			])
		)) as unknown as [[null], [Error]];
		expect(none).toBe(null);
		expect(error.message).toMatch(/^WRONGTYPE/);
		expect(instance.errors).toEqual([]);
	});
});

describe('who may what', () => {
	let own: RedisServer;
	let admin: Redis;
	beforeEach(async () => {
		own = await startRedis('--requirepass', 'root');
		admin = new Redis(own.url, { password: 'root' });
		const mine = ['~mine:*', '&mine:*', '+@all', '-@dangerous', '+info'];
		await admin.acl('SETUSER', 'app', 'on', '>p@ss:word', ...mine);
	});
	afterEach(async () => {
		admin.disconnect();
		await Promise.all(running.splice(0).map((instance) => instance.shutdown()));
		await own.stop();
	});
	const urlOf = (access: string): string => `redis://${access}@127.0.0.1:${own.port}`;
	const app = (): string => urlOf(`app:${encodeURIComponent('p@ss:word')}`);

	test('the user and the password are those of the url', async () => {
		const instance = await start({ url: app(), prefix: 'mine:' });

		expect((await instance.ask('a', (client) => client.acl('WHOAMI'))).outcome).toBe('app');
		expect(instance.errors).toEqual([]);
	});

	test.each([
		['none', (): string => own.url],
		['a wrong one', (): string => urlOf('app:wrong')]
	])('with %s as password it is said what to do, once', async (_name, url) => {
		const instance = await start({ url: url() });

		await until(() => instance.commands.client.status === 'reconnecting');
		await until(() => instance.commands.client.status === 'connecting');

		expect(codes(instance)).toEqual(['RT_REDIS_AUTH']);
		expect(String(instance.errors[0])).toContain('redis://user:password@host');
		expect((await instance.ask('a')).outcome).toBe('SERVICE_UNAVAILABLE');
	});

	test("another tenant's keys are refused with what to do, said once, and open no breaker", async () => {
		const instance = await start({ url: app(), prefix: 'mine:' });
		await admin.set('theirs:key', 'secret');
		const theirs = (client: Redis): Promise<unknown> => client.get('theirs:key');

		const outcomes = await times(10, async () => (await instance.ask('a', theirs)).outcome);

		expect(outcomes).toEqual(Array(10).fill('RT_REDIS_PERMISSION'));
		expect(codes(instance)).toEqual(['RT_REDIS_PERMISSION']);
		expect((await instance.ask('a', (client) => client.set('mine:key', 1))).outcome).toBe('OK');
	});
});

describe('TLS', () => {
	const file = (name: string): string =>
		new URL(`../fixtures/tls/${name}`, import.meta.url).pathname;
	let own: RedisServer;
	let url: string;
	beforeEach(async () => {
		const port = await freePort();
		own = await startRedis(
			...['--tls-port', String(port), '--tls-auth-clients', 'no'],
			...['--tls-cert-file', file('cert.pem'), '--tls-key-file', file('key.pem')]
		);
		url = `rediss://127.0.0.1:${port}`;
	});
	afterEach(() => own.stop());

	test('rediss:// is TLS, with the authority that the app trusts', async () => {
		const ca = readFileSync(file('cert.pem'));
		const instance = await start({ url, client: { tls: { ca } } });

		expect((await instance.ask('a')).outcome).toBe('PONG');
		expect(instance.errors).toEqual([]);
	});

	test('a certificate of nobody who is trusted is said once, and nothing is sent', async () => {
		const instance = await start({ url });

		expect((await instance.ask('a')).outcome).toBe('SERVICE_UNAVAILABLE');
		await until(() => instance.commands.client.status === 'connecting');
		expect(codes(instance)).toEqual(['RT_REDIS_UNREACHABLE']);
		expect(String(instance.errors[0])).toMatch(/self.signed/);
	});
});

describe('channels', () => {
	test('that were lost count as live again only when what was missed is made up for', async () => {
		let release = (): void => {};
		let isFirst = true;
		const heard = async (): Promise<void> => {
			if (isFirst) return void (isFirst = false);
			await new Promise<void>((resolve) => (release = resolve));
		};
		const instance = await start({}, heard);
		await until(() => instance.state('hears connection')?.state === 'ok');
		const client = new Redis(server.url);

		await client.client('KILL', 'TYPE', 'PUBSUB');
		await until(() => instance.resumes() === 2);

		expect(instance.state('hears connection')).toMatchObject({ state: 'degraded' });
		expect(instance.state('commands connection')).toMatchObject({ state: 'ok' });
		release();
		await until(() => instance.state('hears connection')?.state === 'ok');
		client.disconnect();
	});

	test('for which it fails are asked about again', async () => {
		let attempts = 0;
		const heard = async (): Promise<void> => {
			attempts += 1;
			if (attempts === 1) throw new Error('not yet');
		};
		const instance = await start({}, heard);

		await until(() => attempts === 2);

		expect(String(instance.errors)).toContain('not yet');
	});
});

test.each([
	[{ url: 'http://localhost' }, 'url'],
	[{ cluster: [] }, 'cluster'],
	[{ cluster: ['localhost'] }, 'cluster'],
	[{ sentinel: { name: '', urls: ['redis://a'] } }, 'sentinel.name'],
	[{ sentinel: { name: 'main', urls: [] } }, 'sentinel.urls'],
	[{ cluster: ['redis://a'], sentinel: { name: 'main', urls: ['redis://a'] } }, 'cluster'],
	[{ failures: 0 }, 'failures'],
	[{ resetAfter: -1 }, 'resetAfter']
] as const)('redis(%o) says that %s is not well given', (options, name) => {
	expect(() => redis(options)).toThrow(`The option "${name}" of redis()`);
});
