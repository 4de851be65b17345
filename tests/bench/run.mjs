/**
 * `npm run bench`: our rows, each against a control in the same run. README.md says how to read them.
 *
 * @typedef {{ calibrate: boolean, say: (text: string) => void }} Bench
 * @typedef {{ ours: number, control: number, ratio: number, gates: Record<string, boolean> }} Measured
 * Further fields are printed as they are.
 * @typedef {{ name: string, unit: string, measure: (bench: Bench) => Promise<Measured> }} Row
 */

import { parseArgs } from 'node:util';
import { requireBuild, requireNative, showMachine } from './machine.mjs';
import { clientSize, clientSizeDevalue } from './rows/client-size.mjs';
import { clusterFanout, clusterLatency } from './rows/cluster.mjs';
import { clusterPublish, clusterPublishBatch } from './rows/cluster-publish.mjs';
import { cursors } from './rows/cursors.mjs';
import { derived } from './rows/derived.mjs';
import { fanout, fanoutLogged, relayLatency } from './rows/fanout.mjs';
import { guardedCall } from './rows/guarded-call.mjs';
import {
	coldStart,
	ssrHello,
	ssrPage,
	ssrShared,
	staticLarge,
	staticSmall,
	ttfbStream
} from './rows/http.mjs';
import { idleConnections, idleWorkers } from './rows/idle-connections.mjs';
import { presenceIdle } from './rows/presence-idle.mjs';
import { presenceJoin } from './rows/presence-join.mjs';
import { mergeCrud, optimistic } from './rows/lists.mjs';
import { publishHooks } from './rows/publish-hooks.mjs';
import { ratelimit } from './rows/ratelimit.mjs';
import { requestEvent } from './rows/request-event.mjs';
import { resume } from './rows/resume.mjs';
import { rpc, rpcAsync } from './rows/rpc.mjs';
import { scan } from './rows/scan.mjs';
import { throttle } from './rows/throttle.mjs';
import { types } from './rows/types.mjs';

const ROWS = [
	rpc,
	rpcAsync,
	guardedCall,
	requestEvent,
	fanout,
	fanoutLogged,
	relayLatency,
	cursors,
	clusterPublish,
	clusterPublishBatch,
	clusterLatency,
	clusterFanout,
	presenceJoin,
	presenceIdle,
	publishHooks,
	resume,
	mergeCrud,
	optimistic,
	throttle,
	derived,
	ratelimit,
	staticSmall,
	staticLarge,
	ssrHello,
	ssrPage,
	ssrShared,
	ttfbStream,
	coldStart,
	idleConnections,
	idleWorkers,
	scan,
	types,
	clientSize,
	clientSizeDevalue
];
const USAGE = `npm run bench -- [--check] [--calibrate] [${ROWS.map((row) => row.name).join(' | ')}]...`;

const { values: flags, positionals: names } = parseArgs({
	allowPositionals: true,
	options: { check: { type: 'boolean' }, calibrate: { type: 'boolean' } }
});
const unknown = names.filter((name) => !ROWS.some((row) => row.name === name));
if (unknown.length > 0) fail(`There is no row ${unknown.join(', ')}.\n${USAGE}`);

const problem = (await requireNative()) ?? (flags.calibrate ? undefined : requireBuild());
if (problem !== undefined) fail(problem);
showMachine();

let missed = 0;
for (const row of ROWS) {
	if (names.length > 0 && !names.includes(row.name)) continue;
	process.stderr.write(`${row.name}:`);
	try {
		missed += await show(row);
	} catch (error) {
		// The other rows still say something; a row that cannot be measured fails in any case.
		console.error(' FAILED\n', error);
		process.exitCode = 1;
	}
}
if (flags.check && missed > 0) process.exitCode = 1;

/** Prints a row; returns how many of its gates it missed. */
async function show(row) {
	const say = (text) => process.stderr.write(` ${text}`);
	const measured = await row.measure({ calibrate: flags.calibrate === true, say });
	const { ours, control, ratio, gates, ...more } = measured;
	const missed = Object.keys(gates).filter((gate) => !gates[gate]);
	console.error(missed.length === 0 ? ' ok' : ` MISSED ${missed.join(', ')}`);
	const line = { row: row.name, ours, control, ratio, unit: row.unit, ...more, missed };
	console.log(
		JSON.stringify(line, (_, value) => (typeof value === 'number' ? round(value) : value))
	);
	return missed.length;
}

function round(value) {
	return Math.abs(value) >= 1000 ? Math.round(value) : Number(value.toPrecision(4));
}

function fail(reason) {
	console.error(reason);
	process.exit(2);
}
