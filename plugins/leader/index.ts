/** Leader: one instance of all does what is to be done once. */

import { definePlugin, type Plugin } from 'svelte-realtime/kernel';
import type {} from 'svelte-realtime/plugins/lock';
import { checkTime } from '../checks.ts';
import { createFences } from '../fences.ts';
import { Leases, type Lease } from '../leases.ts';

export interface LeaderOptions {
	/**
	 * Milliseconds after which another instance leads when the leader has gone without a word; the leader
	 * renews its lease every third of it. @default 10000
	 */
	ttl?: number;
}

/** Which instance leads. Where there is one alone, that does. */
export interface Leader {
	/** Whether this instance leads, and no other one can, by the clocks of now. */
	isLeader(): boolean;
	/**
	 * Grows with each leader: what the leader writes to can refuse a number below one that it has seen.
	 * `undefined` where this instance does not lead.
	 */
	readonly fence: number | undefined;
	/** Tells when this instance begins to lead, or does so no longer; the result ends it. */
	onChange(listener: (isLeader: boolean) => void): () => void;
}

declare module 'svelte-realtime/kernel' {
	interface Capabilities {
		leader: Leader;
	}
}

/**
 * Knows whether this instance is the one that leads.
 *
 * Uses `lock.store` where a plugin provides it; without it this instance leads, from its start on. At
 * shutdown another one takes over at once.
 *
 * @throws {RealtimeError} RT_OPTION_INVALID when `ttl` is no time.
 */
export function leader({ ttl = 10_000 }: LeaderOptions = {}): Plugin<never, 'leader'> {
	checkTime('ttl', 'leader()', ttl, 100);
	return definePlugin({
		name: 'leader',
		optional: ['lock.store'],
		provides: ['leader'],
		setup(kernel) {
			const { clock, instanceId, report } = kernel;
			const store = kernel.find('lock.store');
			const listeners = new Set<(isLeader: boolean) => void>();
			const alone = createFences(clock)();
			const ended = new AbortController();
			const leases =
				store && new Leases({ store, clock, ttl, instance: instanceId, purpose: 'leader' });
			let lease: Lease | undefined;

			function tell(isLeader: boolean): void {
				for (const listener of [...listeners]) {
					try {
						listener(isLeader);
					} catch (error) {
						report(error);
					}
				}
			}

			/** Leads until the lease is lost, or the server ends. */
			function lead(own: Lease): Promise<void> {
				lease = own;
				tell(true);
				return new Promise((resolve) => {
					const lost = (): void => {
						lease = undefined;
						tell(false);
						resolve();
					};
					own.signal.addEventListener('abort', lost, { once: true });
					ended.signal.addEventListener('abort', lost, { once: true });
					if (ended.signal.aborted) lost();
				});
			}

			async function stand(from: Leases): Promise<void> {
				while (!ended.signal.aborted) {
					try {
						await lead(await from.acquire('leader', ended.signal));
					} catch {
						// The store is away, which is said where it is connected to: nobody leads meanwhile.
						if (!ended.signal.aborted) await pause();
					}
				}
			}

			function pause(): Promise<void> {
				return new Promise((resolve) => {
					const done = (): void => {
						cancel();
						resolve();
					};
					const cancel = clock.after(ttl / 3, done);
					ended.signal.addEventListener('abort', done, { once: true });
				});
			}

			if (leases) void stand(leases);
			kernel.hook('shutdown', async () => {
				ended.abort();
				await leases?.close();
			});
			kernel.provide('leader', {
				isLeader: () => (leases ? lease?.isHeld() === true : !ended.signal.aborted),
				get fence() {
					if (!leases) return alone;
					return lease?.isHeld() ? lease.fence : undefined;
				},
				onChange(listener) {
					const entry = (isLeader: boolean): void => listener(isLeader);
					listeners.add(entry);
					return () => void listeners.delete(entry);
				}
			});
		}
	});
}
