import { fileURLToPath } from 'node:url';
import { Client } from 'pg';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { createKernel } from 'svelte-realtime/kernel';
import { jobs, type Job, type JobsOptions } from 'svelte-realtime/plugins/jobs';
import { postgres } from 'svelte-realtime/plugins/postgres';
import { fakeTransport } from 'svelte-realtime/testing';
import { killChildren, startChild } from '../servers/child.ts';
import type { PostgresInstanceMessage } from '../servers/postgres-instance.ts';
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
	await killChildren();
});

const freshSchema = (): string => `test${(schemas += 1)}`;

async function start(options: JobsOptions = {}, schema = freshSchema()) {
	const errors: unknown[] = [];
	const kernel = createKernel({
		plugins: [
			postgres({ url: server.url, schema, connections: 3, resetAfter: 100 }),
			jobs({ check: 200, lease: 3000, ...options })
		],
		transport: fakeTransport(),
		limits: { shutdownTimeout: 1000 },
		report: (_plugin, error) => errors.push(error)
	});
	await kernel.start();
	running.push(kernel);
	return { kernel, schema, errors, jobs: kernel.find('jobs')! };
}

/** A handler that remembers its jobs. */
function recorded<Payload>(work: (job: Job<Payload>) => unknown = () => {}) {
	const done: Job<Payload>[] = [];
	const handle = (job: Job<Payload>): unknown => {
		done.push(job);
		return work(job);
	};
	return { handle, done, payloads: () => done.map(({ payload }) => payload) };
}

/** Work that ends when the test says so. */
function held() {
	let end = (): void => {};
	const ended = new Promise<void>((resolve) => (end = resolve));
	return { ended, end: () => end() };
}

const rowsOf = (schema: string): Promise<{ state: string; attempts: number; error: string }[]> =>
	server.query(`select state, attempts, error from ${schema}.jobs order by id`);

test('a job is done once, by one of those who do jobs of its name', async () => {
	const work = recorded<number>();
	const one = await start({ handlers: { count: work.handle } });
	const two = await start({ handlers: { count: work.handle } }, one.schema);
	const idle = await start({ handlers: { other: work.handle } }, one.schema);

	const numbers = Array.from({ length: 60 }, (_, n) => n);
	await Promise.all(numbers.map((n) => [one, two, idle][n % 3]!.jobs.enqueue('count', n)));
	await until(async () => (await rowsOf(one.schema)).length === 0);

	expect(work.payloads().sort((a, b) => a - b)).toEqual(numbers);
	expect(work.done.every(({ attempt }) => attempt === 1)).toBe(true);
});

test('a job of the app’s own transaction is there with its commit, and not after its rollback', async () => {
	const work = recorded<unknown>();
	const { schema, jobs } = await start({ handlers: { mail: work.handle } });
	const client = new Client({ connectionString: server.url });
	await client.connect();
	const inside = { query: (sql: string, values: unknown[]) => client.query(sql, values) };

	await client.query('begin');
	await client.query(`select ${schema}.enqueue('mail', '{"to":"nobody"}')`);
	await client.query('rollback');
	await client.query('begin');
	await client.query(`select ${schema}.enqueue('mail', '{"to":"ada"}')`);
	await jobs.enqueue('mail', { to: 'bob' }, inside);
	await jobs.enqueue('mail', { to: 'first' });
	await until(() => work.done.length === 1);
	await client.query('commit');
	await until(() => work.done.length === 3);
	await client.end();

	expect(work.payloads()).toEqual([{ to: 'first' }, { to: 'ada' }, { to: 'bob' }]);
});

test('of jobs of one name with one key there is one, done or not', async () => {
	const work = recorded<string>();
	const { jobs } = await start({ handlers: { book: work.handle, other: work.handle } });
	const book = (): Promise<string> => jobs.enqueue('book', 'once', { key: 'order 1' });

	const ids = await Promise.all([book(), book(), book()]);
	await until(() => work.done.length === 1);
	await until(async () => (await jobs.list({ state: 'done' })).length === 1);
	ids.push(await book());
	await jobs.enqueue('other', 'other', { key: 'order 1' });
	await until(() => work.done.length === 2);

	expect(new Set(ids).size).toBe(1);
	expect(work.payloads()).toEqual(['once', 'other']);
});

