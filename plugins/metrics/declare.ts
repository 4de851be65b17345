/** `live.metrics()`: where a server's metrics are kept. */

import { declared, type Declaration } from 'svelte-realtime/kernel';
import { keptIn, registryOf, type MetricsRegistry, type PromClient } from './registry.ts';

export interface MetricsDeclaration extends Declaration {
	readonly kind: 'metrics';
	/** What its metrics are kept in: by it is told whether it is another one. */
	readonly source: object;
	readonly registry: MetricsRegistry;
}

/** Says where metrics are kept. It is nothing that could be called. */
export interface LiveMetrics {
	(): void;
	readonly '~live': MetricsDeclaration;
}

/**
 * Counts what happens on this server in a registry: calls, subscriptions, connections, jobs, limits.
 *
 * @param registry prom-client, or an object with `counter()`, `histogram()` and `gauge()`.
 * @throws {RealtimeError} RT_LIVE_ARGUMENTS
 * @example import prom from 'prom-client';
 * export const metrics = live.metrics(prom);
 */
export function liveMetrics(registry: MetricsRegistry | PromClient): LiveMetrics {
	const counted = registryOf(registry);
	return declared(() => undefined, {
		kind: 'metrics',
		schema: undefined,
		source: keptIn(registry),
		registry: counted
	}) as LiveMetrics;
}
