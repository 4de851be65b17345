/** The sessions of one process. */

import type { Clock } from 'svelte-realtime/kernel';
import { ExpiringMap } from '../expiring-map.ts';
import type { SessionStore } from './port.ts';

export interface MemorySessionsOptions {
	readonly clock: Clock;
	/** Milliseconds that a session lives after its last use. */
	readonly ttl: number;
	/** Sessions; past it the one used longest ago goes. */
	readonly size: number;
	/** Hears that one had to go. */
	limited?(): void;
}

export function memorySessions({ clock, ttl, size, limited }: MemorySessionsOptions): SessionStore {
	const sessions = new ExpiringMap<{ readonly value: unknown }>({ clock, ttl });

	return {
		get(id) {
			const session = sessions.get(id);
			if (session !== undefined) sessions.touch(id);
			return session?.value;
		},
		set(id, value) {
			if (!sessions.has(id) && sessions.size >= size) {
				sessions.delete(sessions.oldest()!.key);
				limited?.();
			}
			sessions.set(id, { value });
		},
		touch: (id) => sessions.touch(id),
		delete: (id) => sessions.delete(id)
	};
}
