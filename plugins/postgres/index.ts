/** Postgres: the connections that other plugins keep their state by, and the tables that they need. */

import type { ClientConfig } from 'pg';
import { definePlugin, RealtimeError, type Plugin } from 'svelte-realtime/kernel';
import type { HealthDetails } from 'svelte-realtime/plugins/health';
import { checkCount, checkOption, checkTime } from '../checks.ts';
import { optionalPackage } from '../optional-package.ts';
import { isOutage } from '../postgres-failures.ts';
import { quoted, type Migration } from '../postgres-tables.ts';
import { createLink, type Link } from './link.ts';
import { Making } from './making.ts';
import { checkTables, migrate } from './migrate.ts';
import { createOperations } from './operations.ts';
import { inTransaction, queryOf, type Query } from './pool.ts';

export { migrations } from './migrate.ts';
export type { Link } from './link.ts';
export type { Query } from './pool.ts';
export type { Migration } from '../postgres-tables.ts';

export interface PostgresOptions {
	/**
	 * Where Postgres is: `postgres://user:password@host:port/database`, `?sslmode=require` for TLS.
	 *
	 * @default POSTGRES_URL of the environment, else DATABASE_URL, else postgres://127.0.0.1:5432/postgres
	 */
	url?: string;
	/** The schema of all tables and functions: two apps in one database have two. @default 'realtime' */
	schema?: string;
	/** Connections for work that is answered at once; listeners have their own. @default 10 */
	connections?: number;
	/** Milliseconds that connecting may take, and a statement. @default 5000 */
	timeout?: number;
	/** Failures in a row after which a class of operations is left alone. @default 5 */
	failures?: number;
	/** Milliseconds for which it is, before Postgres is asked whether it serves again. @default 30,000 */
	resetAfter?: number;
	/**
	 * Whether plugins make their tables; else `migrations()` says the SQL, and booting without them is an
	 * error. @default true
	 */
	migrate?: boolean;
	/** Further options of pg, as for TLS. */
	client?: ClientConfig;
}

/** Postgres as other plugins use it. */
export interface PostgresBackend {
	/** Its name, quoted, for SQL. */
	readonly schema: string;
	/** Begins the names of channels: those of two schemas differ. */
	readonly prefix: string;
	/**
	 * Runs SQL of a class of operations, behind its breaker: each class fails for itself.
	 *
	 * @param operation What it is for, as `jobs`.
	 * @throws {LiveError} SERVICE_UNAVAILABLE where Postgres cannot serve, at once while the breaker is
	 * open; `cause` is what was answered. Else what Postgres answers.
	 */
	run<T>(operation: string, work: (query: Query) => Promise<T>): Promise<T>;
	/** Runs work in one transaction, over one connection; rolled back where it throws. */
	transaction<T>(operation: string, work: (query: Query) => Promise<T>): Promise<T>;
	/**
	 * Makes the tables of a plugin. Where Postgres is not there they are made before the first work that
	 * is run when it is.
	 *
	 * @throws {RealtimeError} RT_POSTGRES_TABLES; what Postgres answers to the SQL.
	 */
	migrate(migration: Migration): Promise<void>;
	/**
	 * Makes a connection of a plugin's own, to listen by; it is closed with this plugin.
	 *
	 * @param purpose Part of its name in pg_stat_activity.
	 */
	connect(purpose: string): Link;
}

declare module 'svelte-realtime/kernel' {
	interface Capabilities {
		postgres: PostgresBackend;
	}
}

/** Milliseconds that connections have to end when the server does. */
const FAREWELL = 1000;
const NOWHERE = 'postgres://127.0.0.1:5432/postgres';

/**
 * Connects to Postgres 13 or later. While it is down work fails at once, and what the plugins that
 * use it do then is theirs to say. Needs the package `pg`.
 *
 * @throws {RealtimeError} RT_OPTION_INVALID; RT_PACKAGE_MISSING when the app starts.
 */
