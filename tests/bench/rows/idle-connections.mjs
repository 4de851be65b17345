/**
 * Many connections that follow one logged stream and do nothing: what opening and keeping them costs,
 * and how soon all of them have one publish. Built apps, and a bare server of the same bytes.
 */

import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { compare, medians } from '../compare.mjs';
import { startProcess } from '../process.mjs';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const APPS = join(ROOT, '.cache/bench/idle');
const BENCH = join(ROOT, 'tests/bench');
/** Connections of one process: more do not fit into 20,000 file descriptors with what else it needs. */
const ONE = 18_000;
/** Connections of three processes. */
const THREE = 50_000;
/** Connections of one process of the load, which needs a file descriptor for each as well. */
const PER_LOAD = 9000;
/** Milliseconds of looking at idle connections; both servers ping each of them once in that time. */
const IDLE = 25_000;
/** How often both sides are measured. */
const TURNS = 3;
const STREAM = JSON.stringify({ type: 'stream', id: 1, path: 'idle/feed', args: [] });

/** @type {import('../run.mjs').Row} */
export const idleConnections = {
	name: 'idle-connections',
	unit: 'bytes of memory for a connection',
	async measure({ calibrate, say }) {
		const result = await compared({ count: ONE, say }, calibrate);
		if (calibrate) return result;
		const cookie = 'session=user-#';
		const { bytes: signedIn } = await measured('plain', { count: ONE, say, cookie });
		const { bytes: withRequestEvent } = await measured('events', { count: ONE, say });
		return { ...result, signedIn, withRequestEvent };
	}
};

/** @type {import('../run.mjs').Row} */
export const idleWorkers = {
	name: 'idle-workers',
	unit: 'bytes of memory for a connection',
	measure: ({ calibrate, say }) => compared({ count: THREE, say, workers: 3 }, calibrate)
};

/**
 * Both sides by turns, three times: what the memory of whole processes grows by depends on what each has
 * returned to the system. Of the other fields each is a median of its own.
 */
async function compared(options, calibrate) {
	const rounds = { ours: [], control: [] };
	for (let turn = 0; turn < TURNS; turn++) {
		rounds.control.push(await measured('bare', options));
		rounds.ours.push(await measured(calibrate ? 'bare' : 'plain', options));
	}
	const bytes = compare(rounds, (round) => round.bytes);
	const [ours, control] = [medians(rounds.ours), medians(rounds.control)];
	const fields = ['heap', 'openedPerSecond', 'openedPerCpuSecond', 'idle', 'last'];
	return {
		...bytes,
		...Object.fromEntries(fields.map((name) => [name, [ours[name], control[name]]])),
		gates: {
			'at most 2.5 kB': bytes.ours <= 2500,
			'ratio <= 2.3': bytes.ratio <= 2.3,
			'CPU while idle <= 2 %': ours.idle <= 0.02
		}
	};
}

/**
 * Opens connections, leaves them alone, and publishes once to all of them.
 *
 * Of the first ninth of them the memory is not counted: a server of any number takes that.
 */
async function measured(name, { count, say, cookie, workers }) {
	const server = await startServer(name, workers);
	const loads = Array.from({ length: Math.ceil(count / PER_LOAD) }, () => startProcess('load.mjs'));
	const each = (command, options) =>
		Promise.all(loads.map((load, index) => load.ask(command, options?.(index))));
	const open = (total) =>
		each('connect', (index) => ({
			...{ port: server.port, path: '/ws', first: STREAM, until: 'stream:snapshot', cookie },
			from: `127.0.0.${index + 2}`,
			// Who waits for longer than 10 s for the answer to its upgrade is given up by both servers.
			together: Math.ceil(60 / loads.length),
			count: Math.round(total / loads.length)
		}));
	try {
		const few = Math.round(count / 9);
		await open(few);
		const before = await server.look('memory');
		const [, seconds] = await timed(() => open(count));
		const after = await server.look('memory');
		const begun = await server.look('cpu');
		const [, idleSeconds] = await timed(() => setTimeout(IDLE));
		const { cpu } = await server.look('cpu');
		const last = await tellAll(server.port, each);
		const more = count - few;
		say(`${name} ${count}`);
		return {
			bytes: (after.rss - before.rss) / more,
			heap: (after.heap - before.heap) / more,
			openedPerSecond: more / seconds,
			openedPerCpuSecond: more / (after.opened - before.cpu),
			idle: (cpu - begun.cpu) / idleSeconds / (workers ?? 1),
			last
		};
	} finally {
		await Promise.all([server.stop(), ...loads.map((load) => load.stop())]);
	}
}

