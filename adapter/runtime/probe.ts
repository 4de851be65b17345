/** The questions of whoever runs the process: does it live, does it take work, and how does it stand? */

import type { HealthEntry } from '../../plugins/health/index.ts';
import type { Incoming, Reply } from './front.ts';
import { sendBody, sendText } from './head.ts';

/** How a backend stands. */
export type Backend = HealthEntry;

/**
 * `/healthz`: the process lives. `/readyz`: it takes new work, 503 where it does not; its body says how
 * the backends stand, which takes no instance out of service: the others have the same ones.
 *
 * @returns whether it was one of them.
 */
export function probe(
	{ method, path }: Incoming,
	reply: Reply,
	isDraining: boolean,
	backends: () => readonly Backend[] = () => []
): boolean {
	if (method !== 'GET' && method !== 'HEAD') return false;
	if (path === '/healthz') sendText(reply, method, 200);
	else if (path !== '/readyz') return false;
	else {
		const body = JSON.stringify(bodyOf(isDraining, backends()));
		sendBody(reply, method, isDraining ? 503 : 200, 'application/json', body);
	}
	return true;
}

/** The reasons stay with the operator's log: they may name hosts. */
function bodyOf(isDraining: boolean, backends: readonly Backend[]): object {
	const isDegraded = backends.some(({ state }) => state === 'degraded');
	return {
		status: isDraining ? 'draining' : 'ready',
		health: isDegraded ? 'degraded' : 'ok',
		backends: backends.map(({ name, state, since, breaker }) => ({
			name,
			state,
			since: new Date(since).toISOString(),
			...(breaker && { breaker })
		}))
	};
}
