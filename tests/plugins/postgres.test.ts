import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { createKernel, type Plugin } from 'svelte-realtime/kernel';
import { health } from 'svelte-realtime/plugins/health';
import { jobs } from 'svelte-realtime/plugins/jobs';
import { migrations, postgres, type PostgresOptions } from 'svelte-realtime/plugins/postgres';
import { postgresIdempotency } from 'svelte-realtime/plugins/postgres-idempotency';
import { postgresNotify } from 'svelte-realtime/plugins/postgres-notify';
import { postgresReplay } from 'svelte-realtime/plugins/postgres-replay';
import { replay } from 'svelte-realtime/plugins/replay';
import { fakeTransport } from 'svelte-realtime/testing';
import { startPostgres, type PostgresServer } from '../servers/postgres.ts';
import { until } from '../servers/until.ts';

let server: PostgresServer;
let schemas = 0;

beforeAll(async () => {
	server = await startPostgres();
}, 240_000);
afterAll(() => server?.stop());

const running: { shutdown(): Promise<void> }[] = [];
afterEach(async () => {
	await Promise.all(running.splice(0).map((kernel) => kernel.shutdown()));
	await server.restart();
});

const freshSchema = (): string => `test${(schemas += 1)}`;
/** Every plugin that has tables. */
const all = () => [postgresNotify(), postgresReplay(), postgresIdempotency(), jobs()];

async function start(options: PostgresOptions = {}, plugins: readonly Plugin[] = []) {
	const errors: { code?: string }[] = [];
	const kernel = createKernel({
		plugins: [
			postgres({ url: server.url, schema: freshSchema(), resetAfter: 100, ...options }),
			...plugins
		],
		transport: fakeTransport(),
		report: (_plugin, error) => errors.push(error as { code?: string })
	});
	running.push(kernel);
	await kernel.start();
	return { kernel, errors, backend: kernel.find('postgres')! };
}

const tablesOf = async (schema: string): Promise<string[]> => {
	const rows = await server.query<{ name: string }>(
		`select tablename as name from pg_tables where schemaname = '${schema}' order by 1`
	);
	return rows.map(({ name }) => name);
};

const TABLES = [
	'calls',
	'claims',
	'events',
	'frames',
	'jobs',
	'log',
	'migrations',
	'readers',
	'topics'
];

describe('tables', () => {
	test('are made by instances that boot at once, and again by none', async () => {
		const schema = freshSchema();

		await Promise.all([1, 2, 3, 4].map(() => start({ schema }, all())));
		await start({ schema }, all());

		expect(await tablesOf(schema)).toEqual(TABLES);
		const rows = await server.query(`select * from ${schema}.migrations order by name`);
		expect(rows).toEqual(
			['jobs', 'postgres-idempotency', 'postgres-notify', 'postgres-replay'].map((name) => ({
				name,
				version: 1
			}))
		);
	});

	test('are what the SQL makes that is run by hand, and without them it does not boot', async () => {
		const schema = freshSchema();
		await expect(start({ schema, migrate: false }, all())).rejects.toMatchObject({
			code: 'RT_POSTGRES_TABLES'
		});

		await server.query(migrations([...all(), replay()], { schema }));
		const { errors } = await start({ schema, migrate: false }, all());

		expect(errors).toEqual([]);
		expect(await tablesOf(schema)).toEqual(TABLES);
	});

	test('can be used by who may not make any', async () => {
		const schema = freshSchema();
		await server.query(migrations(all(), { schema }));
		await server.query(
			`drop role if exists app; create role app login;
			grant usage on schema ${schema} to app;
			grant select, insert, update, delete on all tables in schema ${schema} to app;
			grant usage on all sequences in schema ${schema} to app`
		);
		const url = server.url.replace('postgres@', 'app@');

		const { kernel, errors } = await start({ schema, url }, [...all(), replay()]);
		await kernel.find('jobs')!.enqueue('x');
		const { status } = await kernel.publish('a', 'created', 1);

		expect(status).toBe('ok');
		expect(errors).toEqual([]);
		await kernel.shutdown();
		await server.query(`drop owned by app; drop role app`);
	});

	test('are made as soon as Postgres is there, where it was not when the app began', async () => {
		const schema = freshSchema();
		await server.crash();
		const { kernel, errors } = await start({ schema, timeout: 1000 }, all());
		const enqueue = (): Promise<unknown> => kernel.find('jobs')!.enqueue('x');
		await expect(enqueue()).rejects.toMatchObject({ code: 'SERVICE_UNAVAILABLE' });

		await server.restart();
		await until(() => kernel.find('postgres.bridge')!.isReading);
		await until(() =>
			enqueue().then(
				() => true,
				() => false
			)
		);

		expect(new Set(errors.map(({ code }) => code))).toEqual(new Set(['RT_POSTGRES_UNREACHABLE']));
		expect(errors.length).toBeLessThan(5);
	});
});

