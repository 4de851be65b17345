import { fileURLToPath } from 'node:url';
import { Client } from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import {
	createKernel,
	definePlugin,
	systemClock,
	type Clock,
	type Plugin
} from 'svelte-realtime/kernel';
import { postgres } from 'svelte-realtime/plugins/postgres';
import {
	postgresNotify,
	type PostgresNotifyOptions
} from 'svelte-realtime/plugins/postgres-notify';
import { postgresReplay } from 'svelte-realtime/plugins/postgres-replay';
import { replay } from 'svelte-realtime/plugins/replay';
import { fakeTransport } from 'svelte-realtime/testing';
import { crud } from '../../plugins/streams/merge/crud.ts';
import { createList } from '../../plugins/streams/merge/list.ts';
import { seeded, seedOf, type Random } from '../kernel/random.ts';
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

/** What an instance delivered. */
interface Delivered {
	readonly topic: string;
	readonly event: string;
	readonly data: unknown;
}

/** An instance of an app with the bridge. */
async function start(
	schema: string,
	options: PostgresNotifyOptions = {},
	more: Plugin[] = [],
	clock: Clock = systemClock
) {
	const errors: unknown[] = [];
	const delivered: Delivered[] = [];
	const recorder = definePlugin({
		name: 'recorder',
		setup: (kernel) =>
			void kernel.hook('published', ({ topic, event, data }) => {
				delivered.push({ topic, event, data });
			})
	});
	const kernel = createKernel({
		plugins: [
			postgres({ url: server.url, schema, connections: 2 }),
			postgresNotify(options),
			replay(),
			recorder,
			...more
		],
		transport: fakeTransport(),
		clock,
		report: (_plugin, error) => errors.push(error)
	});
	await kernel.start();
	const instance = {
		kernel,
		errors,
		delivered,
		data: () => delivered.map(({ data }) => data),
		bridge: kernel.find('postgres.bridge')!,
		shutdown: () => kernel.shutdown()
	};
	instances.push(instance);
	return instance;
}

const instances: { shutdown(): Promise<void> }[] = [];
const clients: Client[] = [];
afterEach(async () => {
	await Promise.all(instances.splice(0).map((instance) => instance.shutdown()));
	await Promise.all(clients.splice(0).map((client) => client.end()));
	await killChildren();
});

const freshSchema = (): string => `test${(schemas += 1)}`;

/** A connection of the app's own. */
async function connect(): Promise<Client> {
	const client = new Client({ connectionString: server.url });
	client.on('error', () => {});
	await client.connect();
	clients.push(client);
	return client;
}

const upTo = (last: number): number[] => Array.from({ length: last }, (_, index) => index + 1);

test('of a transaction that commits everything is published, of one that is rolled back nothing', async () => {
	const schema = freshSchema();
	const { delivered } = await start(schema);
	const client = await connect();
	const publish = (n: number): Promise<unknown> =>
		client.query(`select ${schema}.publish('a', 'created', $1)`, [JSON.stringify({ n })]);

	await client.query('begin');
	await publish(1);
	await client.query('rollback');
	await client.query('begin');
	await publish(2);
	await client.query('savepoint here');
	await publish(3);
	await client.query('rollback to here');
	await publish(4);
	await client.query('commit');
	await until(() => delivered.length === 2);

	expect(delivered).toEqual([
		{ topic: 'a', event: 'created', data: { n: 2 } },
		{ topic: 'a', event: 'created', data: { n: 4 } }
	]);
});

test('what commits first is published first, whatever was written first', async () => {
	const schema = freshSchema();
	const { data } = await start(schema);
	const [first, second] = [await connect(), await connect()];
	const publish = (client: Client, name: string): Promise<unknown> =>
		client.query(`select ${schema}.publish('a', 'created', $1)`, [JSON.stringify(name)]);

	await first.query('begin');
	await publish(first, 'first to write');
	await publish(second, 'first to commit');
	// Nobody waits for the end of a transaction that is still open.
	await until(() => data().length === 1);
	await publish(first, 'second to write');
	await first.query('commit');
	await until(() => data().length === 3);

	expect(data()).toEqual(['first to commit', 'first to write', 'second to write']);
});

