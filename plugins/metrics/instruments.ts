/** The metrics that there are. README.md has the same table. */

import { bucketed, type Counter, type Gauge, type Histogram } from './registry.ts';
import type { MetricOptions, MetricsRegistry } from './registry.ts';

const PREFIX = 'svelte_realtime_';

type Kind = 'counter' | 'histogram' | 'gauge';
type Definition = readonly [kind: Kind, labels: readonly string[], help: string];

/** Name, after the prefix → what it is. */
export const METRICS = {
	rpc_total: ['counter', ['path', 'status'], 'Calls, subscriptions and pages that have ended.'],
	rpc_duration_seconds: ['histogram', ['path'], 'How long they took.'],
	rpc_errors_total: ['counter', ['path', 'code'], 'Those that were refused or failed, by code.'],
	stream_subscriptions: ['gauge', [], 'Topics that connections follow.'],
	connections: ['gauge', [], 'Open connections.'],
	upgrades_refused_total: ['counter', ['code'], 'Connections that a gate has refused.'],
	published_total: ['counter', ['class', 'origin'], 'Events that were delivered here, once each.'],
	deliveries_total: ['counter', ['class'], 'The same, once for each connection that follows.'],
	drop_episodes_total: ['counter', [], 'Full send buffers, which may have dropped events.'],
	resumes_total: ['counter', ['outcome', 'reason'], 'Streams of clients that have come back.'],
	log_append_duration_seconds: [
		'histogram',
		['status'],
		'How long publishes took to be in a shared log.'
	],
	log_gaps_total: ['counter', [], 'Frames that were missed on the way, and read in the log.'],
	log_lag_frames: ['gauge', [], 'Frames that the topic furthest behind its log had to read.'],
	log_topics: ['gauge', [], 'Topics whose log this instance follows.'],
	redis_duration_seconds: ['histogram', ['operation', 'status'], 'How long Redis took to answer.'],
	breaker_state: ['gauge', ['backend', 'operation'], '0 where it is asked, 1 tried, 2 left alone.'],
	degraded: ['gauge', ['backend', 'operation'], '1 where it does not work as it should.'],
	limited_total: ['counter', ['limit'], 'Limits that were run into.'],
	cron_total: ['counter', ['path', 'status'], 'Runs of jobs that have ended.'],
	cron_errors_total: ['counter', ['path'], 'Runs of jobs that failed.']
} as const satisfies Readonly<Record<string, Definition>>;

export type MetricName = keyof typeof METRICS;

/** Every metric of one registry. */
export type Instruments = {
	readonly [Name in MetricName]: (typeof METRICS)[Name][0] extends 'counter'
		? Counter
		: (typeof METRICS)[Name][0] extends 'gauge'
			? Gauge
			: Histogram;
};

/** The whole name of a metric. */
export function nameOf(name: MetricName): string {
	return PREFIX + name;
}

/** @param report Hears of the first error of each metric: what a registry throws changes nothing. */
export function createInstruments(
	registry: MetricsRegistry,
	report: (error: unknown) => void
): Instruments {
	const make = ([name, [kind, labelNames, help]]: [string, Definition]): unknown => {
		const options: MetricOptions = {
			name: nameOf(name as MetricName),
			help,
			labelNames: [...labelNames]
		};
		const metric =
			kind === 'histogram' ? registry.histogram(bucketed(options)) : registry[kind](options);
		return guarded(metric as never, report);
	};
	const entries = Object.entries(METRICS) as unknown as [string, Definition][];
	return Object.fromEntries(entries.map((entry) => [entry[0], make(entry)])) as Instruments;
}

type Metric = Partial<Record<'inc' | 'dec' | 'observe', (...args: never[]) => void>>;

function guarded(metric: Metric, report: (error: unknown) => void): Metric {
	let hasFailed = false;
	const safe =
		(name: keyof Metric) =>
		(...args: never[]): void => {
			try {
				metric[name]!(...args);
			} catch (error) {
				if (!hasFailed) report(error);
				hasFailed = true;
			}
		};
	return { inc: safe('inc'), dec: safe('dec'), observe: safe('observe') };
}
