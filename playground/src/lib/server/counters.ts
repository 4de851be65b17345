/** A plugin of this app: counts what happens on the server, and shows it to whoever follows. */

import { definePlugin } from 'svelte-realtime';
import type { Middleware } from 'svelte-realtime/plugins/middleware';
import type { Counts, Timing } from '../model';

/** The topic on which they are told. */
export const COUNTERS = 'plugins:counters';
/** Milliseconds between two tellings. */
const INTERVAL = 250;

export interface Counters {
	/** Counts something under a name of the app's own. */
	count(name: string, by?: number): void;
	/** Notes how long a live function took, in milliseconds. */
	time(path: string, ms: number): void;
	read(): Counts;
}

declare module 'svelte-realtime/kernel' {
	interface Capabilities {
		counters: Counters;
	}
}

export const counters = definePlugin({
	name: 'counters',
	provides: ['counters'],
	setup(kernel) {
		const tallies = new Map<string, number>();
		const timings = new Map<string, Timing>();
		let hasChanged = false;

		function count(name: string, by = 1): void {
			tallies.set(name, (tallies.get(name) ?? 0) + by);
			hasChanged = true;
		}

		const read = (): Counts => ({
			open: kernel.connections.size,
			tallies: Object.fromEntries(tallies),
			timings: Object.fromEntries(timings)
		});

		kernel.hook('open', () => count('opened'));
		kernel.hook('close', () => count('closed'));
		kernel.hook('upgrade', (ctx) => {
			ctx.whenAnswered((denial) => {
				if (denial) count('refused');
			});
		});
		kernel.hook('limited', ({ limit }) => count(`limited ${limit}`));
		kernel.hook('published', ({ topic }) => {
			if (topic.startsWith('plugins:') && topic !== COUNTERS) count(`published ${topic}`);
		});

		kernel.declareTopics(COUNTERS, 'ephemeral');
		kernel.clock.every(INTERVAL, () => {
			if (!hasChanged) return;
			hasChanged = false;
			// To the pages of this instance: what the others have counted, they tell theirs.
			const value = kernel.values.encode(read(), COUNTERS);
			kernel.deliver({ topic: COUNTERS, event: 'set', value, seq: 0, epoch: '', origin: 'local' });
		});
		kernel.provide('counters', {
			count,
			read,
			time(path, ms) {
				const { calls, total } = timings.get(path) ?? { calls: 0, total: 0 };
				// The latest is the last one.
				timings.delete(path);
				timings.set(path, { calls: calls + 1, total: total + ms });
				hasChanged = true;
			}
		});
	}
});

/** Measures every call and every subscription. */
export const timed: Middleware = async ({ ctx, path }, next) => {
	const begun = performance.now();
	try {
		return await next();
	} finally {
		ctx.counters.time(path, performance.now() - begun);
	}
};
