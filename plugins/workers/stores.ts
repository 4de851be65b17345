/** The stores of the supervisor that are asked and answer. */

import type { ValueCodec } from 'svelte-realtime/kernel';
import type { CronStore } from 'svelte-realtime/plugins/cron';
import type { Cursor, CursorStore } from 'svelte-realtime/plugins/cursors';
import type { DedupStore } from 'svelte-realtime/plugins/dedup';
import type { GroupRecord, GroupStore } from 'svelte-realtime/plugins/groups';
import type { InstancesLink } from 'svelte-realtime/plugins/instances';
import type { LockStore } from 'svelte-realtime/plugins/lock';
import type { RateLimitStore } from 'svelte-realtime/plugins/ratelimit';
import type { RegistryStore } from 'svelte-realtime/plugins/registry';
import type { CallStore } from 'svelte-realtime/plugins/rpc';
import type { SessionStore } from 'svelte-realtime/plugins/session';
import type { Channel } from './link.ts';
import { packer, type Packed } from './packed.ts';

export function workersRateLimits(channel: Channel): RateLimitStore {
	return {
		take: (key, cost, policy, now) => channel.call('ratelimit', 'take', key, cost, policy, now)
	};
}

export function workersDedup(channel: Channel): DedupStore {
	return {
		claim: (id, owner, window) => channel.call('dedup', 'claim', id, owner, window),
		done: (id, owner, window) => channel.call('dedup', 'done', id, owner, window),
		free: (id, owner) => channel.call('dedup', 'free', id, owner)
	};
}

export function workersCalls(channel: Channel): CallStore {
	return {
		claim: (call, owner, times) => channel.call('calls', 'claim', call, owner, times),
		renew: (call, owner, times) => channel.call('calls', 'renew', call, owner, times),
		commit: (call, owner, reply, times) =>
			channel.call('calls', 'commit', call, owner, reply, times),
		abort: (call, owner) => channel.call('calls', 'abort', call, owner)
	};
}

export function workersRuns(channel: Channel): CronStore {
	return {
		time: () => channel.call('cron', 'time'),
		claim: (run, ttl) => channel.call('cron', 'claim', run, ttl),
		renew: (run, ttl) => channel.call('cron', 'renew', run, ttl),
		finish: (run) => channel.call('cron', 'finish', run)
	};
}

export function workersGroups(channel: Channel, values: ValueCodec): GroupStore {
	const { pack, unpack } = packer(values, 'the `meta` of a group');
	interface PackedRecord extends Omit<GroupRecord, 'meta'> {
		readonly meta: Packed;
	}
	const packed = (record: GroupRecord): PackedRecord => ({ ...record, meta: pack(record.meta) });
	const unpacked = (record: PackedRecord): GroupRecord => ({
		...record,
		meta: unpack(record.meta)
	});
	const ask = async (
		method: string,
		...args: readonly unknown[]
	): Promise<GroupRecord | undefined> => {
		const record = await channel.call<PackedRecord | undefined>('groups', method, ...args);
		return record && unpacked(record);
	};
	return {
		open: async (name, fresh, ttl) =>
			unpacked(await channel.call<PackedRecord>('groups', 'open', name, packed(fresh), ttl)),
		keep: (name, record, ttl) => ask('keep', name, packed(record), ttl),
		leave: (name, id) => channel.call('groups', 'leave', name, id),
		close: (name) => ask('close', name),
		find: (name) => ask('find', name)
	};
}

export function workersRegistry(channel: Channel): RegistryStore {
	return {
		apply: (changes) => channel.call('registry', 'apply', changes),
		connections: (user) => channel.call('registry', 'connections', user),
		count: (user) => channel.call('registry', 'count', user),
		// When the supervisor ends, so does every worker.
		onLost: () => () => {}
	};
}

export function workersLocks(channel: Channel): LockStore {
	const watchers = new Map<number, () => void>();
	let watched = 0;
	channel.on('lock', (id: number) => watchers.get(id)?.());
	return {
		acquire: (key, owner, ttl) => channel.call('lock', 'acquire', key, owner, ttl),
		renew: (key, owner, ttl) => channel.call('lock', 'renew', key, owner, ttl),
		release: (key, owner) => channel.call('lock', 'release', key, owner),
		async watch(key, released) {
			const id = (watched += 1);
			watchers.set(id, released);
			await channel.call('lock', 'watch', key, id);
			return () => {
				if (watchers.delete(id)) channel.tell('lock', 'unwatch', id);
			};
		}
	};
}

export function workersSessions(
	channel: Channel,
	values: ValueCodec,
	limited: () => void
): SessionStore {
	const { pack, unpack } = packer(values, 'a session');
	channel.on('session.limited', limited);
	return {
		async get(id, ttl) {
			const found = await channel.call<Packed | undefined>('session', 'get', id, ttl);
			return found && unpack(found);
		},
		set: async (id, value, ttl) => channel.call('session', 'set', id, pack(value), ttl),
		touch: (id, ttl) => channel.call('session', 'touch', id, ttl),
		delete: (id) => channel.call('session', 'delete', id)
	};
}

export function workersCursors(channel: Channel, values: ValueCodec): CursorStore {
	const { pack, unpack } = packer(values, 'a cursor');
	interface PackedCursor {
		readonly key: string;
		readonly rest: Packed;
	}
	return {
		save: async (topic, { puts, removes }) => {
			const packed = puts.map(({ key, ...rest }) => ({ key, rest: pack(rest) }));
			return channel.call('cursors', 'save', topic, { puts: packed, removes });
		},
		async list(topic) {
			const cursors = await channel.call<readonly PackedCursor[]>('cursors', 'list', topic);
			return cursors.map(({ key, rest }) => ({ key, ...(unpack(rest) as Omit<Cursor, 'key'>) }));
		}
	};
}

export function workersInstances(channel: Channel): InstancesLink {
	return {
		beat: (ttl) => channel.call('instances', 'beat', ttl),
		cleared: (instance) => channel.call('instances', 'cleared', instance),
		leave: () => channel.call('instances', 'leave'),
		alive: () => channel.call('instances', 'alive'),
		send: (instance, message) => channel.call('instances', 'send', instance, message),
		receive: (listener) => channel.on('instances', listener),
		async standIn(instance) {
			await channel.call('instances', 'standIn', instance);
			return () => channel.tell('instances', 'standDown', instance);
		}
	};
}
