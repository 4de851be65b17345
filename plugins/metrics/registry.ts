/** What metrics are kept in: prom-client, or anything that makes counters, histograms and gauges. */

import { RealtimeError } from 'svelte-realtime/kernel';

type Labels = Readonly<Record<string, string>>;

export interface MetricOptions {
	readonly name: string;
	readonly help: string;
	readonly labelNames: string[];
}

export interface Counter {
	/** @param by @default 1 */
	inc(labels: Labels, by?: number): void;
}

export interface Histogram {
	/** @param value Seconds, as Prometheus has it. */
	observe(labels: Labels, value: number): void;
}

export interface Gauge {
	/** @param by @default 1 */
	inc(labels: Labels, by?: number): void;
	/** @param by @default 1 */
	dec(labels: Labels, by?: number): void;
}

/** Makes metrics; asked once for each name. */
export interface MetricsRegistry {
	counter(options: MetricOptions): Counter;
	histogram(options: MetricOptions & { readonly buckets: number[] }): Histogram;
	gauge(options: MetricOptions): Gauge;
}

type Made<M> = new (options: MetricOptions & { buckets?: number[]; registers?: never[] }) => M;

/** The part of `prom-client` that is used: `import prom from 'prom-client'`. */
export interface PromClient {
	readonly Counter: Made<Counter>;
	readonly Histogram: Made<Histogram>;
	readonly Gauge: Made<Gauge>;
	/** Where they are kept; another one with `{ ...prom, register: mine }`. */
	readonly register: { getSingleMetric(name: string): unknown };
}

/** Seconds; from what a call in memory takes to what a client waits for. */
const BUCKETS = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

/** @throws {RealtimeError} RT_LIVE_ARGUMENTS for what makes no metrics. */
export function registryOf(given: MetricsRegistry | PromClient): MetricsRegistry {
	if (isPromClient(given)) return overProm(given);
	const { counter, histogram, gauge } = (given ?? {}) as Partial<MetricsRegistry>;
	if ([counter, histogram, gauge].every((make) => typeof make === 'function')) return given;
	const wanted = 'prom-client, or an object with counter(), histogram() and gauge()';
	throw new RealtimeError('RT_LIVE_ARGUMENTS', ['live.metrics()', typeof given, wanted]);
}

export function bucketed(options: MetricOptions): MetricOptions & { buckets: number[] } {
	return { ...options, buckets: [...BUCKETS] };
}

/** What counts into the same metrics has the same: a module that is saved, the plugin's own endpoint. */
export function keptIn(given: object): object {
	return isPromClient(given as PromClient) ? (given as PromClient).register : given;
}

function isPromClient(given: unknown): given is PromClient {
	const { Counter, Histogram, Gauge, register } = Object(given) as Partial<PromClient>;
	const classes = [Counter, Histogram, Gauge, register?.getSingleMetric];
	return classes.every((one) => typeof one === 'function');
}

/** prom-client refuses a name that it has: the metric of before a module was saved goes on. */
function overProm({ Counter, Histogram, Gauge, register }: PromClient): MetricsRegistry {
	const registers = [register as never];
	const known = <M>(name: string): M | undefined => register.getSingleMetric(name) as M | undefined;
	return {
		counter: (options) => known<Counter>(options.name) ?? new Counter({ ...options, registers }),
		histogram: (options) =>
			known<Histogram>(options.name) ?? new Histogram({ ...options, registers }),
		gauge: (options) => known<Gauge>(options.name) ?? new Gauge({ ...options, registers })
	};
}
