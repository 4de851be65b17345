/** Jobs: work that is put into the database and done by some instance, at least once. */

import { definePlugin, isLiveError, RealtimeError, type Plugin } from 'svelte-realtime/kernel';
import type {} from 'svelte-realtime/plugins/postgres';
import { checkCount, checkOption, checkTime } from '../checks.ts';
import { withTables, type WithTables } from '../postgres-tables.ts';
import { jobStore, type JobState } from './store.ts';
import { CHANNEL, TABLES } from './tables.ts';
import { Worker, type Handler, type JobHandler } from './worker.ts';

export type { JobState } from './store.ts';
export type { Job, JobHandler } from './worker.ts';

export interface JobsOptions {
	/** What does jobs, by their name; others are left to instances that have it. */
	handlers?: Readonly<
		Record<string, JobHandler<any> | (HandlerOptions & { handle: JobHandler<any> })>
	>;
	/** Jobs that this instance runs at once. @default 10 */
	concurrency?: number;
	/** Milliseconds after which the job of an instance that has ended is begun again. @default 30000 */
	lease?: number;
	/** Milliseconds after which an instance looks for jobs, woken or not. @default 5000 */
	check?: number;
	/** Milliseconds that jobs are kept that are dead, or done and have a key. @default 7 days */
	retention?: number;
}

export interface HandlerOptions {
	/** Attempts at a job; after the last one it is `dead`. @default 5 */
	attempts?: number;
	/** Milliseconds that an attempt may take; then its signal aborts, and it has failed. @default 15 minutes */
	timeout?: number;
	/**
	 * Milliseconds from an attempt that has failed to the next one; false = there is none.
	 *
	 * @default 1 s after the first one, twice as much after each further one, at most 1 minute
	 */
	backoff?: (attempt: number, error: unknown) => number | false;
}

export interface EnqueueOptions {
	/** Of jobs of one name with one key there is one, until `retention` has passed since it was done. */
	key?: string;
	/** Milliseconds before which it is not begun. @default 0 */
	delay?: number;
	/** Attempts at it. @default those of its handler */
	attempts?: number;
	/** Runs the SQL, where it is to be part of a transaction of the app's own. */
	query?: (sql: string, values: unknown[]) => PromiseLike<{ rows: unknown[] }>;
}

/** A job as somebody looks at it. */
export interface JobRecord {
	readonly id: string;
	readonly name: string;
	readonly key: string | null;
	readonly payload: unknown;
	readonly state: JobState;
	readonly attempts: number;
	/** What the latest attempt has failed with. */
	readonly error: string | null;
	readonly at: Date;
}

/** Work that some instance does, at least once: doing it twice must do no harm. */
export interface Jobs {
	/**
	 * Puts a job in. In SQL: `select realtime.enqueue('mail', '{"to":"ada"}')`, in any transaction.
	 *
	 * @returns its id; of a key that there has been, that of its job.
	 * @throws {LiveError} SERVICE_UNAVAILABLE.
	 */
	enqueue(name: string, payload?: unknown, options?: EnqueueOptions): Promise<string>;
	/** Does jobs of a name on this instance from now on; the result ends it. */
	handle<Payload>(name: string, handler: JobHandler<Payload>, options?: HandlerOptions): () => void;
	/** Jobs as they are, newest first; those of `dead` are dead letters. */
	list(which?: { name?: string; state?: JobState; limit?: number }): Promise<JobRecord[]>;
	/** Lets a dead or done job be done again, with all its attempts. @returns whether there was one. */
	retry(id: string): Promise<boolean>;
	/** Jobs that this instance runs at the moment. */
	readonly running: number;
}

declare module 'svelte-realtime/kernel' {
	interface Capabilities {
		jobs: Jobs;
	}
}

/** Milliseconds between two times that old jobs are deleted, at most. */
const TRIM = 60_000;

/**
 * Does jobs out of Postgres: each is claimed by one instance, renewed while it runs, tried again when
 * it fails or its instance ends, and a dead letter after its last attempt.
 *
 * @throws {RealtimeError} RT_OPTION_INVALID
 * @example jobs({ handlers: { mail: ({ payload, signal }) => send(payload, signal) } })
 */
