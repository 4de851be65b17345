import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { postgres } from 'svelte-realtime/plugins/postgres';
import {
	postgresReplay,
	type PostgresReplayOptions
} from 'svelte-realtime/plugins/postgres-replay';
import { replayLogContract } from '../contracts/replay-log.ts';
import {
	following,
	publishMany,
	seqs,
	startRecorded,
	stopLogInstances,
	upTo,
	type LogInstance
} from '../servers/log-instance.ts';
import { startPostgres, type PostgresServer } from '../servers/postgres.ts';
import { until } from '../servers/until.ts';

let server: PostgresServer;
let schemas = 0;

beforeAll(async () => {
	server = await startPostgres();
}, 240_000);
afterAll(() => server?.stop());

afterEach(stopLogInstances);

/** An instance of an app, with its log in Postgres. */
const start = (schema: string, options: PostgresReplayOptions = {}): Promise<LogInstance> =>
	startRecorded([
		postgres({ url: server.url, schema, connections: 3, resetAfter: 200 }),
		postgresReplay({ size: 10_000, ...options })
	]);

const freshSchema = (): string => `test${(schemas += 1)}`;

replayLogContract('postgres', async () => {
	const schema = freshSchema();
	const { log } = await start(schema, { size: 5, check: 20 });
	const lose = (topic: string): Promise<unknown> =>
		server.query(
			`with frames as (delete from ${schema}.frames where topic = $1)
			delete from ${schema}.topics where topic = $1`,
			[topic]
		);
	return { log, size: 5, close: async () => {}, lose };
});

/** Two instances that publish and a third one; all of them follow the topic. */
async function three(options: PostgresReplayOptions = {}) {
	const schema = freshSchema();
	return { schema, ...(await following([1, 2, 3].map(() => start(schema, options)))) };
}

test('what two instances publish at once, all three deliver in one order, once', async () => {
	const { all, one, two, third } = await three();

	await Promise.all([publishMany(one, 'a', 500), publishMany(two, 'b', 500)]);
	await until(() => all.every(({ delivered }) => delivered.length >= 1000));

	expect(seqs(third.delivered)).toEqual(upTo(1000));
	expect(new Set(third.delivered.map(({ data }) => data)).size).toBe(1000);
	for (const { delivered } of all) expect(delivered).toEqual(third.delivered);
});

test('listeners that are cut off again and again miss nothing, and deliver nothing twice', async () => {
	const { schema, all, one, two, third } = await three();
	const cut = (): Promise<unknown> =>
		server.query(
			`select pg_terminate_backend(pid) from pg_stat_activity where application_name like $1`,
			[`${schema}:%:log`]
		);

	await Promise.all([publishMany(one, 'a', 300, cut), publishMany(two, 'b', 300, cut)]);
	await until(() => all.every(({ delivered }) => delivered.length >= 600));

	for (const { delivered } of all) expect(delivered).toEqual(third.delivered);
	expect(seqs(third.delivered)).toEqual(upTo(600));
});

test('history outlives every instance, and a crash of Postgres', async () => {
	const schema = freshSchema();
	const first = await start(schema);
	const { position } = await first.publish('a', 'created', 1);
	await first.publish('a', 'created', 2);
	await first.shutdown();
	await server.restart();

	const tail = await (await start(schema)).log.follow('a');

	expect(tail.head()).toEqual({ epoch: position!.epoch, seq: 2 });
	expect(tail.since(position!)).toMatchObject([{ seq: 2, value: { json: '2' } }]);
});

test('while Postgres is down a publish is refused, and delivered to nobody; afterwards all goes on', async () => {
	const { all, one, tails } = await three({ retryFor: 100 });
	await one.publish('a', 'created', 'before');
	await until(() => all.every(({ delivered }) => delivered.length === 1));
	const before = tails[1]!.head();

	await server.crash();
	const results = await Promise.all(upTo(8).map((n) => one.publish('a', 'created', n)));
	await server.restart();

	for (const { status } of results) expect(['rejected', 'unknown']).toContain(status);
	await until(async () => (await one.publish('a', 'created', 'after')).status === 'ok');
	await until(() => all.every(({ delivered }) => delivered.at(-1)?.data === 'after'));
	expect(tails[1]!.since(before)).toMatchObject([{ value: { json: '"after"' } }]);
});

test('a publish of a name that is in the log is not taken again, whoever makes it', async () => {
	const { all, one, two, third } = await three();

	const both = await Promise.all([one, two].map((each) => each.publishAs('event 1', 'first')));
	const again = await two.publishAs('event 1', 'first');
	await third.publishAs('event 2', 'second');
	await until(() => all.every(({ delivered }) => delivered.at(-1)?.data === 'second'));

	expect(again.position).toEqual(both[0]!.position);
	for (const { delivered } of all) {
		expect(delivered.map(({ data }) => data)).toEqual(['first', 'second']);
	}
	expect([...one.origins, ...two.origins]).toContain('local');
	expect(third.origins).toEqual(['remote', 'local']);
});

test('a database brought back from before its last frames leads to a reset, not to a hole', async () => {
	const { schema, all, one, tails } = await three();
	await publishMany(one, 'a', 20);
	await until(() => all.every(({ delivered }) => delivered.length === 20));
	const [seen, half] = [tails[1]!.head(), { ...tails[1]!.head(), seq: 10 }];

	// As a replica has it that is promoted, and had not got the last ones.
	await server.query(`delete from ${schema}.frames where seq > 15`);
	await server.query(`update ${schema}.topics set seq = 15, writer = 'the one before'`);
	await publishMany(one, 'b', 20);
	await until(() => tails.every((tail) => tail.head().seq === 35));

	const tail = tails[1]!;
	expect(tail.since(seen)).toBe('epoch');
	expect(await one.log.range('a', seen)).toBe('epoch');
	// Who has seen only what survived goes on from there.
	expect(await one.log.range('a', half)).toHaveLength(25);
});

test('the frames of a topic that is quiet are let go, and its position is not', async () => {
	const schema = freshSchema();
	const { log, publish } = await start(schema, { retention: 1000, check: 50 });
	const { position } = await publish('a', 'created', 1);
	await publish('b', 'created', 1);
	const framesOf = async (topic: string): Promise<number> => {
		const sql = `select count(*) as n from ${schema}.frames where topic = '${topic}'`;
		return Number((await server.query<{ n: string }>(sql))[0]!.n);
	};

	await server.query(
		`update ${schema}.topics set at = now() - interval '1 hour' where topic = 'a'`
	);
	await server.query(
		`update ${schema}.topics set at = now() + interval '1 hour' where topic = 'b'`
	);
	await until(async () => (await framesOf('a')) === 0);

	expect(await framesOf('b')).toBe(1);
	expect(await log.range('a', { ...position!, seq: 0 })).toBe('truncated');
	expect(await publish('a', 'created', 2)).toMatchObject({
		position: { epoch: position!.epoch, seq: 2 }
	});
});
