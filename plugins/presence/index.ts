/** Presence: who is in which topic, told as it changes. */

import {
	chain,
	definePlugin,
	isLiveError,
	isTopic,
	LiveError,
	RealtimeError,
	type Connection,
	type MaybePromise,
	type Plugin
} from 'svelte-realtime/kernel';
import type { Feed } from 'svelte-realtime/plugins/streams';
import { checkCount, checkTime } from '../checks.ts';
import { memberKey } from './key.ts';
import { memoryPresence } from './memory.ts';
import { Members } from './members.ts';
import { Outbox } from './outbox.ts';
import type { Member, PresenceStore } from './port.ts';
import { serveUpdates } from './update.ts';
import { Watched } from './watched.ts';

export {
	livePresence,
	presenceStream,
	type LivePresence,
	type PresenceDeclaration,
	type PresencePart,
	type PresenceStreamOptions
} from './declare.ts';
export { memberKey } from './key.ts';
export { memoryPresence, type MemoryPresence } from './memory.ts';
export type {
	Changes,
	Diff,
	Followed,
	Member,
	PresenceStore,
	Roster,
	RosterListener
} from './port.ts';
export type { PublicUser } from './select.ts';

export interface PresenceOptions {
	/** Milliseconds that a member stays after its last connection has gone; 0 = not at all. @default 5000 */
	grace?: number;
	/** Milliseconds between two frames of one topic; 0 = one for each turn of work. @default 50 */
	interval?: number;
	/**
	 * Connections in topics, and members in grace, on this instance. Past it those in grace leave, the
	 * oldest first; then whoever comes is not listed. @default 10000
	 */
	entries?: number;
	/** Bytes of what is said about a member, and of what it says about itself. @default 4096 */
	bytes?: number;
	/** Milliseconds between two looks at the connections, and at other instances. @default 30000 */
	heartbeat?: number;
	/** Milliseconds after which the members of an instance that is gone leave. @default 90000 */
	ttl?: number;
}

/** Who is here. Topics are the app's; whoever may follow one is told by `live.presence()` and its guard. */
export interface Presence {
	/**
	 * Lists a connection's member, or gives it other data. To be left as often as it was joined; a
	 * connection that closes leaves everything. A connection that is not open is not listed.
	 *
	 * @throws {LiveError} INVALID_TOPIC; SERVICE_UNAVAILABLE where there is no room; PAYLOAD_TOO_LARGE.
	 */
	join(topic: string, connection: Connection, data?: unknown): void;
	/**
	 * Changes what is said about the member of a connection.
	 *
	 * @returns whether it is listed.
	 * @throws {LiveError} PAYLOAD_TOO_LARGE
	 */
	update(topic: string, connection: Connection, data: unknown): boolean;
	/** Takes one `join` back. The member leaves after the grace time of its last connection. */
	leave(topic: string, connection: Connection): void;
	/** Who is in a topic, first come first. */
	list(topic: string): MaybePromise<readonly Member[]>;
	/** How many are in a topic. */
	count(topic: string): MaybePromise<number>;
	/**
	 * Keeps a place in a topic for who has not come yet: with it a bound of members holds on all
	 * instances.
	 *
	 * @param places Members, and places that are kept for others, that there may be.
	 * @param ttl Milliseconds for which the place is kept.
	 * @returns false where there are as many already.
	 */
	reserve(topic: string, key: string, places: number, ttl: number): MaybePromise<boolean>;
	/** The key of the member that a connection stands for. */
	keyOf(connection: Connection): string;
	/** The members of a topic as a source of a stream. Close its tail when done. */
	follow(topic: string): MaybePromise<Feed>;
	/**
	 * Lets a connection say something about itself on a topic, from before it is listed until it is
	 * called off.
	 */
	watch(topic: string, connection: Connection): () => void;
}

declare module 'svelte-realtime/kernel' {
	interface Capabilities {
		presence: Presence;
	}
}

/**
 * Lists who is in a topic: one member for each user, whatever the number of tabs.
 *
 * Needs nothing; uses `presence.store` where a plugin provides it, and `streams` for browsers.
 *
 * @throws {RealtimeError} RT_OPTION_INVALID when an option is no whole number in its range.
 * @example realtime.config.ts: preset: single({ presence: { grace: 10_000 } })
 */
