/** The claims of one process. */

import type { Clock } from 'svelte-realtime/kernel';
import { ExpiringMap } from './expiring-map.ts';
import type { DedupStore } from './dedup/port.ts';

export interface MemoryClaimsOptions {
	readonly clock: Clock;
	/** Milliseconds that a claim is held. */
	readonly window: number;
	/** Claims; past it there is no room until one ends. */
	readonly size: number;
}

export function memoryClaims({ clock, window, size }: MemoryClaimsOptions): DedupStore {
	const claims = new ExpiringMap<{ readonly owner: string; readonly isDone: boolean }>({
		clock,
		ttl: window
	});

	return {
		claim(id, owner) {
			const held = claims.get(id);
			if (held !== undefined) return held.isDone ? 'done' : 'running';
			if (claims.size >= size) return { retryAfter: claims.oldest()!.left };
			claims.set(id, { owner, isDone: false });
			return 'first';
		},
		done(id, owner) {
			const held = claims.get(id);
			if (held === undefined || held.owner === owner) claims.set(id, { owner, isDone: true });
		},
		free(id, owner) {
			if (claims.get(id)?.owner === owner) claims.delete(id);
		}
	};
}