describe('work', () => {
	test('fails at once while Postgres is down, class by class, and is done again when it is back', async () => {
		const { backend, kernel } = await start({ resetAfter: 500 }, [health()]);
		const states = (): readonly object[] => kernel.find('health')!.states();
		const ask = (operation: string): Promise<unknown> =>
			backend.run(operation, (query) => query('select 1 as one'));
		expect(await ask('a')).toEqual([{ one: 1 }]);

		await server.crash();
		for (let n = 0; n < 5; n += 1) {
			await expect(ask('a')).rejects.toMatchObject({ code: 'SERVICE_UNAVAILABLE' });
		}
		// The breaker of this class alone is open: nothing is tried.
		const refusal = await ask('a').catch((error: unknown) => error as Error);
		expect(refusal).toMatchObject({ code: 'SERVICE_UNAVAILABLE' });
		expect(states()).toMatchObject([{ name: 'postgres:a', state: 'degraded', breaker: 'open' }]);
		expect((refusal as Error).cause).toBeUndefined();
		const other = await ask('b').catch((error: unknown) => error as Error);
		expect((other as Error).cause).toBeInstanceOf(Error);
		await server.restart();

		await until(() =>
			ask('a').then(
				() => true,
				() => false
			)
		);
		expect(states()).toMatchObject([{ name: 'postgres:a', state: 'ok', breaker: 'closed' }]);
	});

	test('that Postgres refuses says nothing against Postgres', async () => {
		const { backend } = await start();
		for (let n = 0; n < 8; n += 1) {
			const wrong = backend.run('a', (query) => query('select nothing'));
			await expect(wrong).rejects.toMatchObject({ code: '42703' });
		}

		expect(await backend.run('a', (query) => query('select 1 as one'))).toHaveLength(1);
	});

	test('that takes too long is given up', async () => {
		const { backend } = await start({ timeout: 150 });
		const slow = backend.run('a', (query) => query('select pg_sleep(20)'));

		await expect(slow).rejects.toMatchObject({ code: 'SERVICE_UNAVAILABLE' });
	});

	test('in a transaction is all done, or none of it', async () => {
		const { backend } = await start();
		await server.query('create table made_in_transactions (n int)');
		const insert = (n: number, fails: boolean): Promise<unknown> =>
			backend.transaction('a', async (query) => {
				await query('insert into made_in_transactions values ($1)', [n]);
				if (fails) throw new Error('no');
			});

		await insert(1, false);
		await expect(insert(2, true)).rejects.toThrow('no');

		expect(await server.query('select * from made_in_transactions')).toEqual([{ n: 1 }]);
	});
});

test.each([
	['schema', { schema: 'Bad-Name' }],
	['schema', { schema: 'pg_temp' }],
	['connections', { connections: 0 }],
	['timeout', { timeout: -1 }]
])('the option %s is checked', (_name, options) => {
	expect(() => postgres(options)).toThrow(expect.objectContaining({ code: 'RT_OPTION_INVALID' }));
});