export function presence(options: PresenceOptions = {}): Plugin<never, 'presence'> {
	const { grace, interval, entries, bytes, heartbeat, ttl } = checked(options);

	return definePlugin({
		name: 'presence',
		optional: ['presence.store'],
		provides: ['presence'],
		setup(kernel) {
			const { clock, values, report } = kernel;
			const store: PresenceStore =
				kernel.find('presence.store') ?? memoryPresence(clock).store(kernel.instanceId);
			const watched = new Map<string, Watched>();

			const outbox = new Outbox({ store, clock, interval, report: tell, lost: () => void look() });
			const members = new Members({
				clock,
				values,
				entries,
				grace,
				bytes,
				limited: (connection) => kernel.limited('presence.entries', connection),
				show: (topic, key, member) => outbox.put(topic, key, member)
			});

			/** That a backend is out of reach is said by who provides it. */
			function tell(error: unknown): void {
				if (!isLiveError(error) || error.code !== 'SERVICE_UNAVAILABLE') report(error);
			}

			let looking: Promise<void> | undefined;
			let isWanted = false;

			/** One at a time; who needs one later than it began gets another behind it. */
			function look(): Promise<void> {
				isWanted = true;
				return (looking ??= lookAround().finally(() => (looking = undefined)));
			}

			async function lookAround(): Promise<void> {
				while (isWanted) {
					isWanted = false;
					try {
						members.probe();
						// What the store does not have of this instance is put again.
						if (!(await store.beat(ttl))) members.showAll();
						await outbox.flushAll();
					} catch (error) {
						tell(error);
					}
				}
			}

			/** @throws {LiveError} INVALID_TOPIC */
			function check(topic: string): void {
				if (isTopic(topic, kernel.limits.topic) && !topic.startsWith('__')) return;
				throw new LiveError('INVALID_TOPIC');
			}

			function follow(topic: string): MaybePromise<Feed> {
				let roster = watched.get(topic);
				if (roster === undefined) {
					const closed = (): void => {
						if (watched.get(topic) === roster) watched.delete(topic);
					};
					roster = new Watched(topic, { store, kernel, closed });
					watched.set(topic, roster);
				}
				return roster.follow();
			}

			kernel.clock.every(heartbeat, () => void look());
			store.onReturn?.(() => void look());
			kernel.hook('close', ({ connection }) => members.drop(connection));
			kernel.hook('shutdown', async () => {
				members.clear();
				await looking;
				await outbox.flushAll();
			});
			serveUpdates({ kernel, members, streams: () => kernel.find('streams') });

			kernel.provide('presence', {
				join(topic, connection, data = {}) {
					check(topic);
					members.join(topic, connection, data);
				},
				update: (topic, connection, data) => members.update(topic, connection, data),
				leave: (topic, connection) => members.leave(topic, connection),
				list: (topic) => chain(outbox.flush(topic), () => store.list(topic)),
				count: (topic) => chain(outbox.flush(topic), () => store.count(topic)),
				reserve: (topic, key, places, time) =>
					chain(outbox.flush(topic), () => store.reserve(topic, key, places, time)),
				keyOf: memberKey,
				follow,
				watch: (topic, connection) => members.watch(topic, connection)
			});
			return look();
		}
	});
}

function checked(options: PresenceOptions): Required<PresenceOptions> {
	const { grace = 5000, interval = 50, entries = 10_000, bytes = 4096 } = options;
	const { heartbeat = 30_000, ttl = 90_000 } = options;
	const all = { grace, interval, entries, bytes, heartbeat, ttl };
	for (const name of ['entries', 'bytes', 'heartbeat', 'ttl'] as const) {
		checkCount(name, 'presence()', all[name]);
	}
	for (const name of ['grace', 'interval', 'heartbeat', 'ttl'] as const) {
		checkTime(name, 'presence()', all[name]);
	}
	if (ttl > heartbeat) return all;
	const wanted = `more than the heartbeat of ${heartbeat}`;
	throw new RealtimeError('RT_OPTION_INVALID', ['ttl', 'presence()', ttl, wanted]);
}