test('a transaction that is about to commit is not passed by one that is quicker to become visible', async () => {
	const schema = freshSchema();
	const { data } = await start(schema);
	const [slow, quick, holder] = [await connect(), await connect(), await connect()];
	// What the app itself does at commit, behind the numbering, and what takes its time.
	await holder.query(
		`create table slow_${schema} (n int);
		create function slow_${schema}() returns trigger language plpgsql as
			'begin perform pg_advisory_xact_lock(77); return null; end';
		create constraint trigger slow after insert on slow_${schema}
			deferrable initially deferred for each row execute function slow_${schema}();
		select pg_advisory_lock(77)`
	);
	const waiting = async (): Promise<number> =>
		(await server.query(`select from pg_locks where locktype = 'advisory' and not granted`)).length;

	await slow.query('begin');
	await slow.query(`select ${schema}.publish('a', 'created', '"numbered first"')`);
	await slow.query(`insert into slow_${schema} values (1)`);
	const first = slow.query('commit');
	await until(async () => (await waiting()) === 1);
	let isDone = false;
	const second = quick.query(`select ${schema}.publish('a', 'created', '"quick"')`);
	void second.then(() => (isDone = true));
	await until(async () => isDone || (await waiting()) === 2);
	if (isDone) await until(() => data().length > 0);
	await holder.query('select pg_advisory_unlock(77)');
	await Promise.all([first, second]);
	await until(() => data().length === 2);

	expect(data()).toEqual(['numbered first', 'quick']);
});

test('rows of any size are published whole, and written without an error', async () => {
	const schema = freshSchema();
	const { data } = await start(schema);
	const sizes = [7_999, 8_000, 9_000, 300_000];

	for (const size of sizes) {
		const sql = `select ${schema}.publish('a', 'created', to_jsonb(repeat('ü', ${size})))`;
		await server.query(sql);
	}
	await until(() => data().length === sizes.length);

	expect(data()).toEqual(sizes.map((size) => 'ü'.repeat(size)));
});

describe('with two instances', () => {
	const sharing = (schema: string) =>
		Promise.all([1, 2].map(() => start(schema, { check: 200 }, [postgresReplay()])));
	type Instance = Awaited<ReturnType<typeof start>>;
	/** Publishes numbers in transactions of a few. */
	async function publishMany(schema: string, from: number, count: number): Promise<void> {
		const client = await connect();
		for (let n = from; n < from + count; n += 5) {
			const five = `generate_series($1::int, $1::int + 4)`;
			await client.query(
				`select ${schema}.publish('a', 'created', to_jsonb(n)) from ${five} as n`,
				[n]
			);
		}
	}
	/** Ends the connection of whoever reads. @returns whether somebody did. */
	async function cut(client: Client, schema: string): Promise<boolean> {
		await client.query('select pg_sleep(0.01)');
		const { rowCount } = await client.query(
			`select pg_terminate_backend(pid) from pg_locks
			where locktype = 'advisory' and classid = 7245203 and objid = '${schema}.events'::regclass`
		);
		return rowCount! > 0;
	}
	const followBoth = (all: readonly Instance[]): Promise<unknown> =>
		Promise.all(all.map(({ kernel }) => kernel.find('replay')!.follow('a')));

	test('one of them reads, and both deliver all of it, once', async () => {
		const schema = freshSchema();
		const all = await sharing(schema);
		await followBoth(all);
		await until(() => all.some(({ bridge }) => bridge.isReading));

		await publishMany(schema, 1, 100);
		await until(() => all.every(({ delivered }) => delivered.length >= 100));

		expect(all.filter(({ bridge }) => bridge.isReading)).toHaveLength(1);
		for (const { data } of all) expect(data()).toEqual(upTo(100));
	});

	test('whose reader is cut off again and again under load, nothing is missing and nothing is twice', async () => {
		const schema = freshSchema();
		const all = await sharing(schema);
		await followBoth(all);
		let isDone = false;
		let cuts = 0;

		const client = await connect();
		const cutting = (async () => {
			while (!isDone) if (await cut(client, schema)) cuts += 1;
		})();
		let count = 0;
		while (count < 200 || cuts < 3) {
			await publishMany(schema, count + 1, 20);
			count += 20;
		}
		isDone = true;
		await cutting;
		await until(() => all.every(({ delivered }) => delivered.length >= count));

		for (const { data } of all) expect(data()).toEqual(upTo(count));
		await until(() => all.filter(({ bridge }) => bridge.isReading).length === 1);
	});

	test('what one has published and could not note, the other one does not publish again', async () => {
		const schema = freshSchema();
		const all = await sharing(schema);
		await followBoth(all);
		await until(() => all.some(({ bridge }) => bridge.isReading));
		const reading = all.find(({ bridge }) => bridge.isReading)!;
		const other = all.find((each) => each !== reading)!;
		const client = await connect();
		await client.query('begin');
		await client.query(`select from ${schema}.readers for update`);

		await publishMany(schema, 1, 5);
		await until(() => all.every(({ delivered }) => delivered.length === 5));
		const cutter = await connect();
		while (!other.bridge.isReading) await cut(cutter, schema);
		await client.query('rollback');
		await publishMany(schema, 6, 5);
		await until(() => all.every(({ delivered }) => delivered.length >= 10));

		for (const { data } of all) expect(data()).toEqual(upTo(10));
	});

	test('of which the one that reads goes away, the other goes on from there', async () => {
		const schema = freshSchema();
		const all = await sharing(schema);
		await followBoth(all);
		await publishMany(schema, 1, 50);
		await until(() => all.every(({ delivered }) => delivered.length === 50));

		const reading = all.find(({ bridge }) => bridge.isReading)!;
		const other = all.find((each) => each !== reading)!;
		await reading.shutdown();
		await publishMany(schema, 51, 50);
		await until(() => other.delivered.length === 100);

		expect(other.data()).toEqual(upTo(100));
	});
});

