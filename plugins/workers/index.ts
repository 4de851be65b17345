/** Workers: several processes of one app on one host share what they keep, without a server beside them. */

import {
	definePlugin,
	type Capabilities,
	type Plugin,
	type PluginKernel
} from 'svelte-realtime/kernel';
import type {} from 'svelte-realtime/plugins/cron';
import type {} from 'svelte-realtime/plugins/cursors';
import type {} from 'svelte-realtime/plugins/dedup';
import type {} from 'svelte-realtime/plugins/groups';
import type {} from 'svelte-realtime/plugins/instances';
import type {} from 'svelte-realtime/plugins/lock';
import type {} from 'svelte-realtime/plugins/presence';
import type {} from 'svelte-realtime/plugins/ratelimit';
import type {} from 'svelte-realtime/plugins/registry';
import type {} from 'svelte-realtime/plugins/replay';
import type {} from 'svelte-realtime/plugins/rpc';
import type {} from 'svelte-realtime/plugins/session';
import { relay } from './bus.ts';
import { Channel, type WorkerLink } from './link.ts';
import { workersLog } from './log.ts';
import { workersPresence } from './presence.ts';
import {
	workersCalls,
	workersCursors,
	workersDedup,
	workersGroups,
	workersInstances,
	workersLocks,
	workersRateLimits,
	workersRegistry,
	workersRuns,
	workersSessions
} from './stores.ts';

export type { WorkerLink } from './link.ts';

/** What the supervisor keeps for all workers. Those that begin first decide. */
export interface SharedBounds {
	/** Frames of a topic. @default 1000 */
	readonly size?: number | undefined;
	/** Bytes of a topic. @default 4 MiB */
	readonly topicBytes?: number | undefined;
	/** Bytes of all topics. @default 256 MiB */
	readonly bytes?: number | undefined;
	/** Topics whose position is remembered. @default 100000 */
	readonly topics?: number | undefined;
	/** Keys that each rate limit counts. @default 5000 */
	readonly identities?: number | undefined;
	/** Sessions. @default 10000 */
	readonly sessions?: number | undefined;
	/** Claims of what is done once. @default 10000 */
	readonly claims?: number | undefined;
	/** Calls that are remembered since they are `durable`. @default 10000 */
	readonly calls?: number | undefined;
}

/** What makes each port over the channel. */
const PORTS = {
	'replay.log': (channel, kernel, { size = 1000, topicBytes = 4 * 1024 * 1024 }) =>
		workersLog({
			...{ channel, clock: kernel.clock, size, topicBytes, linger: 10_000 },
			deliver: (frame) => void kernel.deliver(frame)
		}),
	'presence.store': (channel, { clock, values }) => workersPresence(channel, clock, values),
	'cursors.store': (channel, { values }) => workersCursors(channel, values),
	'ratelimit.store': (channel) => workersRateLimits(channel),
	'session.store': (channel, kernel) =>
		workersSessions(channel, kernel.values, () => kernel.limited('session.size')),
	'dedup.store': (channel) => workersDedup(channel),
	'calls.store': (channel) => workersCalls(channel),
	'lock.store': (channel) => workersLocks(channel),
	'cron.store': (channel) => workersRuns(channel),
	'groups.store': (channel, { values }) => workersGroups(channel, values),
	'registry.store': (channel) => workersRegistry(channel),
	'instances.link': (channel) => workersInstances(channel)
} satisfies {
	[Name in keyof Capabilities]?: (
		channel: Channel,
		kernel: PluginKernel<never, never>,
		bounds: SharedBounds
	) => Capabilities[Name];
};

type Port = keyof typeof PORTS;

export type WorkersCapability = Port | 'topics.bus';

/** The ports that a supervisor has. */
export const SHARED: readonly Port[] = Object.keys(PORTS) as Port[];

export interface WorkersOptions {
	readonly link: WorkerLink;
	/** @default what each of them says */
	readonly bounds?: SharedBounds;
	/** The ports to provide; those that another plugin provides must be left out. @default all */
	readonly ports?: readonly Port[];
	/** Whether ephemeral topics are relayed, as `topics.bus`; not where another plugin does so. @default true */
	readonly relays?: boolean;
}

/**
 * Shares ports among the workers of one host: each worker asks the supervisor, which keeps them in
 * memory. One order on all workers, as with Redis; when the supervisor ends, so do they.
 *
 * The adapter puts it into the list of every worker (`WORKERS`); an app need not.
 */
export function workers(options: WorkersOptions): Plugin<never, WorkersCapability> {
	const { link, bounds = {}, ports = SHARED, relays = true } = options;
	return definePlugin<never, WorkersCapability>({
		name: 'workers',
		provides: relays ? [...ports, 'topics.bus'] : ports,
		setup(kernel) {
			const channel = new Channel(link, kernel.report);
			channel.tell('hub', 'hello', kernel.instanceId, bounds);
			for (const name of ports) {
				kernel.provide(name, PORTS[name](channel, kernel as never, bounds) as never);
			}
			if (relays) kernel.provide('topics.bus', relay(kernel as never, channel));
			kernel.hook('shutdown', () => channel.tell('hub', 'bye'));
		}
	});
}
