/** What kind of schedule a seed is: how much of everything, within what bounds. */

import type { Random } from './random.ts';

export type Action =
	| 'call'
	| 'batch'
	| 'publish'
	| 'burst'
	| 'point'
	| 'follow'
	| 'leave'
	| 'hydrate'
	| 'cut'
	| 'halfOpen'
	| 'late'
	| 'stall'
	| 'unreachable'
	| 'reconnect'
	| 'close'
	| 'restart'
	| 'crash'
	| 'wait';

export interface Profile {
	readonly clients: number;
	readonly actions: number;
	/** Milliseconds between two actions, at most. */
	readonly pace: number;
	readonly weights: Readonly<Record<Action, number>>;
	/** Milliseconds one way, for each client. */
	readonly latency: readonly [least: number, most: number];
	readonly duplicates: number;
	/** Frames that the log keeps per topic. */
	readonly logSize: number;
	/** Topics that the log remembers. */
	readonly logTopics: number;
	/** Bytes that may wait for one connection. */
	readonly sendBuffer: number;
	/** Milliseconds that a loader takes, at most. */
	readonly loading: number;
	/** Chance that a loader fails for now. */
	readonly loadFailures: number;
	/** Milliseconds between a commit and its publish, at most; 0 = the same moment. */
	readonly publishing: number;
	/** Rooms that are spoken about. */
	readonly rooms: number;
}

export function profileOf(random: Random): Profile {
	const some = (most: number): number => (random.chance(0.4) ? 0 : random.next() * most);
	return {
		clients: random.between(1, 4),
		actions: random.between(20, 70),
		pace: random.pick([20, 200, 1000]),
		weights: {
			call: 8,
			batch: some(2),
			publish: 12,
			burst: some(2),
			point: some(3),
			follow: 8,
			leave: some(6),
			hydrate: some(4),
			cut: some(4),
			halfOpen: some(3),
			late: some(3),
			stall: some(4),
			unreachable: some(2),
			reconnect: some(1),
			close: some(0.5),
			restart: some(1),
			crash: some(1.5),
			wait: some(3)
		},
		latency: [0, random.pick([1, 20, 200])],
		duplicates: some(0.4),
		logSize: random.pick([2, 4, 10, 1000]),
		logTopics: random.pick([1, 2, 4, 100_000]),
		sendBuffer: random.pick([300, 1000, 1024 * 1024]),
		loading: random.pick([0, 30, 400]),
		loadFailures: some(0.2),
		publishing: random.chance(0.25) ? 80 : 0,
		rooms: random.between(1, 4)
	};
}
