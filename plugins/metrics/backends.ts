/** Counts what other plugins tell of themselves: whoever is there, for as long as it is. */

import type { HealthEntry } from 'svelte-realtime/plugins/health';
import type { LogObserver } from 'svelte-realtime/plugins/replay';
import type { ResumeOutcome } from 'svelte-realtime/plugins/streams';
import type { Kernel } from './count.ts';
import type { Instruments } from './instruments.ts';
import { bounded } from './labels.ts';
import type { Gauge } from './registry.ts';

/** What `breaker_state` is for each. */
const BREAKER = { closed: 0, 'half-open': 1, open: 2 } as const;

interface Level {
	set(value: number): void;
}

/** The result ends it, and takes what is counted there out of the gauges. */
export function countBackends(kernel: Kernel, meters: Instruments): () => void {
	const operation = bounded();
	const status = bounded();
	/** A backend and its operation together: of each alone there could be as many with each of the others. */
	const standing = bounded();
	const lag = level(meters.log_lag_frames);
	const topics = level(meters.log_topics);
	/** By the name under which it is told how it stands. */
	const levels = new Map<string, { breaker: Level; degraded: Level }>();

	function levelsOf(name: string): { breaker: Level; degraded: Level } {
		const key = standing(name);
		const [backend = '', ...rest] = key.split(':');
		const labels = { backend, operation: rest.join(':') };
		const known = levels.get(key) ?? {
			breaker: level(meters.breaker_state, labels),
			degraded: level(meters.degraded, labels)
		};
		levels.set(key, known);
		return known;
	}

	const resumed = (outcome: ResumeOutcome): void => {
		const isReset = outcome !== 'recovered' && outcome !== 'delta';
		const reason = isReset ? outcome : '';
		meters.resumes_total.inc({ outcome: isReset ? 'reset' : outcome, reason });
	};
	const ran = (name: string, duration: number, outcome: string): void =>
		meters.redis_duration_seconds.observe(
			{ operation: operation(name), status: status(outcome) },
			duration / 1000
		);
	const log: LogObserver = {
		gap: () => meters.log_gaps_total.inc({}),
		checked(followed, behind) {
			topics.set(followed);
			lag.set(behind);
		},
		appended: (duration, isStored) =>
			meters.log_append_duration_seconds.observe(
				{ status: isStored ? 'ok' : 'error' },
				duration / 1000
			)
	};

	const stands = ({ name, state, breaker }: HealthEntry): void => {
		const own = levelsOf(name);
		own.degraded.set(state === 'ok' ? 0 : 1);
		if (breaker !== undefined) own.breaker.set(BREAKER[breaker]);
	};

	let forget: (() => void)[] = [];
	function watch(): void {
		leave();
		const health = kernel.find('health');
		health?.states().forEach(stands);
		forget = [
			kernel.find('streams')?.observe(resumed),
			kernel.find('redis')?.observe(ran),
			kernel.find('replay.log')?.observe?.(log),
			health?.watch(stands)
		].filter((end) => end !== undefined);
	}
	function leave(): void {
		for (const end of forget) end();
		forget = [];
	}

	watch();
	// Services may be others after a change at run time.
	const unhook = kernel.hook('changed', watch);
	return () => {
		unhook();
		leave();
		for (const one of [lag, topics]) one.set(0);
		for (const { breaker, degraded } of levels.values()) {
			breaker.set(0);
			degraded.set(0);
		}
	};
}

/** A gauge that is set: what a registry must have are steps. */
function level(gauge: Gauge, labels: Readonly<Record<string, string>> = {}): Level {
	let now = 0;
	return {
		set(value) {
			const by = value - now;
			now = value;
			if (by < 0) gauge.dec(labels, -by);
			else gauge.inc(labels, by);
		}
	};
}
