/** SQL over the connections of a pool. */

import type { Pool, PoolClient, QueryResultRow } from 'pg';

/** Runs SQL and has its rows. */
export type Query = <Row extends QueryResultRow = QueryResultRow>(
	sql: string,
	values?: readonly unknown[]
) => Promise<Row[]>;

export function queryOf(of: Pick<PoolClient, 'query'>): Query {
	return async <Row extends QueryResultRow>(sql: string, values: readonly unknown[] = []) =>
		(await of.query<Row>(sql, [...values])).rows;
}

/** Runs work in one transaction, over one connection; rolled back where it throws. */
export async function inTransaction<T>(pool: Pool, work: (query: Query) => Promise<T>): Promise<T> {
	const own = await pool.connect();
	let broken: Error | undefined;
	try {
		await own.query('begin');
		const result = await work(queryOf(own));
		await own.query('commit');
		return result;
	} catch (error) {
		// Of a connection that cannot roll back nobody knows what it is in.
		await own.query('rollback').catch((failed: Error) => (broken = failed));
		throw error;
	} finally {
		own.release(broken);
	}
}
