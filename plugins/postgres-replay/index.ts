/** The log of topics in Postgres: one order on all instances, for who has no Redis. */

import { definePlugin, isLiveError, type Plugin } from 'svelte-realtime/kernel';
import { checkCount, checkTime } from '../checks.ts';
import { withTables, type WithTables } from '../postgres-tables.ts';
import { postgresLog } from './log.ts';
import { TABLES } from './tables.ts';

export interface PostgresReplayOptions {
	/** Frames kept of a topic. @default 1000 */
	size?: number;
	/** Bytes of a topic that an instance holds; who wants more reads them in Postgres. @default 4 MiB */
	topicBytes?: number;
	/** Milliseconds that the frames of a topic are kept after its last one. @default 24 hours */
	retention?: number;
	/** Milliseconds that an instance follows a topic on after its last follower has left. @default 10000 */
	linger?: number;
	/**
	 * Milliseconds for which a publish whose answer was lost is asked about again; after it its result is
	 * `unknown`. @default 5000
	 */
	retryFor?: number;
	/** Milliseconds after which followed topics are compared with Postgres. @default 15000 */
	check?: number;
}

/** Milliseconds between two times that old frames are deleted, at most. */
const TRIM = 60_000;
/** Milliseconds that the position of a topic is kept after its last frame. */
const REMEMBER = 30 * 24 * 60 * 60 * 1000;

/**
 * Keeps logged topics in Postgres: provides `replay.log`. A publish while Postgres is down is refused
 * with SERVICE_UNAVAILABLE, and delivered to nobody.
 *
 * @throws {RealtimeError} RT_OPTION_INVALID
 */
export function postgresReplay(
	options: PostgresReplayOptions = {}
): WithTables<Plugin<'postgres', 'replay.log'>> {
	const { size = 1000, topicBytes = 4 * 1024 * 1024, linger = 10_000 } = options;
	const { retention = 24 * 60 * 60 * 1000, retryFor = 5000, check = 15_000 } = options;
	checkCount('size', 'postgresReplay()', size);
	checkCount('topicBytes', 'postgresReplay()', topicBytes);
	checkTime('retention', 'postgresReplay()', retention, 1000);
	checkTime('linger', 'postgresReplay()', linger);
	checkTime('retryFor', 'postgresReplay()', retryFor);
	checkTime('check', 'postgresReplay()', check, 10);

	const plugin = definePlugin({
		name: 'postgres-replay',
		requires: ['postgres'],
		provides: ['replay.log'],
		async setup(kernel) {
			const postgres = kernel.use('postgres');
			await postgres.migrate(TABLES);
			const link = postgres.connect('log');
			const log = postgresLog({
				postgres,
				link,
				clock: kernel.clock,
				instance: kernel.instanceId,
				size,
				topicBytes,
				linger,
				retryFor,
				check,
				deliver: (frame) => void kernel.deliver(frame),
				report: kernel.report
			});
			const { schema } = postgres;
			/** Topics that are quiet are few statements for one instance, and none for the others. */
			const trim = (): Promise<unknown> =>
				postgres.transaction('log', async (query) => {
					const lock = `pg_try_advisory_xact_lock(hashtext('${schema}.trim')) as mine`;
					const [first] = await query<{ mine: boolean }>(`select ${lock}`);
					if (!first!.mine) return;
					const old = `at < now() - $1 * interval '1 millisecond'`;
					await query(
						`with quiet as (
							update ${schema}.topics set is_empty = true
							where not is_empty and ${old} returning topic
						) delete from ${schema}.frames where topic in (select topic from quiet)`,
						[retention]
					);
					await query(`delete from ${schema}.topics where ${old}`, [Math.max(REMEMBER, retention)]);
				});
			const cancelTrim = kernel.clock.every(Math.min(TRIM, Math.max(check, retention / 10)), () => {
				trim().catch((error: unknown) => {
					if (!isLiveError(error)) kernel.report(error);
				});
			});
			await link.tried;
			kernel.provide('replay.log', log);
			kernel.hook('shutdown', () => {
				cancelTrim();
				log.close();
			});
		}
	});
	return withTables(plugin, TABLES);
}