export function jobs(options: JobsOptions = {}): WithTables<Plugin<'postgres', 'jobs'>> {
	const { handlers = {}, concurrency = 10, lease = 30_000, check = 5000 } = options;
	const { retention = 7 * 24 * 60 * 60 * 1000 } = options;
	checkCount('concurrency', 'jobs()', concurrency);
	checkTime('lease', 'jobs()', lease, 100);
	checkTime('check', 'jobs()', check, 10);
	const isTime = Number.isFinite(retention) && retention >= 0;
	checkOption(isTime, 'retention', 'jobs()', retention, 'a number of milliseconds from 0');
	const given = Object.entries(handlers).map(([name, one]) => {
		const { handle, ...more } = typeof one === 'function' ? { handle: one } : one;
		return [name, handlerOf(name, handle, more)] as const;
	});

	const plugin = definePlugin({
		name: 'jobs',
		requires: ['postgres'],
		provides: ['jobs'],
		async setup(kernel) {
			const postgres = kernel.use('postgres');
			const { schema } = postgres;
			await postgres.migrate(TABLES);
			const store = jobStore(postgres);
			const worker = new Worker({
				store,
				clock: kernel.clock,
				concurrency,
				lease,
				check,
				dead({ id, name, attempts }, cause) {
					kernel.report(new RealtimeError('RT_JOB_DEAD', [id, name, attempts], { cause }));
				},
				report: kernel.report
			});
			const link = postgres.connect('jobs');
			link.listen(`${postgres.prefix}${CHANNEL}`, () => worker.wake());
			link.onUp(() => worker.wake());
			await link.tried;
			const cancelTrim = kernel.clock.every(Math.min(TRIM, Math.max(check, retention / 10)), () => {
				store.trim(retention).catch((error: unknown) => {
					if (!isLiveError(error)) kernel.report(error);
				});
			});

			kernel.provide('jobs', {
				async enqueue(name, payload, { key, delay = 0, attempts, query } = {}) {
					const due = `case when $4::float8 > 0 then clock_timestamp() + $4 * interval '1 millisecond' end`;
					const sql = `select ${schema}.enqueue($1, $2, $3, ${due}, $5) as id`;
					const json = payload === undefined ? null : JSON.stringify(payload);
					const values = [name, json, key ?? null, delay, attempts ?? null];
					const rows = query
						? (await query(sql, values)).rows
						: await postgres.run('jobs', (run) => run(sql, values));
					return (rows[0] as { id: string }).id;
				},
				handle: (name, handler, more = {}) => worker.handle(name, handlerOf(name, handler, more)),
				list: ({ name = null, state = null, limit = 100 } = {}) =>
					postgres.run('jobs', (query) =>
						query<JobRecord>(
							`select id, name, key, payload, state, attempts, error, at from ${schema}.jobs
							where ($1::text is null or name = $1) and ($2::text is null or state = $2)
							order by id desc limit $3`,
							[name, state, limit]
						)
					),
				retry: (id) =>
					postgres.run('jobs', async (query) => {
						const rows = await query(
							`update ${schema}.jobs set state = 'waiting', due = clock_timestamp(), attempts = 0,
								changed = clock_timestamp()
							where id = $1 and state in ('dead', 'done') returning pg_notify($2, '')`,
							[id, `${postgres.prefix}${CHANNEL}`]
						);
						return rows.length > 0;
					}),
				get running() {
					return worker.running;
				}
			});
			// Jobs publish, and use what other plugins provide: all of it is there.
			kernel.hook('ready', () => {
				for (const [name, handler] of given) worker.handle(name, handler);
			});
			kernel.hook('shutdown', ({ deadline }) => {
				cancelTrim();
				return worker.close(deadline);
			});
		}
	});
	return withTables(plugin, TABLES);
}

/** @throws {RealtimeError} RT_OPTION_INVALID */
function handlerOf(
	name: string,
	handle: JobHandler<any>,
	{ attempts = 5, timeout = 15 * 60_000, backoff = doubling }: HandlerOptions
): Handler {
	const owner = `the jobs ${JSON.stringify(name)}`;
	checkOption(typeof handle === 'function', 'handle', owner, handle, 'a function');
	checkCount('attempts', owner, attempts);
	checkTime('timeout', owner, timeout, 1);
	checkOption(typeof backoff === 'function', 'backoff', owner, backoff, 'a function');
	return { handle, attempts, timeout, backoff };
}

function doubling(attempt: number): number {
	return Math.min(1000 * 2 ** (attempt - 1), 60_000);
}
