/** What runs once, in Postgres: the claims of `dedup` and `webhooks`, and durable calls. */

import { createHash } from 'node:crypto';
import { definePlugin, isLiveError, type Plugin } from 'svelte-realtime/kernel';
import type { Claim, DedupStore } from 'svelte-realtime/plugins/dedup';
import type { PostgresBackend } from 'svelte-realtime/plugins/postgres';
import type { CallClaim, CallStore } from 'svelte-realtime/plugins/rpc';
import { withTables, type WithTables } from '../postgres-tables.ts';
import { TABLES } from './tables.ts';

/** Milliseconds between two times that what has ended is deleted. */
const TRIM = 60_000;

/**
 * Keeps in Postgres what is done once on all instances: provides `dedup.store` and `calls.store`.
 * Claims name their owner, and what somebody else holds is changed by nobody. While Postgres is away
 * each step throws SERVICE_UNAVAILABLE, and what has not been claimed does not run.
 */
export function postgresIdempotency(): WithTables<
	Plugin<'postgres', 'dedup.store' | 'calls.store'>
> {
	const plugin = definePlugin({
		name: 'postgres-idempotency',
		requires: ['postgres'],
		provides: ['dedup.store', 'calls.store'],
		async setup(kernel) {
			const postgres = kernel.use('postgres');
			await postgres.migrate(TABLES);
			kernel.provide('dedup.store', claims(postgres));
			kernel.provide('calls.store', calls(postgres));
			const trim = (): Promise<unknown> =>
				postgres.run('trim', async (query) => {
					for (const table of ['claims', 'calls']) {
						await query(`delete from ${postgres.schema}.${table} where until <= now()`);
					}
				});
			const cancelTrim = kernel.clock.every(TRIM, () => {
				trim().catch((error: unknown) => {
					// That Postgres is away is said once, by the backend.
					if (!isLiveError(error)) kernel.report(error);
				});
			});
			kernel.hook('shutdown', cancelTrim);
		}
	});
	return withTables(plugin, TABLES);
}

/** Names have any length and any character; keys of an index do not. */
function keyOf(name: string): string {
	return createHash('sha256').update(name).digest('base64url');
}

function claims({ schema, run }: PostgresBackend): DedupStore {
	return {
		claim: (id, owner, window) =>
			run('dedup', async (query) => {
				const sql = `select ${schema}.claim_once($1, $2, $3) as claim`;
				const rows = await query<{ claim: Exclude<Claim, object> }>(sql, [
					keyOf(id),
					owner,
					window
				]);
				return rows[0]!.claim;
			}),
		done: (id, owner, window) =>
			run('dedup', async (query) => {
				await query(`select ${schema}.done_once($1, $2, $3)`, [keyOf(id), owner, window]);
			}),
		free: (id, owner) =>
			run('dedup', async (query) => {
				await query(`delete from ${schema}.claims where id = $1 and owner = $2`, [
					keyOf(id),
					owner
				]);
			})
	};
}

function calls({ schema, run }: PostgresBackend): CallStore {
	const hold = (...args: Parameters<CallStore['claim']>): Promise<CallClaim> =>
		run('calls', async (query) => {
			const [call, owner, { lease, retention }] = args;
			const rows = await query<{ state: CallClaim['state']; reply: string | null }>(
				`select * from ${schema}.hold_call($1, $2, $3, $4)`,
				[call, owner, lease, retention]
			);
			const { state, reply } = rows[0]!;
			return state === 'done' ? { state, reply: reply! } : { state };
		});

	return {
		claim: hold,
		renew: async (...args) => (await hold(...args)).state === 'first',
		commit: (call, owner, reply, { retention }) =>
			run('calls', async (query) => {
				const rows = await query<{ is: boolean }>(
					`select ${schema}.commit_call($1, $2, $3, $4) as is`,
					[call, owner, reply, retention]
				);
				return rows[0]!.is;
			}),
		abort: (call, owner) =>
			run('calls', async (query) => {
				const sql = `delete from ${schema}.calls where id = $1 and owner = $2 and reply is null`;
				await query(sql, [call, owner]);
			})
	};
}
