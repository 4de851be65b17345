/** Which groups are open, over all instances: kept in Redis. */

import { definePlugin, type Plugin, type ValueCodec } from 'svelte-realtime/kernel';
import type { GroupRecord, GroupStore } from 'svelte-realtime/plugins/groups';
import type { RedisBackend } from 'svelte-realtime/plugins/redis';
import { tagged } from '../redis-keys.ts';
import type { Script } from '../redis-script.ts';
import { close, find, keep, leave, open } from './scripts.ts';

/**
 * Keeps the groups that are open in Redis, so that they are the same on every instance, and closing
 * one closes it on all: provides `groups.store`. Their members are those of `redis-presence`.
 */
export function redisGroups(): Plugin<'redis', 'groups.store'> {
	return definePlugin({
		name: 'redis-groups',
		requires: ['redis'],
		provides: ['groups.store'],
		setup(kernel) {
			const { values, instanceId } = kernel;
			kernel.provide('groups.store', redisGroupStore(kernel.use('redis'), values, instanceId));
		}
	});
}

function redisGroupStore(redis: RedisBackend, values: ValueCodec, instance: string): GroupStore {
	async function run(
		script: Script,
		name: string,
		args: readonly (string | number)[]
	): Promise<GroupRecord | undefined> {
		const base = `${tagged(redis.prefix, `group:${name}`)}:group`;
		const answer = await redis.run('groups', (client) =>
			script(client, [base, `${base}:open`], args)
		);
		return Array.isArray(answer) ? readRecord((answer as string[])[1]!) : undefined;
	}

	function writeRecord(record: GroupRecord): string {
		const { json, devalue } = values.encode(record, 'the meta of a group');
		return `${devalue ? 1 : 0}${json}`;
	}

	function readRecord(text: string): GroupRecord {
		return values.read({ json: text.slice(1), devalue: text.startsWith('1') }) as GroupRecord;
	}

	return {
		async open(name, fresh, ttl) {
			return (await run(open, name, [instance, ttl, fresh.id, writeRecord(fresh)])) ?? fresh;
		},
		keep: (name, record, ttl) => run(keep, name, [instance, ttl, record.id, writeRecord(record)]),
		leave: async (name, id) => void (await run(leave, name, [instance, id])),
		close: (name) => run(close, name, []),
		find: (name) => run(find, name, []),
		onReturn: (listener) => redis.commands.onUp(listener)
	};
}