test('what fails is tried again after a pause, and is a dead letter after its last attempt', async () => {
	const work = recorded<string>(({ attempt, payload }) => {
		if (payload === 'never' || attempt < 3) throw new TypeError(`no ${attempt}`);
	});
	const pauses: number[] = [];
	const backoff = (attempt: number): number => (pauses.push(attempt), 20);
	const { jobs, errors } = await start({
		handlers: { try: { handle: work.handle, attempts: 3, backoff } }
	});

	await jobs.enqueue('try', 'third time');
	await until(() => work.done.length === 3);
	const id = await jobs.enqueue('try', 'never');
	await until(async () => (await jobs.list({ state: 'dead' })).length === 1);

	expect(work.done.map(({ attempt }) => attempt)).toEqual([1, 2, 3, 1, 2, 3]);
	expect(pauses).toEqual([1, 2, 1, 2, 3]);
	expect(await jobs.list({ state: 'dead' })).toEqual([
		expect.objectContaining({ id, payload: 'never', attempts: 3, error: 'TypeError: no 3' })
	]);
	expect(errors).toEqual([expect.objectContaining({ code: 'RT_JOB_DEAD' })]);

	expect(await jobs.retry(id)).toBe(true);
	await until(() => work.done.length === 7);
	expect(work.done[6]!.attempt).toBe(1);
});

test('a handler can say that there is no use in trying again', async () => {
	const work = recorded<string>(() => Promise.reject(new Error('no such address')));
	const { jobs } = await start({
		handlers: { mail: { handle: work.handle, backoff: () => false } }
	});

	await jobs.enqueue('mail');
	await until(async () => (await jobs.list({ state: 'dead' })).length === 1);

	expect(work.done).toHaveLength(1);
});

test('a delayed job waits for its time, and no longer', async () => {
	const work = recorded<string>();
	const { schema, jobs } = await start({ handlers: { later: work.handle }, check: 60_000 });

	await jobs.enqueue('later', 'soon', { delay: 150 });
	await jobs.enqueue('later', 'now');
	await until(() => work.done.length === 2);

	expect(work.payloads()).toEqual(['now', 'soon']);
	expect(await rowsOf(schema)).toEqual([]);
});

test('a job that runs for longer than its lease is nobody else’s meanwhile', async () => {
	const { ended, end } = held();
	const work = recorded<string>(() => ended);
	const options = { handlers: { long: work.handle }, lease: 900, check: 20 };
	const one = await start(options);
	await start(options, one.schema);
	await one.jobs.enqueue('long');
	await until(() => work.done.length === 1);

	const sql = `select from ${one.schema}.jobs where due > changed + interval '2.2 seconds'`;
	await until(async () => (await server.query(sql)).length === 1);
	end();
	await until(async () => (await rowsOf(one.schema)).length === 0);

	expect(work.done).toHaveLength(1);
	expect(work.done[0]!.signal.aborted).toBe(false);
});

test.each(['ends', 'fails'])(
	'whoever has lost its claim is told, and when its work %s that changes nothing for who has it',
	async (how) => {
		const [first, second] = [held(), held()];
		const work = recorded<string>(async ({ attempt }) => {
			await (attempt === 1 ? first : second).ended;
			if (how === 'fails') throw new Error('too late');
		});
		const { schema, jobs } = await start({ handlers: { slow: work.handle } });
		await jobs.enqueue('slow', 'x', { key: 'one' });
		await until(() => work.done.length === 1);

		// As if this worker had stood still beyond its lease, and another one had claimed it.
		const take = `update ${schema}.jobs set token = gen_random_uuid(), due = now()`;
		await server.query(`${take} + interval '1 hour'`);
		first.end();
		await until(() => jobs.running === 0);
		expect(await rowsOf(schema)).toMatchObject([{ state: 'running', attempts: 1 }]);

		await server.query(take);
		await until(() => work.done.length === 2);
		await server.query(`${take} + interval '1 hour'`);
		await until(() => work.done[1]!.signal.aborted);
		second.end();
		await until(() => jobs.running === 0);

		expect(await rowsOf(schema)).toMatchObject([{ state: 'running', attempts: 2 }]);
	}
);

test('an attempt that takes too long has failed, and its signal says so', async () => {
	const work = recorded<string>(() => new Promise(() => {}));
	const { jobs } = await start({
		handlers: { hang: { handle: work.handle, timeout: 50, attempts: 2, backoff: () => 10 } }
	});

	await jobs.enqueue('hang');
	await until(async () => (await jobs.list({ state: 'dead' })).length === 1);

	expect(work.done.map(({ signal }) => signal.aborted)).toEqual([true, true]);
	expect((await jobs.list())[0]!.error).toContain('more than 50 ms');
	expect(jobs.running).toBe(0);
});

