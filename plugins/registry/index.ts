/** Registry: which connections a user has, on any instance. */

import {
	definePlugin,
	type Connection,
	type MaybePromise,
	type Plugin
} from 'svelte-realtime/kernel';
import type { UserId } from 'svelte-realtime/plugins/identity';
import { userIdOf } from '../user-id.ts';
import { Outbox } from './outbox.ts';
import type { RegisteredConnection } from './port.ts';

export type { RegisteredConnection, RegistryChange, RegistryStore } from './port.ts';

/** Which connections users have, on all instances. Of users without an id nothing is known. */
export interface Registry {
	/**
	 * The open connections of a user, in no order.
	 *
	 * @throws {LiveError} SERVICE_UNAVAILABLE while what all instances know is away.
	 */
	connections(user: UserId): MaybePromise<readonly RegisteredConnection[]>;
	/** How many there are; 0 means that the user is not here. @throws {LiveError} SERVICE_UNAVAILABLE */
	count(user: UserId): MaybePromise<number>;
}

declare module 'svelte-realtime/kernel' {
	interface Capabilities {
		registry: Registry;
	}
}

/** Whose a connection is, and since when. */
interface Registered {
	readonly user: string;
	readonly since: number;
}

/**
 * Knows which connections each user has: those of this instance, and, where a plugin provides
 * `registry.store`, those of all.
 */
export function registry(): Plugin<never, 'registry'> {
	return definePlugin({
		name: 'registry',
		optional: ['identity', 'registry.store'],
		provides: ['registry'],
		setup(kernel) {
			const { clock, instanceId: instance, report } = kernel;
			const store = kernel.find('registry.store');
			const outbox = store && new Outbox({ store, clock, report });
			const registered = new Map<Connection, Registered>();
			const byUser = new Map<string, Set<Connection>>();

			function forget(connection: Connection): void {
				const known = registered.get(connection);
				if (known === undefined) return;
				const { user } = known;
				registered.delete(connection);
				const own = byUser.get(user)!;
				own.delete(connection);
				if (own.size === 0) byUser.delete(user);
				const { id } = connection;
				outbox?.add({ user, connection: id, since: undefined, hasOthers: own.size > 0 });
			}

			/** Notes whose a connection is by now. */
			function note(connection: Connection): void {
				const id = userIdOf(connection);
				const user = id === undefined ? undefined : String(id);
				if (registered.get(connection)?.user === user) return;
				forget(connection);
				if (user === undefined || !connection.isOpen) return;
				registered.set(connection, { user, since: clock.now() });
				byUser.set(user, (byUser.get(user) ?? new Set()).add(connection));
				put(connection);
			}

			function put(connection: Connection): void {
				const { user, since } = registered.get(connection)!;
				outbox?.add({ user, connection: connection.id, since, hasOthers: true });
			}

			kernel.hook('open', ({ connection }) => note(connection));
			kernel.hook('close', ({ connection }) => forget(connection));
			const identity = kernel.find('identity');
			if (identity) kernel.attach(() => identity.watch(note));
			if (store) {
				kernel.attach(() =>
					store.onLost(() => {
						for (const connection of registered.keys()) put(connection);
					})
				);
			}
			// Put in while the server runs: those who are here already are known too.
			kernel.hook('changed', () => {
				for (const connection of kernel.connections) note(connection);
			});

			kernel.provide('registry', {
				connections(user) {
					if (store) return store.connections(String(user));
					return [...(byUser.get(String(user)) ?? [])].map((connection) => {
						const { since } = registered.get(connection)!;
						return { instance, connection: connection.id, since };
					});
				},
				count: (user) => (store ? store.count(String(user)) : (byUser.get(String(user))?.size ?? 0))
			});
		}
	});
}
