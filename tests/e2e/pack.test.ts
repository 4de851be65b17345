import { execFileSync, spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { once } from 'node:events';
import { afterAll, beforeAll, expect, test } from 'vitest';
import WebSocket from 'ws';

const ROOT = new URL('../..', import.meta.url).pathname;
const FIXTURE = join(ROOT, 'tests/fixtures/packed');

/** The packed tarball in an app outside the repository: what ships is what is tested. */
let app: string;
let server: ChildProcess;
let origin: string;

function npm(args: readonly string[], cwd: string): string {
	return execFileSync('npm', args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
}

beforeAll(async () => {
	app = mkdtempSync(join(tmpdir(), 'svelte-realtime-app-'));
	cpSync(FIXTURE, app, { recursive: true });
	const packed = npm(['pack', '--ignore-scripts', '--json', '--pack-destination', app], ROOT);
	const [{ filename }] = JSON.parse(packed) as [{ filename: string }];
	const manifest = JSON.parse(readFileSync(join(app, 'package.json'), 'utf8')) as {
		dependencies: Record<string, string>;
	};
	manifest.dependencies['svelte-realtime'] = `file:${filename}`;
	writeFileSync(join(app, 'package.json'), JSON.stringify(manifest));
	npm(['install', '--no-audit', '--no-fund', '--prefer-offline'], app);
	npm(['run', 'build'], app);

	server = spawn(process.execPath, ['build'], {
		cwd: app,
		env: { ...process.env, PORT: '0', HOST: '127.0.0.1' },
		stdio: ['ignore', 'pipe', 'inherit']
	});
	let output = '';
	for await (const chunk of server.stdout!) {
		output += String(chunk);
		const address = /http:\/\/[\w.]+:\d+/.exec(output);
		if (address) {
			origin = address[0];
			break;
		}
	}
	server.stdout!.resume();
});

afterAll(async () => {
	if (server.exitCode === null) {
		server.kill('SIGTERM');
		await once(server, 'exit');
	}
	rmSync(app, { recursive: true, force: true });
});

test('an app outside the repository type-checks strictly against the packed types', () => {
	const { status, stdout } = spawnSync('npm', ['run', 'check'], { cwd: app, encoding: 'utf8' });

	expect(status, stdout).toBe(0);
});

test('it serves a page that holds the stream it was rendered with', async () => {
	const html = await (await fetch(origin)).text();

	expect(html).toContain('first note');
});

test('its live functions answer over a socket', async () => {
	const socket = new WebSocket(`${origin.replace('http', 'ws')}/ws`, { origin });
	const frames: { type: string; id?: number; data?: unknown; seq?: number }[] = [];
	socket.on('message', (text) => frames.push(JSON.parse(String(text)) as never));
	await once(socket, 'open');

	socket.send(JSON.stringify({ type: 'stream', id: 1, path: 'notes/list', args: [] }));
	socket.send(JSON.stringify({ type: 'rpc', id: 2, path: 'notes/add', args: [{ text: 'hello' }] }));
	const isThere = (wanted: string): boolean => frames.some(({ type }) => type === wanted);
	while (!isThere('event') || !isThere('reply')) await once(socket, 'message');

	expect(frames.map(({ type }) => type)).toContain('stream:snapshot');
	expect(frames.find(({ id }) => id === 2)).toMatchObject({ type: 'reply' });
	expect(frames.find(({ type }) => type === 'event')).toMatchObject({ event: 'created', seq: 1 });
	socket.close();
});

test('an app on cluster() is built without ioredis, and says at its start that it is to be installed', () => {
	const config = join(app, 'realtime.config.ts');
	const before = readFileSync(config, 'utf8');
	writeFileSync(config, before.replaceAll('single', 'cluster'));
	rmSync(join(app, 'build'), { recursive: true });
	npm(['run', 'build'], app);
	writeFileSync(config, before);

	const { status, stderr } = spawnSync(process.execPath, ['build'], {
		cwd: app,
		encoding: 'utf8',
		env: { ...process.env, PORT: '0', HOST: '127.0.0.1' },
		timeout: 20_000
	});

	expect(status).toBe(1);
	expect(stderr).toContain('RT_PACKAGE_MISSING');
	expect(stderr).toContain('npm install ioredis');
});

test('the kit for tests of an app runs where there is no Vitest, nor any bundler', () => {
	const args = ['--test', 'test/live.test.mjs'];
	const { status, stdout } = spawnSync(process.execPath, args, { cwd: app, encoding: 'utf8' });

	expect(status, stdout).toBe(0);
	expect(stdout).toMatch(/^# pass 1$/m);
});