export function postgres(options: PostgresOptions = {}): Plugin<never, 'postgres'> {
	const { schema = 'realtime', connections = 10, timeout = 5000, client = {} } = options;
	const { failures = 5, resetAfter = 30_000 } = options;
	const { POSTGRES_URL, DATABASE_URL } = process.env;
	const url = options.url ?? POSTGRES_URL ?? DATABASE_URL ?? NOWHERE;
	// Channels have names of at most 63 bytes, and begin with it.
	const isName = typeof schema === 'string' && /^(?!pg_)[a-z_][a-z0-9_]{0,39}$/.test(schema);
	const wanted = 'at most 40 small letters, digits and _, not beginning with pg_ or a digit';
	checkOption(isName, 'schema', 'postgres()', schema, wanted);
	checkCount('connections', 'postgres()', connections);
	checkTime('timeout', 'postgres()', timeout, 1);
	checkCount('failures', 'postgres()', failures);
	checkTime('resetAfter', 'postgres()', resetAfter);

	return definePlugin({
		name: 'postgres',
		optional: ['health'],
		provides: ['postgres'],
		async setup(kernel) {
			const { clock } = kernel;
			const driver = await optionalPackage('postgres()', 'pg', () => import('pg'));
			const config = (purpose: string): ClientConfig => ({
				...client,
				connectionString: url,
				application_name: `${schema}:${kernel.instanceId}:${purpose}`,
				connectionTimeoutMillis: timeout,
				keepAlive: true,
				keepAliveInitialDelayMillis: 10_000,
				// A server that hangs answers nothing of this itself.
				query_timeout: timeout + 500
			});
			let reported = '';
			const report = (error: unknown): void => {
				if (!isOutage(error)) return kernel.report(error);
				// One outage is one message, however many attempts it outlasts.
				const { message } = error as Error;
				if (message === reported) return;
				reported = message;
				const slots = [url.replace(/\/\/[^@/]*@/, '//'), message];
				kernel.report(new RealtimeError('RT_POSTGRES_UNREACHABLE', slots, { cause: error }));
			};
			const pool = new driver.Pool({
				...config('work'),
				max: connections,
				statement_timeout: timeout
			});
			pool.on('error', report);
			// One that is in use when it breaks says so itself, beside what was asked of it.
			pool.on('connect', (each) => void each.on('error', report));
			const making = new Making(pool, (own, migration) =>
				(options.migrate === false ? checkTables : migrate)(own, schema, migration)
			);
			const stands = (what: string, isWell: boolean, details?: HealthDetails): void =>
				kernel.find('health')?.set(`postgres:${what}`, isWell ? 'ok' : 'degraded', details);
			const operations = createOperations({
				clock,
				failures,
				resetAfter,
				probeTimeout: 2 * timeout,
				probe: () => pool.query('select 1'),
				report,
				onChange: (operation, breaker) => stands(operation, breaker === 'closed', { breaker })
			});
			const links: Link[] = [];
			function connect(purpose: string): Link {
				const link = createLink({
					driver,
					config: config(purpose),
					clock,
					silence: 10_000,
					patience: 5000,
					prepare: () => making.all(),
					report
				});
				const stand = (): void => stands(`${purpose} connection`, link.isUp);
				void link.tried.then(stand);
				link.onUp(stand);
				link.onDown(stand);
				link.onUp(() => {
					reported = '';
					operations.retry();
				});
				links.push(link);
				return link;
			}

			kernel.provide('postgres', {
				schema: quoted(schema),
				prefix: `${schema}_`,
				run: (operation, work) =>
					operations.run(operation, async () => {
						await making.all();
						return work(queryOf(pool));
					}),
				transaction: (operation, work) =>
					operations.run(operation, async () => {
						await making.all();
						return inTransaction(pool, work);
					}),
				async migrate(migration) {
					try {
						await making.add(migration);
					} catch (error) {
						if (!isOutage(error)) throw error;
						report(error);
					}
				},
				connect
			});
			kernel.hook('shutdown', async () => {
				operations.close();
				for (const link of links) link.close();
				// A server that hangs does not keep this one from ending.
				await new Promise<void>((resolve, reject) => {
					const cancel = clock.after(FAREWELL, resolve);
					pool.end().finally(cancel).then(resolve, reject);
				});
			});
		}
	});
}
