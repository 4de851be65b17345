/** What happens in the database is published: in the order of its commits, and nothing of a rollback. */

import { definePlugin, RealtimeError, type Plugin } from 'svelte-realtime/kernel';
import { checkOption, checkTime } from '../checks.ts';
import { withTables, type WithTables } from '../postgres-tables.ts';
import { readNotice, type Notice } from './notice.ts';
import { createReader } from './reader.ts';
import { TABLES } from './tables.ts';

export type { Notice } from './notice.ts';

export interface PostgresNotifyOptions {
	/** Milliseconds that events are kept after they were published. @default 1 hour */
	retention?: number;
	/** Milliseconds after which an instance looks for events, woken or not. @default 5000 */
	check?: number;
	/**
	 * Channels of NOTIFY that are published as well: a name, whose payloads are JSON
	 * `{ topic, event, data }`, or a name and what reads its payloads (undefined: not published). Such a
	 * notice is lost where nobody listens at its moment: `realtime.publish()` in the database is not.
	 */
	channels?: Readonly<Record<string, true | ((payload: string) => Notice | undefined)>>;
}

/** The bridge from the database, as an instance sees it. */
export interface DatabaseBridge {
	/** Whether it is this instance that reads and publishes. */
	readonly isReading: boolean;
}

declare module 'svelte-realtime/kernel' {
	interface Capabilities {
		'postgres.bridge': DatabaseBridge;
	}
}

/**
 * Publishes what SQL hands to `realtime.publish(topic, event, data)`: once its transaction has
 * committed, in the order of commits, through the log of the cluster. One instance reads, and another
 * takes over where it ends.
 *
 * @throws {RealtimeError} RT_OPTION_INVALID
 */
export function postgresNotify(
	options: PostgresNotifyOptions = {}
): WithTables<Plugin<'postgres', 'postgres.bridge'>> {
	const { retention = 60 * 60 * 1000, check = 5000, channels = {} } = options;
	checkTime('retention', 'postgresNotify()', retention);
	checkTime('check', 'postgresNotify()', check, 10);
	for (const [name, read] of Object.entries(channels)) {
		const isChannel = name !== '' && Buffer.byteLength(name) < 64;
		checkOption(isChannel, 'channels', 'postgresNotify()', name, 'names of 1 to 63 bytes');
		const isReader = read === true || typeof read === 'function';
		checkOption(isReader, `channels.${name}`, 'postgresNotify()', read, 'true or a function');
	}

	const plugin = definePlugin({
		name: 'postgres-notify',
		requires: ['postgres'],
		// What it publishes, it publishes through the log: that has to be there before, and longer.
		optional: ['replay'],
		provides: ['postgres.bridge'],
		async setup(kernel) {
			const backend = kernel.use('postgres');
			const { schema } = backend;
			await backend.migrate(TABLES);
			const link = backend.connect('reader');
			const reader = createReader({
				link,
				clock: kernel.clock,
				schema,
				channel: `${backend.prefix}events`,
				check,
				retention,
				// It is the same name on the instance that takes over.
				publish: async ({ number, topic, event, data }) =>
					kernel.publish(topic, event, data, { id: `postgres:${schema}:${number}` }),
				refused({ number, topic, event }, code) {
					kernel.report(new RealtimeError('RT_POSTGRES_EVENT', [event, topic, number, code]));
				},
				report: kernel.report
			});
			for (const [name, read] of Object.entries(channels)) {
				link.listen(name, (payload) => {
					if (!reader.isReading) return;
					const notice = read === true ? readNotice(payload) : read(payload);
					if (notice) void kernel.publish(notice.topic, notice.event, notice.data);
				});
			}
			await link.tried;
			kernel.provide('postgres.bridge', reader);
			kernel.hook('shutdown', () => reader.close());
		}
	});
	return withTables(plugin, TABLES);
}
