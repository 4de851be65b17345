/** Jobs as the database has them. */

import type { PostgresBackend } from 'svelte-realtime/plugins/postgres';

export type JobState = 'waiting' | 'running' | 'done' | 'dead';

/** A job that was claimed. */
export interface Claimed {
	readonly id: string;
	readonly name: string;
	readonly key: string | null;
	readonly payload: unknown;
	/** Attempts that were begun, this one among them. */
	readonly attempts: number;
	/** The claim: nobody ends a job without it. */
	readonly token: string;
}

/** A job that had its last attempt where somebody has ended in the middle of it. */
export type Dead = Omit<Claimed, 'token'> & { readonly token: null; readonly error: string };

/** A name that is handled here, and how often a job of it is tried. */
export interface Handled {
	readonly name: string;
	readonly attempts: number;
}

export interface JobStore {
	claim(handled: readonly Handled[], wanted: number, lease: number): Promise<(Claimed | Dead)[]>;
	/** Milliseconds until the next one is due; undefined where there is none. */
	next(names: readonly string[]): Promise<number | undefined>;
	/** Extends claims. @returns the ids of those that are still held. */
	renew(claims: readonly Claimed[], lease: number): Promise<ReadonlySet<string>>;
	/** @returns whether it was still held. */
	complete(claim: Claimed): Promise<boolean>;
	/** @param pause Milliseconds until the next attempt; null = there is none. @returns what it is now. */
	fail(
		claim: Claimed,
		message: string,
		attempts: number,
		pause: number | null
	): Promise<JobState | undefined>;
	giveBack(claims: readonly Claimed[]): Promise<void>;
	/** Forgets what is over for longer than so many milliseconds. */
	trim(retention: number): Promise<void>;
}

export function jobStore({ schema, run }: PostgresBackend): JobStore {
	const jobs = `${schema}.jobs`;
	const split = (claims: readonly Claimed[]): readonly [string[], string[]] => [
		claims.map(({ id }) => id),
		claims.map(({ token }) => token)
	];

	return {
		claim: (handled, wanted, lease) =>
			run('jobs', (query) =>
				query<Claimed | Dead>(
					`select id, name, key, payload, attempts, token, error from ${schema}.claim_jobs($1, $2, $3, $4)`,
					[handled.map(({ name }) => name), handled.map((each) => each.attempts), wanted, lease]
				)
			),
		next: (names) =>
			run('jobs', async (query) => {
				const rows = await query<{ wait: number | null }>(
					`select (extract(epoch from min(due) - clock_timestamp()) * 1000)::float8 as wait
					from ${jobs} where name = any($1) and due is not null`,
					[names]
				);
				return rows[0]!.wait ?? undefined;
			}),
		renew: (claims, lease) =>
			run('jobs', async (query) => {
				const rows = await query<{ id: string }>(
					`update ${jobs} as job set due = clock_timestamp() + $3 * interval '1 millisecond'
					from unnest($1::bigint[], $2::uuid[]) as mine (id, token)
					where job.id = mine.id and job.token = mine.token returning job.id`,
					[...split(claims), lease]
				);
				return new Set(rows.map(({ id }) => id));
			}),
		complete: ({ id, token }) =>
			run('jobs', async (query) => {
				const sql = `select ${schema}.complete_job($1, $2) as is`;
				return (await query<{ is: boolean }>(sql, [id, token]))[0]!.is;
			}),
		fail: ({ id, token }, message, attempts, pause) =>
			run('jobs', async (query) => {
				const rows = await query<{ state: JobState | null }>(
					`select ${schema}.fail_job($1, $2, $3, $4, $5) as state`,
					[id, token, message, attempts, pause]
				);
				return rows[0]!.state ?? undefined;
			}),
		giveBack: (claims) =>
			run('jobs', async (query) => {
				await query(`select ${schema}.return_jobs($1, $2)`, [...split(claims)]);
			}),
		trim: (retention) =>
			run('jobs', async (query) => {
				await query(
					`delete from ${jobs} where due is null and
						changed < clock_timestamp() - $1 * interval '1 millisecond'`,
					[retention]
				);
			})
	};
}
