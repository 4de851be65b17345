/** Which connections users have on which worker; those of a worker that has ended go with it. */

import type { RegisteredConnection, RegistryChange } from '../../plugins/registry/index.ts';
import type { Peer, SharedPort } from './hub.ts';

export function sharedRegistry(): SharedPort {
	const users = new Map<string, Map<string, RegisteredConnection>>();
	/** Whom each worker has connections of. */
	const held = new Map<Peer, Set<string>>();

	function remove(user: string, connection: string): void {
		const own = users.get(user);
		own?.delete(connection);
		if (own?.size === 0) users.delete(user);
	}

	return {
		methods: {
			apply(peer, changes: readonly RegistryChange[]) {
				const names = held.get(peer) ?? new Set<string>();
				held.set(peer, names);
				for (const { user, connection, since, hasOthers } of changes) {
					if (since === undefined) {
						remove(user, connection);
						if (!hasOthers) names.delete(user);
						continue;
					}
					const own = users.get(user) ?? new Map<string, RegisteredConnection>();
					users.set(user, own.set(connection, { instance: peer.instance, connection, since }));
					names.add(user);
				}
			},
			connections: (_peer, user: string) => [...(users.get(user)?.values() ?? [])],
			count: (_peer, user: string) => users.get(user)?.size ?? 0
		},
		gone(peer) {
			for (const user of held.get(peer) ?? []) {
				for (const { instance, connection } of users.get(user)?.values() ?? []) {
					if (instance === peer.instance) remove(user, connection);
				}
			}
			held.delete(peer);
		}
	};
}
