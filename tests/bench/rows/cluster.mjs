/**
 * Several instances over one Redis: how soon a frame that is published on one is delivered on another,
 * and what it costs three of them to send it to 3000 subscribers. The control is raw pub/sub.
 */

import assert from 'node:assert/strict';
import { alternate, compare, ROUNDS } from '../compare.mjs';
import { startProcess } from '../process.mjs';
import { startRedis } from '../redis.mjs';

const OURS = 'servers/cluster.mjs';
const CONTROL = 'servers/cluster-control.mjs';
const RATE = 2000;

/** @type {import('../run.mjs').Row} */
export const clusterLatency = {
	name: 'cluster-latency',
	unit: 'ms from publish on one instance to delivery on another, p50',
	async measure({ calibrate, say }) {
		const [count, tick] = [400, 1];
		return withInstances({ calibrate, size: 2, args: ['timed'] }, async ({ ours, control }) => {
			const turn = async ([one, other]) => {
				await other.ask('listen', { count });
				await one.ask('publish', { stream: 'log', count, rate: RATE, tick });
				return other.ask('heard');
			};
			const sides = { ours: () => turn(ours), control: () => turn(control) };
			const rounds = await alternate(sides, { turns: 9, say });
			const p50 = compare(rounds, (round) => round.p50);
			const p99 = compare(rounds, (round) => round.p99);
			const gates = { 'p50 <= 1.5': p50.ratio <= 1.5, 'p99 <= 2': p99.ratio <= 2 };
			return { ...p50, oursP99: p99.ours, controlP99: p99.control, ratioP99: p99.ratio, gates };
		});
	}
};

const SUBSCRIBERS = 1000;
const COUNT = 200;
const TURNS = 5;

/** @type {import('../run.mjs').Row} */
export const clusterFanout = {
	name: 'cluster-fanout',
	unit: 'frames delivered per second of the CPU of three servers',
	async measure({ calibrate, say }) {
		return withInstances({ calibrate, size: 3, args: [] }, async (sides) => {
			const [ours, control] = [await subscribed(sides.ours), await subscribed(sides.control)];
			try {
				const rounds = await alternate(
					{ ours: () => turn(sides.ours, ours), control: () => turn(sides.control, control) },
					{ turns: TURNS, say }
				);
				const row = compare(rounds, (round) => round.perCpuSecond);
				const delivered = rounds.ours.reduce((sum, round) => sum + round.delivered * TURNS, 0);
				const expected = 3 * SUBSCRIBERS * COUNT * TURNS * ROUNDS;
				return { ...row, expected, delivered, gates: { 'ratio >= 0.85': row.ratio >= 0.85 } };
			} finally {
				await Promise.all([...ours, ...control].map((load) => load.stop()));
			}
		});
	}
};

/** A load with subscribers for each server. */
async function subscribed(servers) {
	const first = JSON.stringify({ type: 'stream', id: 1, path: 'bench/log', args: [] });
	const loads = servers.map(() => startProcess('load.mjs'));
	for (const [index, load] of loads.entries()) {
		const port = await servers[index].ask('port');
		const until = 'stream:snapshot';
		await load.ask('connect', { port, path: '/ws', count: SUBSCRIBERS, first, until });
	}
	return loads;
}

async function turn(servers, loads) {
	const all = (processes, command, options) =>
		Promise.all(processes.map((process) => process.ask(command, options)));
	await all(loads, 'arm', { each: COUNT, readers: 1, timeout: 30_000 });
	await all(servers, 'begin');
	await servers[0].ask('publish', { stream: 'log', count: COUNT, rate: RATE, tick: 10 });
	const received = await all(loads, 'received');
	for (const { fewest, most } of received) {
		// Connections whose topic was quiet are told where it stands: that is one more frame for some.
		assert.ok(fewest >= COUNT && most <= COUNT + 1, `Every frame, once: ${fewest} to ${most}.`);
	}
	const cpu = (await all(servers, 'end')).reduce((sum, seconds) => sum + seconds, 0);
	const delivered = loads.length * SUBSCRIBERS * COUNT;
	return { delivered, perCpuSecond: delivered / cpu };
}

/** So many instances of each side, over a Redis for each side. */
async function withInstances({ calibrate, size, args }, work) {
	const redis = [await startRedis(), await startRedis()];
	const started = [];
	const start = async (file, { url }) => {
		const side = Array.from({ length: size }, () => startProcess(file, [url, ...args]));
		started.push(...side);
		await Promise.all(side.map((process) => process.ask('port')));
		return side;
	};
	try {
		const control = await start(CONTROL, redis[0]);
		const ours = await start(calibrate ? CONTROL : OURS, redis[1]);
		return await work({ ours, control });
	} finally {
		await Promise.all(started.map((process) => process.stop()));
		await Promise.all(redis.map((server) => server.stop()));
	}
}