test('a reader that is killed under load is taken over from, and one that stands still is ended: nothing is missing or twice', async () => {
	const schema = freshSchema();
	const file = fileURLToPath(new URL('../servers/postgres-instance.ts', import.meta.url));
	const options = { url: server.url, schema, check: 200, lease: 30_000 };
	const startReader = async () => {
		const child = await startChild<PostgresInstanceMessage>(file, options);
		await until(() => child.said.some(({ type }) => type === 'reading'));
		return child;
	};
	const killed = await startReader();
	const here = await start(schema, { check: 200 }, [postgresReplay()]);
	await here.kernel.find('replay')!.follow('a');
	const client = await connect();
	const publish = async (from: number, count: number): Promise<void> => {
		for (let n = from; n < from + count; n += 1) {
			await client.query(`select ${schema}.publish('a', 'created', '${n}'), pg_sleep(0.002)`);
		}
	};

	const first = publish(1, 60);
	await until(() => here.delivered.length > 10);
	await killed.kill();
	await first;
	await until(() => here.delivered.length >= 60);
	await here.shutdown();
	const frozen = await startReader();
	const last = await start(schema, { check: 200 }, [postgresReplay()]);
	await last.kernel.find('replay')!.follow('a');
	const second = publish(61, 60);
	await until(() => last.delivered.length > 10);
	frozen.freeze();
	await second;
	await until(() => last.delivered.length >= 60);
	frozen.thaw();
	await publish(121, 10);
	await until(() => last.delivered.length >= 70);

	expect([...here.data(), ...last.data()]).toEqual(upTo(130));
});

test('what was committed while Postgres or all instances were away is published afterwards, once', async () => {
	const schema = freshSchema();
	const first = await start(schema, {}, [postgresReplay()]);
	const publish = (n: number): Promise<unknown> =>
		server.query(`select ${schema}.publish('a', 'created', $1)`, [JSON.stringify(n)]);
	await publish(1);
	await until(() => first.delivered.length === 1);
	await first.shutdown();

	await publish(2);
	const second = await start(schema, {}, [postgresReplay()]);
	await until(() => second.delivered.length === 1);
	await server.restart();
	await publish(3);
	await until(() => second.delivered.length === 2);

	expect(second.data()).toEqual([2, 3]);
});