async function timed(work) {
	const started = performance.now();
	return [await work(), (performance.now() - started) / 1000];
}

/** Publishes by a call; milliseconds until the last connection has it. */
async function tellAll(port, each) {
	await each('arm', () => ({ each: 1, readers: Infinity, timeout: 30_000 }));
	const caller = startProcess('load.mjs');
	try {
		await caller.ask('connect', { port, path: '/ws', count: 1 });
		const [seconds, nanoseconds] = process.hrtime();
		const args = [{ at: seconds * 1e6 + Math.floor(nanoseconds / 1e3) }];
		const text = JSON.stringify({ type: 'rpc', id: 2, path: 'idle/tell', args });
		await caller.ask('probe', { text, until: '"id":2' });
	} finally {
		await caller.stop();
	}
	const received = await each('received');
	for (const { fewest, most } of received)
		assert.deepEqual({ fewest, most }, { fewest: 1, most: 1 }, 'Every frame arrives, once.');
	return Math.max(...received.map(({ last }) => last));
}

let ports = 20_000 + Math.floor(Math.random() * 10_000);

/** Starts what serves, in as many processes as `workers` says, and what tells of all its processes. */
async function startServer(name, workers) {
	const folder = mkdtempSync(join(tmpdir(), 'idle-'));
	const port = ports++;
	const [file, cwd] =
		name === 'bare' ? [join(BENCH, 'servers/bare-idle.mjs'), BENCH] : ['build', build(name)];
	const env = {
		...process.env,
		NODE_ENV: 'production',
		NODE_OPTIONS: `--expose-gc --import ${join(BENCH, 'servers/idle-inspect.mjs')}`,
		INSPECT_FOLDER: folder,
		HOST: '127.0.0.1',
		PORT: String(port),
		...(workers && { WORKERS: String(workers) })
	};
	const stdio = ['ignore', process.stderr.fd, 'inherit'];
	const child = spawn(process.execPath, [file], { cwd, env, stdio });
	// Whoever starts workers is a process as well.
	const processes = workers === undefined ? 1 : workers + 1;
	while (readdirSync(folder).length < processes || !(await listens(port))) await setTimeout(20);
	return {
		port,
		async look(command) {
			const sockets = readdirSync(folder).map((socket) => join(folder, socket));
			const all = await Promise.all(sockets.map((socket) => inspect(socket, command)));
			const sum = (field) => all.reduce((total, one) => total + one[field], 0);
			return { heap: sum('heap'), rss: sum('rss'), cpu: sum('cpu'), opened: sum('opened') };
		},
		async stop() {
			// Its workers end with it.
			child.kill('SIGKILL');
			await new Promise((resolve) => child.once('exit', resolve));
			rmSync(folder, { recursive: true, force: true });
		}
	};
}

function inspect(path, command) {
	return new Promise((resolve, reject) => {
		let text = '';
		const socket = connect(path, () => socket.write(command));
		socket.on('data', (chunk) => (text += chunk));
		socket.on('end', () => resolve(JSON.parse(text)));
		socket.on('error', reject);
	});
}

function listens(port) {
	return new Promise((resolve) => {
		const socket = connect(port, '127.0.0.1');
		socket.on('error', () => resolve(false));
		socket.on('connect', () => resolve((socket.destroy(), true)));
	});
}

const built = new Set();

/** The app; `plain`: without the live module that names `getRequestEvent`. */
function build(name) {
	const folder = join(APPS, name);
	if (built.has(name)) return folder;
	built.add(name);
	rmSync(folder, { recursive: true, force: true });
	mkdirSync(APPS, { recursive: true });
	cpSync(join(ROOT, 'tests/fixtures/idle'), folder, { recursive: true });
	if (name === 'plain') rmSync(join(folder, 'src/live/events.ts'));
	const vite = join(ROOT, 'node_modules/vite/bin/vite.js');
	const env = { ...process.env, NODE_ENV: 'production' };
	execFileSync(process.execPath, [vite, 'build'], { cwd: folder, env, stdio: 'pipe' });
	return folder;
}
