/** Metrics: counts what happens on this server, where a live module says where to. */

import { definePlugin, type Declaration, type Plugin } from 'svelte-realtime/kernel';
import type {} from 'svelte-realtime/plugins/rpc';
import { checkEndpoint, openEndpoint, type MetricsEndpoint } from './endpoint.ts';
import { count } from './count.ts';
import type { MetricsDeclaration } from './declare.ts';
import { createInstruments } from './instruments.ts';
import type { MetricsRegistry } from './registry.ts';

export type { MetricsEndpoint } from './endpoint.ts';
export type { Page, PageRequest } from './port.ts';
export { liveMetrics, type LiveMetrics, type MetricsDeclaration } from './declare.ts';
export { METRICS, nameOf, type MetricName } from './instruments.ts';
export type {
	Counter,
	Gauge,
	Histogram,
	MetricOptions,
	MetricsRegistry,
	PromClient
} from './registry.ts';

export interface MetricsOptions {
	/**
	 * Where Prometheus reads the metrics, and those of the process and of the app, which are in the
	 * default registry of `prom-client`; needs that package. @default nowhere
	 */
	endpoint?: MetricsEndpoint | false;
}

/**
 * Counts into the registries that live modules declare with `live.metrics()`, and into that of its
 * own endpoint.
 *
 * Requires `rpc`, whose live modules it looks at. Where there is neither it listens to nothing. It
 * only observes: what a registry throws is reported, and changes nothing.
 *
 * @throws {RealtimeError} RT_OPTION_INVALID; RT_PACKAGE_MISSING when the app starts.
 * @example metrics({ endpoint: { port: 9100 } })
 */
export function metrics({ endpoint = false }: MetricsOptions = {}): Plugin<'rpc', 'metrics.page'> {
	if (endpoint) checkEndpoint(endpoint);
	return definePlugin({
		name: 'metrics',
		requires: ['rpc'],
		provides: endpoint && endpoint.port === undefined ? (['metrics.page'] as const) : [],
		async setup(kernel) {
			let paths: ReadonlySet<string> = new Set();
			/** By what was given: a module that is saved keeps its registry, and nothing is counted twice. */
			const counting = new Map<object, () => void>();
			const own = endpoint ? await openEndpoint(kernel, endpoint) : undefined;
			let isCounting = true;

			function mounted(found: ReadonlyMap<string, Declaration>): void {
				paths = new Set(found.keys());
				const sources = new Map<object, MetricsRegistry>();
				if (own && isCounting) sources.set(own.source, own.registry);
				for (const declaration of found.values()) {
					if (declaration.kind !== 'metrics') continue;
					const one = declaration as MetricsDeclaration;
					sources.set(one.source, one.registry);
				}
				for (const [source, end] of counting) {
					if (sources.has(source)) continue;
					end();
					counting.delete(source);
				}
				for (const [source, registry] of sources) {
					if (counting.has(source)) continue;
					try {
						const meters = createInstruments(registry, kernel.report);
						counting.set(
							source,
							count(kernel, meters, () => paths)
						);
					} catch (error) {
						// It keeps no live module from being served.
						kernel.report(error);
					}
				}
			}

			function stop(): void {
				isCounting = false;
				mounted(new Map());
			}

			kernel.attach(() => {
				const end = kernel.use('rpc').watch((_list, found) => () => mounted(found));
				return () => {
					end();
					stop();
				};
			});
			kernel.hook('shutdown', stop);
		}
	});
}
