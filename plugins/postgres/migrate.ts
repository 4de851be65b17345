/** Makes the tables of plugins: once, whoever else makes them at the same time. */

import type { ClientBase } from 'pg';
import { RealtimeError, type Plugin } from 'svelte-realtime/kernel';
import { literal, quoted, type Migration } from '../postgres-tables.ts';

/** Any number, the same for all who migrate one database. */
const LOCK = 7_245_201;

/** Steps of a plugin that a schema has had. */
export async function versionOf(
	client: ClientBase,
	schema: string,
	{ name }: Migration
): Promise<number> {
	// Not by to_regclass(): it looks into what the connection remembers, which may be from before.
	const found = await client.query<{ is: boolean }>(
		"select exists (select from pg_tables where schemaname = $1 and tablename = 'migrations') as is",
		[schema]
	);
	if (!found.rows[0]!.is) return 0;
	const { rows } = await client.query<{ version: number }>(
		`select version from ${quoted(schema)}.migrations where name = $1`,
		[name]
	);
	return rows[0]?.version ?? 0;
}

/**
 * Brings the tables of a plugin up to date. Of instances that boot together one does, and the others
 * wait for it.
 */
export async function migrate(
	client: ClientBase,
	schema: string,
	migration: Migration
): Promise<void> {
	const { steps } = migration;
	// Who may read and write, and not make tables, can boot where they are there.
	if ((await versionOf(client, schema, migration)) >= steps.length) return;
	await client.query('begin');
	try {
		await client.query('set local statement_timeout = 0; set local lock_timeout = 0');
		await client.query('select pg_advisory_xact_lock($1)', [LOCK]);
		const version = await versionOf(client, schema, migration);
		if (version < steps.length) await client.query(sqlOf(schema, migration, version));
		await client.query('commit');
	} catch (error) {
		await client.query('rollback');
		throw error;
	}
}

/** @throws {RealtimeError} RT_POSTGRES_TABLES where a plugin's tables are not up to date. */
export async function checkTables(
	client: ClientBase,
	schema: string,
	migration: Migration
): Promise<void> {
	const version = await versionOf(client, schema, migration);
	if (version >= migration.steps.length) return;
	const slots = [migration.name, schema, version, migration.steps.length];
	throw new RealtimeError('RT_POSTGRES_TABLES', slots);
}

/** The SQL of the steps from a version on. */
function sqlOf(schema: string, { name, steps }: Migration, from: number): string {
	const own = quoted(schema);
	return [
		// Asking for a schema that is there takes the right to make one.
		`do $$ begin if to_regnamespace(${literal(own)}) is null then create schema ${own}; end if; end $$;`,
		`create table if not exists ${own}.migrations (name text primary key, version int not null);`,
		...steps.slice(from).map((step) => step(own).trim()),
		`insert into ${own}.migrations values (${literal(name)}, ${steps.length})
	on conflict (name) do update set version = excluded.version;`
	].join('\n\n');
}

/**
 * The SQL that makes what the plugins of a list keep in Postgres, for those who run it by hand, with
 * `postgres({ migrate: false })`. It is for an empty database; of one that has tables `from` says the
 * steps that they have had, as the table `migrations` of the schema does.
 *
 * @param options.schema @default 'realtime'
 * @example console.log(migrations([postgresNotify(), jobs()]));
 */
export function migrations(
	plugins: readonly Plugin[],
	options: { schema?: string; from?: Readonly<Record<string, number>> } = {}
): string {
	const { schema = 'realtime', from = {} } = options;
	const parts: string[] = [];
	for (const { tables } of plugins as readonly { readonly tables?: Migration }[]) {
		const version = tables && (from[tables.name] ?? 0);
		if (tables && version! < tables.steps.length) parts.push(sqlOf(schema, tables, version!));
	}
	return `begin;\n\n${parts.join('\n\n')}\n\ncommit;\n`;
}
