/** Cursors: 200 connections move theirs at 60 Hz, and every one of them sees all. */

import assert from 'node:assert/strict';
import { alternate, compare, withServers } from '../compare.mjs';

const CURSORS = 200;
/** Moves of each in a second. */
const RATE = 60;
/** Milliseconds of one turn. */
const MS = 1000;
/** Turns of one round. */
const TURNS = 3;

/** @type {import('../run.mjs').Row} */
export const cursors = {
	name: 'cursors',
	unit: 'bytes delivered per second of server CPU',
	measure: (bench) =>
		withServers(bench, async (sides) => {
			const first = JSON.stringify({ type: 'stream', id: 1, path: 'bench/cursors', args: [] });
			for (const { load, port } of Object.values(sides)) {
				const until = 'stream:snapshot';
				await load.ask('connect', { port, path: '/ws', count: CURSORS, first, until });
			}
			const rounds = await alternate(
				{ ours: () => turn(sides.ours), control: () => turn(sides.control) },
				{ turns: TURNS, say: bench.say }
			);
			assert.equal(sides.ours.shape, sides.control.shape, 'Both servers send the same bytes.');
			const bytes = compare(rounds, (round) => round.bytesPerCpuSecond);
			const of = (measure) => compare(rounds, (round) => round[measure]);
			return {
				...bytes,
				framesPerSecond: of('framesPerSecond').ours,
				controlFramesPerSecond: of('framesPerSecond').control,
				framesPerCpuSecond: of('framesPerCpuSecond').ours,
				controlFramesPerCpuSecond: of('framesPerCpuSecond').control,
				bytesPerFrame: of('bytesPerFrame').ours,
				controlBytesPerFrame: of('bytesPerFrame').control,
				serverBusy: of('busy').ours,
				controlBusy: of('busy').control,
				gates: { 'ratio >= 0.85': bytes.ratio >= 0.85 }
			};
		})
};

async function turn(side) {
	const { server, load } = side;
	await server.ask('begin');
	const { moves, frames, bytes, fewest, sample } = await load.ask('move', { rate: RATE, ms: MS });
	const cpu = await server.ask('end');
	const seconds = MS / 1000;
	assert.ok(moves > CURSORS * RATE * seconds * 0.9, `The load sent ${moves} moves only.`);
	assert.ok(fewest >= (RATE * seconds) / 4, `A connection had ${fewest} frames only.`);
	// One cursor of a frame, without what differs.
	side.shape = sample
		.replace(/"key":"[^"]+"/g, '"key":""')
		.replace(/\d+/g, '0')
		.replace(/\[({.*?}}),.*/, '[$1]');
	return {
		framesPerSecond: frames / seconds,
		framesPerCpuSecond: frames / cpu,
		bytesPerCpuSecond: bytes / cpu,
		bytesPerFrame: bytes / frames,
		busy: cpu / seconds
	};
}
