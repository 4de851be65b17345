/** Metrics: counts what happens on this server, where a live module says where to. */

import { definePlugin, type Declaration, type Plugin } from 'svelte-realtime/kernel';
import type {} from 'svelte-realtime/plugins/rpc';
import { count } from './count.ts';
import type { MetricsDeclaration } from './declare.ts';
import { createInstruments } from './instruments.ts';

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

/**
 * Counts into the registries that live modules declare with `live.metrics()`.
 *
 * Requires `rpc`, whose live modules it looks at. Where none declares one it listens to nothing. It
 * only observes: what a registry throws is reported, and changes nothing.
 */
export function metrics(): Plugin<'rpc', never> {
	return definePlugin({
		name: 'metrics',
		requires: ['rpc'],
		setup(kernel) {
			let paths: ReadonlySet<string> = new Set();
			/** By what was given: a module that is saved keeps its registry, and nothing is counted twice. */
			const counting = new Map<object, () => void>();

			function mounted(found: ReadonlyMap<string, Declaration>): void {
				paths = new Set(found.keys());
				const sources = new Map<object, MetricsDeclaration>();
				for (const declaration of found.values()) {
					if (declaration.kind !== 'metrics') continue;
					const one = declaration as MetricsDeclaration;
					sources.set(one.source, one);
				}
				for (const [source, end] of counting) {
					if (sources.has(source)) continue;
					end();
					counting.delete(source);
				}
				for (const [source, { registry }] of sources) {
					if (counting.has(source)) continue;
					try {
						const meters = createInstruments(registry);
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

			kernel.attach(() => {
				const end = kernel.use('rpc').watch((_list, found) => () => mounted(found));
				return () => {
					end();
					mounted(new Map());
				};
			});
			kernel.hook('shutdown', () => mounted(new Map()));
		}
	});
}
