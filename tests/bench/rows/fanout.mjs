/**
 * Publishing to many: 1000 subscribers and 2000 publishes a second, on an ephemeral and on a
 * logged topic; and how soon one of 100 subscribers has a frame where the server is not busy.
 */

import assert from 'node:assert/strict';
import { alternate, compare, ROUNDS, withServers } from '../compare.mjs';

/** Turns of one round. */
const TURNS = 9;

/**
 * @typedef {{ stream: 'feed' | 'log', subscribers: number, readers: number, count: number, rate: number, tick: number, polls?: boolean }} Load
 * `readers`: subscribers whose frames are read and timed. `tick`: milliseconds between two steps
 * of the publisher; 10 ms at 2000 a second make 20 publishes a step, which keeps the number of
 * system calls at what two cores can do. `polls`: the load never sleeps, which it must not where
 * a wake-up would be the most of what is measured.
 */

/** @type {import('../run.mjs').Row} */
export const fanout = {
	name: 'fanout',
	unit: 'frames delivered per second of server CPU',
	measure: (bench) => throughput(bench, 'feed', 0.95)
};

/** @type {import('../run.mjs').Row} */
export const fanoutLogged = {
	name: 'fanout-logged',
	unit: 'frames delivered per second of server CPU',
	measure: (bench) => throughput(bench, 'log', 0.85)
};

/** @type {import('../run.mjs').Row} */
export const relayLatency = {
	name: 'relay-latency',
	unit: 'ms from publish to receipt, p50',
	async measure(bench) {
		const load = {
			stream: 'log',
			subscribers: 100,
			readers: 20,
			count: 30,
			rate: 200,
			tick: 5,
			polls: true
		};
		const rounds = await deliver(bench, load);
		const p50 = compare(rounds, (round) => round.p50);
		const p99 = compare(rounds, (round) => round.p99);
		return {
			...p50,
			oursP99: p99.ours,
			controlP99: p99.control,
			gates: { 'p50 < 1 ms': p50.ours < 1, 'ratio <= 1.5': p50.ratio <= 1.5 }
		};
	}
};

async function throughput(bench, stream, least) {
	const load = { stream, subscribers: 1000, readers: 10, count: 300, rate: 2000, tick: 10 };
	const rounds = await deliver(bench, load);
	const frames = compare(rounds, (round) => round.perCpuSecond);
	const p50 = compare(rounds, (round) => round.p50);
	const p99 = compare(rounds, (round) => round.p99);
	return {
		...frames,
		expected: load.subscribers * load.count * TURNS * ROUNDS,
		delivered: rounds.ours.reduce((sum, { delivered }) => sum + delivered * TURNS, 0),
		serverBusy: compare(rounds, (round) => round.busy).ours,
		oursP50: p50.ours,
		controlP50: p50.control,
		oursP99: p99.ours,
		controlP99: p99.control,
		ratioP99: p99.ratio,
		gates: { [`ratio >= ${least}`]: frames.ratio >= least, 'p99 <= 1.3': p99.ratio <= 1.3 }
	};
}

/** @param {Load} load */
function deliver(bench, load) {
	const first = JSON.stringify({ type: 'stream', id: 1, path: `bench/${load.stream}`, args: [] });
	return withServers(bench, async (sides) => {
		for (const { load: process, port } of Object.values(sides)) {
			const count = load.subscribers;
			await process.ask('connect', { port, path: '/ws', count, first, until: 'stream:snapshot' });
		}
		const rounds = await alternate(
			{ ours: () => turn(sides.ours, load), control: () => turn(sides.control, load) },
			{ turns: TURNS, say: bench.say }
		);
		assert.equal(sides.ours.shape, sides.control.shape, 'Both servers send the same bytes.');
		return rounds;
	});
}

async function turn(side, { stream, readers, count, rate, tick, polls }) {
	const { server, load: process } = side;
	await process.ask('arm', { each: count, readers, polls, timeout: 15_000 });
	await server.ask('begin');
	const started = performance.now();
	await server.ask('publish', { stream, count, rate, tick });
	const { fewest, most, sample, ...result } = await process.ask('received');
	const seconds = (performance.now() - started) / 1000;
	assert.deepEqual({ fewest, most }, { fewest: count, most: count }, 'Every frame arrives, once.');
	side.shape = sample.replace(/"(at|seq)":\d+/g, '"$1":0');
	const cpu = await server.ask('end');
	return { ...result, perCpuSecond: result.delivered / cpu, busy: cpu / seconds };
}