describe('a watched table', () => {
	/** A schema, and a table of its own whose changes go to the topic `items`. */
	async function watched(columns: string, ...more: readonly string[]) {
		const schema = freshSchema();
		const instance = await start(schema);
		const table = `items_of_${schema}`;
		await server.query(`create table ${table} (${columns})`);
		const rest = more.map((each) => `, ${each}`).join('');
		await server.query(`select ${schema}.watch('${table}', 'items'${rest})`);
		return { ...instance, schema, table };
	}

	test('publishes what is created, updated and deleted, by the key of the row', async () => {
		const { delivered, table } = await watched('id int primary key, name text');

		await server.query(`insert into ${table} values (1, 'a'), (2, 'b')`);
		await server.query(`update ${table} set name = 'c' where id = 2`);
		await server.query(`update ${table} set name = name`);
		await server.query(`update ${table} set id = 3 where id = 2`);
		await server.query(`delete from ${table} where id = 1`);
		await server.query(`truncate ${table}`);
		await until(() => delivered.length === 7);

		expect(delivered.map(({ event, data }) => [event, data])).toEqual([
			['created', { id: 1, name: 'a' }],
			['created', { id: 2, name: 'b' }],
			['updated', { id: 2, name: 'c' }],
			['deleted', { id: 2 }],
			['created', { id: 3, name: 'c' }],
			['deleted', { id: 1 }],
			['deleted', { id: 3 }]
		]);
	});

	test('publishes the columns that are named, and nothing when others change', async () => {
		const { delivered, table } = await watched(
			'slug text primary key, secret text, title text',
			`key => 'slug'`,
			`columns => array['slug', 'title']`
		);

		await server.query(`insert into ${table} values ('x', 'hush', 'one')`);
		await server.query(`update ${table} set secret = 'other'`);
		await server.query(`update ${table} set title = 'two'`);
		await until(() => delivered.length === 2);

		expect(delivered.map(({ data }) => data)).toEqual([
			{ slug: 'x', title: 'one' },
			{ slug: 'x', title: 'two' }
		]);
	});

	test('has a topic for each value of a column, and a row that changes it moves', async () => {
		const schema = freshSchema();
		const { delivered } = await start(schema);
		const table = `tasks_of_${schema}`;
		await server.query(`create table ${table} (id int primary key, list int)`);
		await server.query(`select ${schema}.watch('${table}', 'tasks:{list}')`);

		await server.query(`insert into ${table} values (1, 7), (2, null)`);
		await server.query(`update ${table} set list = 8 where id = 1`);
		await until(() => delivered.length === 3);

		// Topics have an order each.
		const of = (wanted: string): unknown[] =>
			delivered.filter(({ topic }) => topic === wanted).map(({ event, data }) => [event, data]);
		expect(of('tasks:7')).toEqual([
			['created', { id: 1, list: 7 }],
			['deleted', { id: 1 }]
		]);
		expect(of('tasks:8')).toEqual([['created', { id: 1, list: 8 }]]);
	});

	test('is refused by a column that it has not got, and watched no more when it is let go', async () => {
		const { delivered, schema, table } = await watched('id int primary key');
		const watch = (...args: readonly string[]): Promise<unknown> =>
			server.query(`select ${schema}.watch('${table}', ${args.join(', ')})`);

		await expect(watch(`'a'`, `'uid'`)).rejects.toThrow('has no column uid');
		await expect(watch(`'a:{list}'`)).rejects.toThrow('has no column list');
		await expect(watch(`'a'`, `'id'`, `array['name']`)).rejects.toThrow('has no column name');
		await server.query(`select ${schema}.unwatch('${table}', 'items')`);
		await server.query(`insert into ${table} values (1)`);
		await server.query(`select ${schema}.publish('a', 'created', '1')`);
		await until(() => delivered.length > 0);

		expect(delivered).toEqual([{ topic: 'a', event: 'created', data: 1 }]);
	});

	/** Transactions of one writer, at random but the same each time; some of them are rolled back. */
	async function write(table: string, seed: number, random: Random): Promise<void> {
		const client = await connect();
		const { below } = random;
		for (let i = 0; i < 25; i += 1) {
			try {
				await client.query('begin');
				for (let j = below(4); j >= 0; j -= 1) {
					const [id, value] = [below(20), `${seed}.${i}.${j}`];
					const statement = [
						`insert into ${table} values (${id}, '${value}') on conflict do nothing`,
						`update ${table} set value = '${value}' where id = ${id}`,
						`update ${table} set value = '${value}' where id = ${id}`,
						`delete from ${table} where id = ${id}`
					][below(4)]!;
					await client.query(statement);
					await client.query(`select pg_sleep(${random() / 300})`);
				}
				await client.query(random.chance(0.3) ? 'rollback' : 'commit');
			} catch {
				// Two that wait for one another: Postgres has ended one of them.
				await client.query('rollback');
			}
		}
	}

	test('and what a client makes of it are the same, with eight writers that sleep and roll back', async () => {
		const { kernel, table } = await watched('id int primary key, value text');
		const history = kernel.find('replay')!;
		/** Begins as a stream does: its position first, then what is there, then what came after. */
		async function page() {
			const tail = await history.follow('items');
			const position = tail.head();
			const rows = await server.query(`select * from ${table}`);
			return () => {
				const list = createList(rows, { merge: 'crud', key: 'id', max: 0, prepend: false });
				const entries = tail.since(position);
				if (typeof entries === 'string') throw new Error(entries);
				for (const { event, value } of entries) crud(list, event, JSON.parse(value.json!));
				return (list.read() as { id: number }[]).toSorted((one, other) => one.id - other.id);
			};
		}
		const pages = [await page()];

		const writers = upTo(8).map((seed) => write(table, seed, seeded(seedOf(1) * 100 + seed)));
		for (let n = 0; n < 5; n += 1) {
			await server.query('select pg_sleep(0.05)');
			pages.push(await page());
		}
		await Promise.all(writers);
		const rows = await server.query(`select * from ${table} order by id`);
		await server.query(`insert into ${table} values (1000, 'last')`);
		await until(() => (pages[0]!().at(-1) as { id: number }).id === 1000);

		expect(rows.length).toBeGreaterThan(3);
		for (const state of pages) expect(state()).toEqual([...rows, { id: 1000, value: 'last' }]);
	});
});

