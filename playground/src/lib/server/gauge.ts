/** What the server process is up to, measured from time to time. */

import { performance } from 'node:perf_hooks';
import { SAMPLES_KEPT, type Sample } from '$lib/model';

const samples: Sample[] = [];
let before = performance.eventLoopUtilization();

export const gauge = {
	/** Oldest first. */
	list(): readonly Sample[] {
		return [...samples];
	},

	/** Measures, and keeps what came of it; the oldest gives way where there are too many. */
	take(): Sample {
		const now = performance.eventLoopUtilization();
		const { utilization } = performance.eventLoopUtilization(now, before);
		before = now;
		const sample = {
			at: Date.now(),
			busy: Math.round(utilization * 1000) / 1000,
			memory: process.memoryUsage.rss()
		};
		if (samples.push(sample) > SAMPLES_KEPT) samples.shift();
		return sample;
	}
};
