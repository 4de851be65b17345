/**
 * Calls of 100 connections in a closed loop, through the guard of a folder, the guard of a module, a
 * schema and the default limit, against the same function with nothing in front of it.
 */

import assert from 'node:assert/strict';
import { alternate, compare, withServers } from '../compare.mjs';

const CONNECTIONS = 100;
const TURNS = 15;
/** Milliseconds of one turn. */
const MS = 80;
const ARGS = [{ text: 'Hello from a benchmark', count: 42 }];
const SERVERS = { control: 'servers/bare-call.mjs', ours: 'servers/guarded-call.mjs' };

/** @type {import('../run.mjs').Row} */
export const guardedCall = {
	name: 'guarded-call',
	unit: 'calls per second of server CPU',
	async measure({ calibrate, say }) {
		const call = { type: 'rpc', id: 1000000, path: 'admin/users/echo', args: ARGS };
		const text = JSON.stringify(call);
		const first = JSON.stringify({ type: 'rpc:session', session: 'connection-number-#' });
		return withServers({ calibrate, ...SERVERS }, async (sides) => {
			for (const { load, port } of Object.values(sides)) {
				await load.ask('connect', { port, path: '/ws', count: CONNECTIONS, first });
				const reply = await load.ask('probe', { text, until: '"id":1000000' });
				assert.match(JSON.stringify(reply), /Hello from a benchmark/, 'The function has run.');
			}
			const rounds = await alternate(
				{ ours: () => turn(sides.ours, text), control: () => turn(sides.control, text) },
				{ turns: TURNS, say }
			);
			const row = compare(rounds, (round) => round.perCpuSecond);
			return { ...row, gates: { 'ratio >= 0.8': row.ratio >= 0.8 } };
		});
	}
};

async function turn({ server, load }, text) {
	await server.ask('begin');
	const { calls } = await load.ask('call', { text, ms: MS });
	return { perCpuSecond: calls / (await server.ask('end')) };
}
