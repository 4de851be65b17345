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

export function createInstruments(registry: MetricsRegistry): Instruments {
	const make = ([name, [kind, labelNames, help]]: [string, Definition]): unknown => {
		const options: MetricOptions = {
			name: nameOf(name as MetricName),
			help,
			labelNames: [...labelNames]
		};
		return kind === 'histogram' ? registry.histogram(bucketed(options)) : registry[kind](options);
	};
	const entries = Object.entries(METRICS) as unknown as [string, Definition][];
	return Object.fromEntries(entries.map((entry) => [entry[0], make(entry)])) as Instruments;
}
