/** Tables and functions that plugins keep in Postgres, made in steps. */

import type { Plugin } from 'svelte-realtime/kernel';

/** What one plugin has in Postgres. */
export interface Migration {
	/** The plugin. */
	readonly name: string;
	/**
	 * SQL of each step, which is run once and in this order. A step that was published is not changed
	 * any more: what it has to be else is another step.
	 *
	 * @param schema Its name, quoted.
	 */
	readonly steps: readonly ((schema: string) => string)[];
}

/** A plugin that has tables in Postgres. */
export type WithTables<Of extends Plugin> = Of & { readonly tables: Migration };

export function withTables<Of extends Plugin>(plugin: Of, tables: Migration): WithTables<Of> {
	return { ...plugin, tables };
}

/** A name as it is written in SQL. */
export function quoted(name: string): string {
	return `"${name.replaceAll('"', '""')}"`;
}

/** Text as it is written in SQL. */
export function literal(text: string): string {
	return `'${text.replaceAll("'", "''")}'`;
}
