/** Pages and files over HTTP, against SvelteKit's own Node adapter: the same app, built twice. */

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { connect } from 'node:net';
import { join } from 'node:path';
import { alternate, compare, withServers } from '../compare.mjs';
import { buildFixture, buildPlayground } from './http-apps.mjs';

const SERVER = 'servers/built-app.mjs';
const CONNECTIONS = 50;
const TURNS = 9;
/** Milliseconds under load before anything is measured: a page is much code, which is compiled by use. */
const WARM = 3000;

const perSecond = (row) => ({ unit: 'requests per second of server CPU', ...row });

/** @type {import('../run.mjs').Row} */
export const staticSmall = perSecond({
	name: 'static-small',
	async measure(bench) {
		const row = await requests(bench, { path: '/small.css', ms: 60 });
		const file = join(buildFixture('ours'), 'static/small.css');
		const control = ['servers/bare-file.mjs', file];
		const bare = await requests(bench, { path: '/small.css', ms: 60, control });
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
		const row = await requests(bench, { path: '/large.bin', ms: 300 });
		return { ...row, gates: { 'ratio >= 1': row.ratio >= 1 } };
	}
});

/** @type {import('../run.mjs').Row} */
export const ssrHello = perSecond({
	name: 'ssr-hello',
	async measure(bench) {
		const asked = { path: '/', ms: 150 };
		const row = await requests(bench, asked);
		const outsideRespond = await outside(bench, asked);
		return { ...row, outsideRespond, gates: { 'ratio >= 2': row.ratio >= 2 } };
	}
});

/** Of somebody who has been there before, so that the page sets no cookie. */
const VISITOR = 'Cookie: visitor=0123456789abcdefghijkl';

/** @type {import('../run.mjs').Row} */
export const ssrPage = perSecond({
	name: 'ssr-page',
	async measure(bench) {
		const asked = { path: '/', ms: 300, headers: [VISITOR], app: buildPlayground, prepare: fill };
		const row = await requests(bench, asked);
		const outsideRespond = await outside(bench, asked);
		const gates = {
			'ratio >= 1.3': row.ratio >= 1.3,
			'outside respond <= 15 %': outsideRespond <= 0.15
		};
		return { ...row, outsideRespond, gates };
	}
});

/** @type {import('../run.mjs').Row} */
export const ssrShared = perSecond({
	name: 'ssr-shared',
	async measure(bench) {
		const server = [SERVER, buildFixture('ours')];
		const both = { control: server, ours: [...server, 'SHARE_RENDERS=true'] };
		const row = await requests(bench, { path: '/page', ms: 200, ...both });
		const hello = await requests(bench, { path: '/', ms: 150, ...both });
		const apart = await requests(bench, { path: '/?connection=#', ms: 150, ...both });
		const gates = { 'ratio >= 2': row.ratio >= 2, 'apart >= 0.85': apart.ratio >= 0.85 };
		return { ...row, hello: hello.ratio, apart: apart.ratio, gates };
	}
});

/** Puts something onto the page; returns it, as it is in every process. */
async function fill({ port }) {
	const url = `http://127.0.0.1:${port}`;
	assert.equal((await fetch(`${url}/fill`)).status, 204);
	const [name, value] = VISITOR.split(': ');
	const page = await (await fetch(url, { headers: { [name]: value } })).text();
	assert.match(page, /Message 39[^]*Something to do, 24/, 'What was put there is on the page.');
	return withoutChance(page);
}

/** A page without what is another one for each process: ids, times, where streams begin. */
function withoutChance(page) {
	return page
		.replace(/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, 'id')
		.replace(/\d{4}-\d\d-\d\dT[\d:.]+Z|\b1\d{12}\b|\b\d\d?:\d\d\b/g, 'time')
		.replace(/epoch:"[^"]+"/g, 'epoch');
}

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
		const control = buildFixture('node');
		const ours = calibrate ? control : buildFixture('ours');
		const turns = { ours: () => start(ours), control: () => start(control) };
		const row = compare(await alternate(turns, { turns: 3, say }), (round) => round.ms);
		return { ...row, gates: { 'ratio <= 1.2': row.ratio <= 1.2 } };
	}
};

const servers = (app = buildFixture) => ({
	control: [SERVER, app('node')],
	ours: [SERVER, app('ours')]
});

/**
 * @param {{ path: string, ms: number, headers?: string[], app?: (adapter: string) => string,
 * control?: string[], ours?: string[], prepare?: (side: object) => Promise<string> }} asked `ms`:
 * milliseconds of one turn; `prepare` returns what must be the same on both sides; a `#` in the path is
 * the number of the connection.
 */
function requests({ calibrate, say }, { path, ms, headers, app, prepare, ...given }) {
	const both = given.ours ? given : { ...servers(app), ...given };
	return withServers({ calibrate, ...both, load: 'http-load.mjs' }, async (sides) => {
		const prepared = await Promise.all(Object.values(sides).map((side) => prepare?.(side)));
		assert.equal(prepared[0], prepared[1], 'Both render the same page.');
		for (const { load, port } of Object.values(sides)) {
			const head = await load.ask('open', { port, path, headers, count: CONNECTIONS });
			assert.match(head, /^HTTP\/1\.1 200 OK/);
			await load.ask('get', { ms: WARM });
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
function outside({ calibrate, say }, { path, ms, headers, app = buildFixture, prepare }) {
	const folder = app(calibrate ? 'node' : 'ours');
	const both = { control: ['servers/respond.mjs', folder], ours: [SERVER, folder] };
	return withServers({ calibrate: false, ...both, load: 'http-load.mjs' }, async (sides) => {
		const { load, port } = sides.ours;
		await prepare?.(sides.ours);
		if (prepare) await sides.control.server.ask('respond', { path: '/fill', ms: 0 });
		await load.ask('open', { port, path, headers, count: CONNECTIONS });
		const respond = async ({ server }) => {
			await server.ask('begin');
			const count = await server.ask('respond', { path, ms, headers });
			return { perCpuSecond: count / (await server.ask('end')) };
		};
		const measures = {
			ours: () => turnOf(sides.ours, ms),
			control: () => respond(sides.control)
		};
		await load.ask('get', { ms: WARM });
		await sides.control.server.ask('respond', { path, ms: WARM, headers });
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