test('at shutdown what ends in time is done, and the rest is handed back at once', async () => {
	const { ended, end } = held();
	const work = recorded<string>(({ payload }) =>
		payload === 'quick' ? ended : new Promise(() => {})
	);
	const one = await start({ handlers: { work: work.handle }, lease: 60_000 });
	await one.jobs.enqueue('work', 'quick');
	await one.jobs.enqueue('work', 'endless');
	await until(() => work.done.length === 2);

	const over = one.kernel.shutdown();
	end();
	await over;

	expect(await rowsOf(one.schema)).toMatchObject([{ state: 'waiting', attempts: 0 }]);
	const next = recorded<string>();
	await start({ handlers: { work: next.handle } }, one.schema);
	await until(() => next.done.length === 1);
	expect(next.done[0]).toMatchObject({ payload: 'endless', attempt: 1 });
	expect(work.done[1]!.signal.aborted).toBe(true);
});

test('the job of a worker that is killed in the middle of it is begun again; after its last attempt it is dead', async () => {
	const schema = freshSchema();
	const file = fileURLToPath(new URL('../servers/postgres-instance.ts', import.meta.url));
	const options = { url: server.url, schema, check: 50, lease: 400 };
	const child = await startChild<PostgresInstanceMessage>(file, options);
	const work = recorded<string>(() => new Promise(() => {}));
	await until(async () => {
		const rows = await server.query<{ is: unknown }>(`select to_regclass('${schema}.jobs') as is`);
		return rows[0]!.is !== null;
	});
	await server.query(`select ${schema}.enqueue('endless', '"x"', attempts => 2)`);
	await until(() => child.said.some(({ type }) => type === 'begun'));
	const other = await start({ handlers: { endless: work.handle }, lease: 400, check: 50 }, schema);

	await child.kill();
	await until(() => work.done.length === 1);
	expect(work.done[0]).toMatchObject({ payload: 'x', attempt: 2 });
	// And that one stands still as well.
	await server.query(`update ${schema}.jobs set due = now(), token = gen_random_uuid()`);
	await until(async () => (await other.jobs.list({ state: 'dead' })).length === 1);

	expect(work.done).toHaveLength(1);
	expect(other.errors).toEqual([expect.objectContaining({ code: 'RT_JOB_DEAD' })]);
	expect((await other.jobs.list())[0]).toMatchObject({
		attempts: 2,
		error: expect.stringContaining('ended in the middle')
	});
});

test('a crash of Postgres ends nothing: what runs is said to be done afterwards', async () => {
	const { ended, end } = held();
	const work = recorded<string>(() => ended);
	const { jobs, schema } = await start({ handlers: { work: work.handle }, lease: 20_000 });
	await jobs.enqueue('work', 'first');
	await until(() => work.done.length === 1);

	await server.crash();
	end();
	await expect(jobs.enqueue('work', 'while it is down')).rejects.toMatchObject({
		code: 'SERVICE_UNAVAILABLE'
	});
	await server.restart();
	await until(async () => (await rowsOf(schema)).length === 0);
	await jobs.enqueue('work', 'second');
	await until(() => work.done.length === 2);

	expect(work.payloads()).toEqual(['first', 'second']);
});

test('what is over is forgotten after its time, and its key is free again', async () => {
	const work = recorded<string>();
	const { jobs } = await start({ handlers: { book: work.handle }, retention: 0, check: 20 });
	await jobs.enqueue('book', 'first', { key: 'order 1' });
	await until(async () => work.done.length === 1 && (await jobs.list()).length === 0);

	await jobs.enqueue('book', 'second', { key: 'order 1' });
	await jobs.enqueue('nobody does this', 'third');
	await until(async () => work.done.length === 2 && (await jobs.list()).length === 1);

	expect(await jobs.list()).toMatchObject([{ payload: 'third', state: 'waiting' }]);
});

test.each([
	['concurrency', { concurrency: 0 }],
	['lease', { lease: 1 }],
	['handle', { handlers: { x: { handle: 'no' as never } } }],
	['attempts', { handlers: { x: { handle: () => {}, attempts: 0 } } }]
])('the option %s is checked', (_name, options) => {
	expect(() => jobs(options)).toThrow(expect.objectContaining({ code: 'RT_OPTION_INVALID' }));
});