describe('channels of plain NOTIFY', () => {
	test('are published, as JSON or as a function reads them', async () => {
		const { delivered, errors } = await start(freshSchema(), {
			channels: {
				plain: true,
				'With Capitals': (payload) =>
					payload === '' ? undefined : { topic: 'b', event: 'set', data: payload.length }
			}
		});
		const notify = (channel: string, payload: string): Promise<unknown> =>
			server.query('select pg_notify($1, $2)', [channel, payload]);

		await notify('plain', '{"topic":"a","event":"created","data":{"n":1}}');
		await notify('With Capitals', '');
		await notify('With Capitals', 'four');
		await notify('plain', 'garbage');
		await notify('plain', '{"topic":"a"}');
		await notify('plain', '{"topic":"a","event":"deleted"}');
		await until(() => delivered.length === 3);

		expect(delivered).toEqual([
			{ topic: 'a', event: 'created', data: { n: 1 } },
			{ topic: 'b', event: 'set', data: 4 },
			{ topic: 'a', event: 'deleted', data: undefined }
		]);
		expect(errors).toHaveLength(2);
	});
});

test('what can never be published is said, and holds nobody up', async () => {
	const schema = freshSchema();
	const { delivered, errors } = await start(schema);

	await server.query(`select ${schema}.publish(repeat('x', 5000), 'created', '1')`);
	await server.query(`select ${schema}.publish('a', 'created', '2')`);
	await until(() => delivered.length === 1);

	expect(errors).toEqual([expect.objectContaining({ code: 'RT_POSTGRES_EVENT' })]);
});

test('events are kept for as long as is said, and not those that are still to be published', async () => {
	const schema = freshSchema();
	const { delivered } = await start(schema, { retention: 0, check: 50 });
	const publish = (n: number): Promise<unknown> =>
		server.query(`select ${schema}.publish('a', 'created', $1)`, [JSON.stringify(n)]);
	const kept = async (): Promise<number> =>
		Number((await server.query<{ n: string }>(`select count(*) as n from ${schema}.events`))[0]!.n);
	const client = await connect();
	await client.query('begin');
	await client.query(`select ${schema}.publish('a', 'created', '1')`);
	await publish(2);

	await until(async () => delivered.length === 1 && (await kept()) === 0);
	await client.query('commit');
	await until(async () => delivered.length === 2 && (await kept()) === 0);
});

test('a reader that has stood still in the middle of a batch leaves the rest of it to who came after', async () => {
	const schema = freshSchema();
	let late = 0;
	let fail = (): void => {};
	const held = new Promise<never>((_, reject) => (fail = () => reject(new Error('held'))));
	let isHeld = false;
	const holder = definePlugin({
		name: 'holder',
		setup: (kernel) =>
			void kernel.hook(
				'publish',
				(ctx) => {
					if (ctx.data !== 1) return;
					isHeld = true;
					return ctx.defer(held);
				},
				{ order: 'pre' }
			)
	});
	const clock: Clock = { ...systemClock, now: () => systemClock.now() + late };
	const { data } = await start(schema, { check: 500 }, [holder], clock);
	await server.query(
		`select ${schema}.publish('a', 'created', to_jsonb(n)) from generate_series(1, 3) as n`
	);
	await until(() => isHeld);

	// It stands still for a minute, and another one reads on.
	late = 60_000;
	await server.query(`update ${schema}.readers set number = 3`);
	fail();
	await server.query(`select ${schema}.publish('a', 'created', '4')`);
	await until(() => data().length > 0);

	expect(data()).toEqual([4]);
});
