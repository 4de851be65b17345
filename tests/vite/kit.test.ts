/** A real SvelteKit app with `[sveltekit(), uws(), realtime()]`: built, previewed, developed. */

import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import {
	cp,
	mkdir,
	mkdtemp,
	readdir,
	readFile,
	realpath,
	rm,
	symlink,
	writeFile
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { WebSocket } from 'ws';

const repository = fileURLToPath(new URL('../..', import.meta.url));
const SECRET = 'postgres://only-the-server-may-know';
let root: string;
let running: ChildProcess | undefined;

const VITE_CONFIG = `import { sveltekit } from '@sveltejs/kit/vite';
import { realtime, uws } from ${JSON.stringify(join(repository, 'vite/index.ts'))};
const conditions = (...own) => ['source', 'module', ...own, 'development|production'];
export default {
	plugins: [sveltekit(), uws(), realtime()],
	resolve: { conditions: conditions('browser') },
	ssr: { resolve: { conditions: conditions('node') } }
};
`;

beforeAll(async () => {
	root = await realpath(await mkdtemp(join(tmpdir(), 'kit-app-')));
	await cp(new URL('./cases/kit', import.meta.url), root, { recursive: true });
	await writeFile(join(root, 'package.json'), '{ "name": "kit-app", "type": "module" }');
	await writeFile(join(root, 'vite.config.js'), VITE_CONFIG);
	await writeFile(join(root, '.env'), `DATABASE_URL=${SECRET}\n`);
	await mkdir(join(root, 'node_modules'));
	for (const name of await readdir(join(repository, 'node_modules'))) {
		if (name.startsWith('.') || name === 'svelte-realtime') continue;
		await symlink(join(repository, 'node_modules', name), join(root, 'node_modules', name));
	}
	await symlink(repository, join(root, 'node_modules/svelte-realtime'), 'dir');
	await build();
}, 120_000);

afterEach(async () => {
	if (!running) return;
	const ended = once(running, 'exit');
	running.kill();
	await ended;
	running = undefined;
});

afterAll(() => rm(root, { recursive: true, force: true }));

function vite(...args: string[]): ChildProcess {
	// What vitest sets for itself must not reach an app's build.
	const { NODE_ENV: _, VITEST: __, TEST: ___, ...env } = process.env;
	return spawn(process.execPath, [join(repository, 'node_modules/vite/bin/vite.js'), ...args], {
		cwd: root,
		env: { ...env, NO_COLOR: '1' }
	});
}

async function build(): Promise<void> {
	const child = vite('build');
	let log = '';
	child.stdout?.on('data', (text: Buffer) => (log += text.toString()));
	child.stderr?.on('data', (text: Buffer) => (log += text.toString()));
	const [code] = (await once(child, 'exit')) as [number];
	if (code !== 0) throw new Error(log);
}

/** Starts `vite preview` or `vite dev`, and returns its host. */
async function start(...args: string[]): Promise<string> {
	const child = vite(...args, '--host', '127.0.0.1');
	running = child;
	let log = '';
	return new Promise((resolve, reject) => {
		const read = (text: Buffer): void => {
			log += text.toString();
			const [, host] = /http:\/\/(127\.0\.0\.1:\d+)/.exec(log) ?? [];
			if (host) resolve(host);
		};
		child.stdout?.on('data', read);
		child.stderr?.on('data', read);
		child.once('exit', () => reject(new Error(log)));
	});
}

async function callOver(host: string): Promise<unknown> {
	const socket = new WebSocket(`ws://${host}/base/ws`, { origin: `http://${host}` });
	await once(socket, 'open');
	const replied = new Promise((resolve) => {
		socket.on('message', (raw: Buffer) => {
			const frames = [JSON.parse(raw.toString()) as unknown].flat() as Record<string, unknown>[];
			const reply = frames.find(({ type }) => type === 'reply');
			if (reply) resolve(reply['data']);
		});
	});
	socket.send(JSON.stringify({ type: 'rpc', id: 1, path: 'chat/send', args: ['hi'] }));
	return replied.finally(() => socket.terminate());
}

test('the build has the realtime side as one more entry of the server', async () => {
	const source = await readFile(join(root, '.svelte-kit/output/server/realtime.js'), 'utf8');

	const exported = /export \{([^}]+)\};\s*$/.exec(source)?.[1];
	expect(
		exported
			?.split(',')
			.map((name) => name.trim().split(' as ').at(-1))
			.sort()
	).toEqual(['createApp', 'embed', 'load', 'start']);
});

test('the realtime side needs no package at run time but SvelteKit’s errors, which adapters take in', async () => {
	const source = await readFile(join(root, '.svelte-kit/output/server/realtime.js'), 'utf8');

	const imported = [...source.matchAll(/^import .*?["']([^"']+)["'];$/gm)].map(([, from]) => from);
	expect(imported.length).toBeGreaterThan(3);
	expect(imported.filter((from) => !/^(node:|\.\/)/.test(from ?? ''))).toEqual(['@sveltejs/kit']);
});

test('the package is one instance for pages and realtime side', async () => {
	const server = join(root, '.svelte-kit/output/server');
	const entries = await readdir(server, { recursive: true });
	const sources = await Promise.all(
		entries
			.filter((name) => name.endsWith('.js'))
			.map((name) => readFile(join(server, name), 'utf8'))
	);

	expect(
		sources.filter((source) => /class RealtimeError\b|RealtimeError = class/.test(source))
	).toHaveLength(1);
	expect(sources.some((source) => /from ["']svelte-realtime/.test(source))).toBe(false);
});

test('the browser gets the path of the socket with the base path, and no server code', async () => {
	const client = join(root, '.svelte-kit/output/client');
	const entries = await readdir(client, { recursive: true });
	const sources = await Promise.all(
		entries
			.filter((name) => name.endsWith('.js'))
			.map((name) => readFile(join(client, name), 'utf8'))
	);
	const all = sources.join('\n');

	expect(all).toContain('/base/ws');
	expect(all).toContain('chat/send');
	expect(all).not.toContain('DATABASE_URL');
	expect(all).not.toContain(SECRET);
});

test('vite preview serves pages with their streams, and the socket', async () => {
	const host = await start('preview', '--port', '0');

	const html = await (await fetch(`http://${host}/base`)).text();
	expect(html).toContain(`<p>from ${SECRET}</p>`);
	expect(await callOver(host)).toBe(`hi by ${SECRET}`);
}, 60_000);

test('vite dev serves pages with their streams, and the socket', async () => {
	const host = await start('dev', '--port', '0');

	const html = await (await fetch(`http://${host}/base`)).text();
	expect(html).toContain(`<p>from ${SECRET}</p>`);
	expect(await callOver(host)).toBe(`hi by ${SECRET}`);
}, 60_000);
