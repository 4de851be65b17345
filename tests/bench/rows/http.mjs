/** Pages and files over HTTP, against SvelteKit's own Node adapter: the same app, built twice. */

import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { cpSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { alternate, compare, withServers } from '../compare.mjs';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const APPS = join(ROOT, '.cache/bench/http');
const SERVER = 'servers/built-app.mjs';
const CONNECTIONS = 50;
const TURNS = 9;
/** Bytes of the large file. */
const LARGE = 5 * 1024 * 1024;

const perSecond = (row) => ({ unit: 'requests per second of server CPU', ...row });

/** @type {import('../run.mjs').Row} */
export const staticSmall = perSecond({
	name: 'static-small',
	async measure(bench) {
		const row = await requests(bench, '/small.css', 60);
		const bare = await requests(bench, '/small.css', 60, [
			'servers/bare-file.mjs',
			join(build('ours'), 'static/small.css')
		]);
		return {
			...row,
			ofBareServer: bare.ratio,
			gates: { 'ratio >= 6': row.ratio >= 6, 'of a bare server >= 0.8': bare.ratio >= 0.8 }
		};
	}
});

/** @type {import('../run.mjs').Row} */
export const staticLarge = perSecond({
	name: 'static-5mb',
	async measure(bench) {
		const row = await requests(bench, '/large.bin', 300);
		return { ...row, gates: { 'ratio >= 1': row.ratio >= 1 } };
	}
});

/** @type {import('../run.mjs').Row} */
export const ssrHello = perSecond({
	name: 'ssr-hello',
	async measure(bench) {
		const row = await requests(bench, '/', 150);
		const outsideRespond = await outside(bench, '/', 150);
		return { ...row, outsideRespond, gates: { 'ratio >= 2': row.ratio >= 2 } };
	}
});

/** @type {import('../run.mjs').Row} */
export const ssrPage = perSecond({
	name: 'ssr-page',
	async measure(bench) {
		const row = await requests(bench, '/page', 200);
		const outsideRespond = await outside(bench, '/page', 200);
		const gates = {
			'ratio >= 1.3': row.ratio >= 1.3,
			'outside respond <= 15 %': outsideRespond <= 0.15
		};
		return { ...row, outsideRespond, gates };
	}
});

/** @type {import('../run.mjs').Row} */
export const ttfbStream = {
	name: 'ttfb-stream',
	unit: 'ms to the first byte of a page whose promise takes 500 ms',
	async measure({ calibrate, say }) {
		return withServers({ calibrate, ...servers(), load: 'http-load.mjs' }, async (sides) => {
			const measure = async ({ load, port }) => {
				const { begun, text, whole } = await load.ask('first', { port, path: '/stream' });
				assert.match(text, /<h1>Soon<\/h1>/, 'The page is there.');
				assert.doesNotMatch(text, /"late"\]/, 'The promise has not settled.');
				assert.match(whole, /late/, 'It settles.');
				return { begun };
			};
			const turns = { ours: () => measure(sides.ours), control: () => measure(sides.control) };
			const row = compare(await alternate(turns, { turns: 1, say }), (round) => round.begun);
			return { ...row, gates: { 'below 100 ms': row.ours < 100 } };
		});
	}
};

/** @type {import('../run.mjs').Row} */
export const coldStart = {
	name: 'cold-start',
	unit: 'ms from the start of the process to its first answer',
	async measure({ calibrate, say }) {
		const control = build('node');
		const ours = calibrate ? control : build('ours');
		const turns = { ours: () => start(ours), control: () => start(control) };
		const row = compare(await alternate(turns, { turns: 3, say }), (round) => round.ms);
		return { ...row, gates: { 'ratio <= 1.2': row.ratio <= 1.2 } };
	}
};

const servers = () => ({ control: [SERVER, build('node')], ours: [SERVER, build('ours')] });

/** @param {number} ms Milliseconds of one turn. */
function requests({ calibrate, say }, path, ms, control) {
	const both = { ...servers(), ...(control && { control }), load: 'http-load.mjs' };
	return withServers({ calibrate, ...both }, async (sides) => {
		for (const { load, port } of Object.values(sides)) {
			const head = await load.ask('open', { port, path, count: CONNECTIONS });
			assert.match(head, /^HTTP\/1\.1 200 OK/);
		}
		const turn = (side) => turnOf(side, ms);
		const measures = { ours: () => turn(sides.ours), control: () => turn(sides.control) };
		const rounds = await alternate(measures, { turns: TURNS, say });
		const { ours: oursPerSecond, control: controlPerSecond } = compare(
			rounds,
			(round) => round.perSecond
		);
		return { ...compare(rounds, (round) => round.perCpuSecond), oursPerSecond, controlPerSecond };
	});
}

async function turnOf({ server, load }, ms) {
	await server.ask('begin');
	const { requests: count, seconds } = await load.ask('get', { ms });
	return { perCpuSecond: count / (await server.ask('end')), perSecond: count / seconds };
}

/** The part of a request's processor time that is not SvelteKit's own `respond`, from 0 to 1. */
function outside({ calibrate, say }, path, ms) {
	const app = build(calibrate ? 'node' : 'ours');
	const both = { control: ['servers/respond.mjs', app], ours: [SERVER, app] };
	return withServers({ calibrate: false, ...both, load: 'http-load.mjs' }, async (sides) => {
		const { load, port } = sides.ours;
		await load.ask('open', { port, path, count: CONNECTIONS });
		const respond = async ({ server }) => {
			await server.ask('begin');
			const count = await server.ask('respond', { path, ms });
			return { perCpuSecond: count / (await server.ask('end')) };
		};
		const measures = {
			ours: () => turnOf(sides.ours, ms),
			control: () => respond(sides.control)
		};
		const rounds = await alternate(measures, { turns: TURNS, say });
		return 1 - compare(rounds, (round) => round.perCpuSecond).ratio;
	});
}

/** Starts what was built, and asks until it answers. */
async function start(folder) {
	const port = 20_000 + Math.floor(Math.random() * 20_000);
	const env = { ...process.env, HOST: '127.0.0.1', PORT: String(port), NODE_ENV: 'production' };
	const started = performance.now();
	const child = spawn(process.execPath, ['build'], { cwd: folder, env, stdio: 'ignore' });
	try {
		while (!(await answers(port))) await new Promise((resolve) => setTimeout(resolve, 1));
		return { ms: performance.now() - started };
	} finally {
		child.kill('SIGKILL');
		await new Promise((resolve) => child.once('exit', resolve));
	}
}

function answers(port) {
	return new Promise((resolve) => {
		const socket = connect({ port, host: '127.0.0.1' });
		socket.on('error', () => resolve(false));
		socket.once('connect', () => socket.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n'));
		socket.once('data', () => resolve((socket.destroy(), true)));
	});
}

const built = new Set();

/** The app, built for one adapter; once a run. */
function build(adapter) {
	const folder = join(APPS, adapter);
	if (built.has(adapter)) return folder;
	rmSync(folder, { recursive: true, force: true });
	mkdirSync(APPS, { recursive: true });
	cpSync(join(ROOT, 'tests/fixtures/http'), folder, { recursive: true });
	writeFileSync(join(folder, 'static/large.bin'), Buffer.alloc(LARGE, 'abcdefghij'));
	const vite = join(ROOT, 'node_modules/vite/bin/vite.js');
	const env = { ...process.env, NODE_ENV: 'production', ADAPTER: adapter };
	execFileSync(process.execPath, [vite, 'build'], { cwd: folder, env, stdio: 'pipe' });
	built.add(adapter);
	return folder;
}
