/** Locks in Redis: one holder on all instances. */

import { definePlugin, type Plugin } from 'svelte-realtime/kernel';
import type { LockStore } from 'svelte-realtime/plugins/lock';
import type {} from 'svelte-realtime/plugins/redis';
import { tagged } from '../redis-keys.ts';
import { acquire, release, renew } from './scripts.ts';

/**
 * Keeps locks in Redis: provides `lock.store`.
 *
 * Who waits hears when a lock is let go of. A replica that takes over without the last writes may
 * give a lock a second time; the fence of the second holder is greater.
 */
export function redisLock(): Plugin<'redis', 'lock.store'> {
	return definePlugin({
		name: 'redis-lock',
		requires: ['redis'],
		provides: ['lock.store'],
		async setup(kernel) {
			const { prefix, broadcast, run, connect, subscribe } = kernel.use('redis');
			const link = connect('lock');
			await link.tried;
			const watchers = new Map<string, Set<() => void>>();
			const tell = (channel: string): void => {
				for (const released of [...(watchers.get(channel) ?? [])]) released();
			};
			const subscriptions = subscribe({
				link,
				receive: tell,
				// What was let go of meanwhile was not heard.
				resumed: () => [...watchers.keys()].forEach(tell)
			});
			const keysOf = (key: string): { owner: string; fence: string; channel: string } => {
				const base = tagged(prefix, key);
				return { owner: `${base}:owner`, fence: `${base}:fence`, channel: `${base}:released` };
			};

			kernel.provide('lock.store', {
				async acquire(key, by, ttl) {
					const { owner, fence } = keysOf(key);
					const answer = await run('lock', (client) =>
						acquire(client, [owner, fence], [by, Math.ceil(ttl)])
					);
					const [isTaken, number, runsFor] = answer as [number, string, number];
					if (isTaken === 1) return { fence: Number(number) };
					return { runsFor, heldUnder: Number(number) };
				},
				async renew(key, by, ttl) {
					const { owner } = keysOf(key);
					return (
						(await run('lock', (client) => renew(client, [owner], [by, Math.ceil(ttl)]))) === 1
					);
				},
				async release(key, by) {
					const { owner, channel } = keysOf(key);
					await run('lock', (client) => release(client, [owner], [by, broadcast, channel]));
				},
				async watch(key, released) {
					const { channel } = keysOf(key);
					const all = watchers.get(channel) ?? new Set();
					const watcher = (): void => released();
					watchers.set(channel, all.add(watcher));
					// Who waits asks from time to time as well, and once the connection is back.
					if (all.size === 1) await subscriptions.add(channel).catch(kernel.report);
					return () => {
						if (!all.delete(watcher) || all.size > 0) return;
						watchers.delete(channel);
						subscriptions.remove(channel);
					};
				}
			} satisfies LockStore);
		}
	});
}
