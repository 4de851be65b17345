/**
 * Calls of 100 connections in a closed loop, against a bare server that parses and answers the
 * same JSON at once; to a function that answers at once as well, and to one that is `async`.
 */

import assert from 'node:assert/strict';
import { alternate, compare, withServers } from '../compare.mjs';

const CONNECTIONS = 100;
const TURNS = 15;
/** Milliseconds of one turn. */
const MS = 80;
const ARGS = [{ text: 'Hello from a benchmark', count: 42 }];
const UNIT = 'calls per second of server CPU';

/** @type {import('../run.mjs').Row} */
export const rpc = {
	name: 'rpc',
	unit: UNIT,
	async measure(bench) {
		const row = await calls(bench, 'bench/echo');
		return { ...row, gates: { 'ratio >= 0.75': row.ratio >= 0.75 } };
	}
};

/** Has no gate: the bare server makes no promise at all. @type {import('../run.mjs').Row} */
export const rpcAsync = {
	name: 'rpc-async',
	unit: UNIT,
	measure: async (bench) => ({ ...(await calls(bench, 'bench/later')), gates: {} })
};

function calls(bench, path) {
	const text = JSON.stringify({ type: 'rpc', id: 1000000, path, args: ARGS });
	const first = JSON.stringify({ type: 'rpc:session', session: 'connection-number-#' });
	return withServers(bench, async (sides) => {
		const replies = {};
		for (const [name, { load, port }] of Object.entries(sides)) {
			await load.ask('connect', { port, path: '/ws', count: CONNECTIONS, first });
			replies[name] = await load.ask('probe', { text, until: '"id":1000000' });
		}
		assert.equal(replies.ours, replies.control, 'Both servers answer with the same bytes.');

		const rounds = await alternate(
			{ ours: () => turn(sides.ours, text), control: () => turn(sides.control, text) },
			{ turns: TURNS, say: bench.say }
		);
		const wall = compare(rounds, (round) => round.perSecond);
		return {
			...compare(rounds, (round) => round.perCpuSecond),
			oursPerSecond: wall.ours,
			controlPerSecond: wall.control,
			ratioPerSecond: wall.ratio
		};
	});
}

async function turn({ server, load }, text) {
	await server.ask('begin');
	const { calls, seconds } = await load.ask('call', { text, ms: MS });
	const cpu = await server.ask('end');
	return { perCpuSecond: calls / cpu, perSecond: calls / seconds };
}
