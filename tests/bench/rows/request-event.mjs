/**
 * Calls of 100 connections in a closed loop to a function that reads `getRequestEvent()`, in an app
 * of SvelteKit's, against the same function that reads `ctx.user` in the same app without it. Beside
 * it: a function with `context: 'request'`, for which `handle` runs each time.
 */

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { alternate, compare, withServers } from '../compare.mjs';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const APPS = join(ROOT, '.cache/bench/request-event');
const SERVER = 'servers/built-app.mjs';
const CONNECTIONS = 100;
const TURNS = 15;
/** Milliseconds of one turn. */
const MS = 80;
const ARGS = [{ text: 'Hello from a benchmark', count: 42 }];

/** @type {import('../run.mjs').Row} */
export const requestEvent = {
	name: 'request-event',
	unit: 'calls per second of server CPU',
	async measure({ calibrate, say }) {
		const [events, plain] = [build('events', true), build('plain', false)];
		say('built');
		const servers = { control: [SERVER, plain], ours: [SERVER, events] };
		return withServers({ calibrate, ...servers }, async (sides) => {
			const paths = { ours: calibrate ? 'plain/echo' : 'events/echo', control: 'plain/echo' };
			const connect = async (side) => {
				const { load, port } = sides[side];
				const first = JSON.stringify({ type: 'rpc:session', session: 'connection-number-#' });
				await load.ask('connect', { port, path: '/ws', count: CONNECTIONS, first });
				const text = callOf(paths[side]);
				const reply = await load.ask('probe', { text, until: '"id":1000000' });
				assert.match(JSON.stringify(reply), /nobody.*Hello from a benchmark/, 'It has run.');
				return () => turn(sides[side], text);
			};
			const measures = { ours: await connect('ours'), control: await connect('control') };
			const row = compare(
				await alternate(measures, { turns: TURNS, say }),
				(round) => round.perCpuSecond
			);
			const fresh = calibrate ? undefined : await turn(sides.ours, callOf('events/fresh'), 1000);
			const cost = (perSecond) => Number((1e6 / perSecond).toFixed(2));
			return {
				...row,
				...(fresh && {
					fresh: fresh.perCpuSecond,
					microseconds: {
						plain: cost(row.control),
						event: cost(row.ours),
						fresh: cost(fresh.perCpuSecond)
					}
				}),
				gates: { 'ratio >= 0.75': row.ratio >= 0.75 }
			};
		});
	}
};

const callOf = (path) => JSON.stringify({ type: 'rpc', id: 1000000, path, args: ARGS });

async function turn({ server, load }, text, ms = MS) {
	await server.ask('begin');
	const { calls } = await load.ask('call', { text, ms });
	return { perCpuSecond: calls / (await server.ask('end')) };
}

/** A built copy of the app; without its live module `events` nothing in it names the event. */
function build(name, hasEvents) {
	const folder = join(APPS, name);
	rmSync(folder, { recursive: true, force: true });
	mkdirSync(APPS, { recursive: true });
	cpSync(join(ROOT, 'tests/fixtures/request-event'), folder, { recursive: true });
	if (!hasEvents) rmSync(join(folder, 'src/live/events.ts'));
	const vite = join(ROOT, 'node_modules/vite/bin/vite.js');
	const env = { ...process.env, NODE_ENV: 'production' };
	execFileSync(process.execPath, [vite, 'build'], { cwd: folder, env, stdio: 'pipe' });
	return folder;
}
