import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { createKernel, systemClock, type Clock } from 'svelte-realtime/kernel';
import { dedup } from 'svelte-realtime/plugins/dedup';
import { postgres } from 'svelte-realtime/plugins/postgres';
import { postgresIdempotency } from 'svelte-realtime/plugins/postgres-idempotency';
import type { CallStore } from 'svelte-realtime/plugins/rpc';
import { fakeTransport } from 'svelte-realtime/testing';
import { callsStoreContract } from '../contracts/calls-store.ts';
import { dedupStoreContract } from '../contracts/dedup-store.ts';
import { startDatabase, type Database } from '../servers/postgres.ts';
import { until } from '../servers/until.ts';

let database: Database;
let schemas = 0;

beforeAll(async () => {
	database = await startDatabase();
}, 240_000);
afterAll(() => database?.stop());

const running: { shutdown(): Promise<void> }[] = [];
afterEach(async () => {
	await Promise.all(running.splice(0).map((kernel) => kernel.shutdown()));
});

const freshSchema = (): string => `test${(schemas += 1)}`;

async function start(schema = freshSchema(), clock: Clock = systemClock) {
	const backend = postgres({ url: database.url, schema });
	const kernel = createKernel({
		plugins: [backend, postgresIdempotency(), dedup()],
		transport: fakeTransport(),
		clock,
		report: (_plugin, error) => {
			throw error;
		}
	});
	await kernel.start();
	running.push(kernel);
	return {
		kernel,
		schema,
		close: async () => {},
		/** As if so many milliseconds had passed for what was written. */
		async elapse(ms: number) {
			const ago = `interval '${ms} milliseconds'`;
			await database.query(`update ${schema}.claims set until = until - ${ago}`);
			await database.query(
				`update ${schema}.calls set until = until - ${ago}, held = held - ${ago}`
			);
		}
	};
}

type CallTimes = Parameters<CallStore['claim']>[2];
/** The contract's milliseconds are longer here, so that those that really pass count for nothing. */
const SCALE = 100;

dedupStoreContract('postgres', async () => {
	const { kernel, elapse, close } = await start();
	const store = kernel.find('dedup.store')!;
	return {
		store: {
			claim: (id, owner, window) => store.claim(id, owner, SCALE * window),
			done: (id, owner, window) => store.done(id, owner, SCALE * window),
			free: (id, owner) => store.free(id, owner)
		},
		elapse: (ms) => elapse(SCALE * ms),
		close
	};
});

callsStoreContract('postgres', async () => {
	const { kernel, elapse, close } = await start();
	const store = kernel.find('calls.store')!;
	const scaled = ({ lease, retention }: CallTimes): CallTimes => ({
		lease: SCALE * lease,
		retention: SCALE * retention
	});
	return {
		store: {
			claim: (call, owner, times) => store.claim(call, owner, scaled(times)),
			renew: (call, owner, times) => store.renew(call, owner, scaled(times)),
			commit: (call, owner, reply, times) => store.commit(call, owner, reply, scaled(times)),
			abort: (call, owner) => store.abort(call, owner)
		},
		elapse: (ms) => elapse(SCALE * ms),
		close
	};
});

test('what two instances are asked to do under one id, one of them does', async () => {
	const one = await start();
	const two = await start(one.schema);
	let runs = 0;
	const book = (): number => (runs += 1);

	const outcomes = await Promise.allSettled(
		[one, two, one, two].map(({ kernel }) => kernel.find('dedup')!.once('order 1', book))
	);

	expect(runs).toBe(1);
	expect(outcomes.map(({ status }) => status)).toContain('fulfilled');
});

test('an id may be of any length and any character', async () => {
	const store = (await start()).kernel.find('dedup.store')!;
	const ids = ['\u0000', 'ü'.repeat(100_000), 'x'.repeat(100_000), "'; drop table claims; --"];

	for (const id of ids) {
		expect(await store.claim(id, 'x', 1000)).toBe('first');
		expect(await store.claim(id, 'y', 1000)).toBe('running');
	}
});

test('what has ended is deleted', async () => {
	// A minute is a moment to it.
	const every: Clock['every'] = (period, task) => systemClock.every(period / 1000, task);
	const { kernel, schema, elapse } = await start(freshSchema(), { ...systemClock, every });
	const [once, calls] = [kernel.find('dedup.store')!, kernel.find('calls.store')!];
	const times = { lease: 500, retention: 1000 };
	await once.claim('old', 'x', 1000);
	await calls.claim('old', 'x', times);
	await elapse(1000);
	await once.claim('new', 'x', 60_000);
	await calls.claim('new', 'x', { ...times, retention: 60_000 });
	const kept = async (table: string): Promise<number> =>
		(await database.query(`select from ${schema}.${table}`)).length;

	await until(async () => (await kept('claims')) === 1 && (await kept('calls')) === 1);

	expect(await once.claim('new', 'y', 1000)).toBe('running');
	expect(await calls.claim('new', 'y', times)).toEqual({ state: 'running' });
});
