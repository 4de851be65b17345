import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { build, type InlineConfig } from 'vite';
import { afterEach, expect, test } from 'vitest';
import { realtime } from '../../vite/index.ts';
import type { ServerModule } from '../../vite/socket-server.ts';
import { liveApp, type LiveApp } from './live-app.ts';

const MARKER = 'only-the-server-may-know';

const CHAT = `import { live } from 'svelte-realtime';
import { secret } from '../secret.ts';

export const send = live(async (_ctx, text: string) => text + secret + '${MARKER}');
export const messages = live.stream('messages', async () => ['${MARKER}']);
`;

const FILES = {
	'src/secret.ts': `export const secret = '${MARKER}';\n`,
	'src/live/chat.ts': CHAT,
	'src/main.ts': "import { messages, send } from '$live/chat';\nconsole.log(send, messages);\n"
};

let app: LiveApp;
afterEach(() => app.close());

async function buildClient(more?: InlineConfig): Promise<string> {
	const input = join(app.root, 'src/main.ts');
	await build(app.config({ build: { rolldownOptions: { input }, minify: false }, ...more }));
	return readAll(join(app.root, 'dist'));
}

async function readAll(dir: string): Promise<string> {
	const entries = await readdir(dir, { recursive: true, withFileTypes: true });
	const files = entries.filter((entry) => entry.isFile());
	const texts = files.map((file) => readFile(join(file.parentPath, file.name), 'utf8'));
	return (await Promise.all(texts)).join('\n');
}

/** The error of a build that must not succeed. */
async function failure(): Promise<{ message: string; loc?: { line: number }; frame?: string }> {
	return buildClient().then(
		() => Promise.reject(new Error('The build succeeded.')),
		(error: { message: string; errors?: { loc?: { line: number } }[] }) => ({
			...error.errors?.[0],
			message: error.message
		})
	);
}

test('what a page needs of a live module is in its chunks, and nothing else of it is', async () => {
	app = await liveApp(FILES);

	const chunks = await buildClient();

	expect(chunks).toContain('"chat/send"');
	expect(chunks).toContain('"chat/messages"');
	expect(chunks).not.toContain(MARKER);
});

test('a page that imports server code by its real path does not build, and is told the way', async () => {
	const main = "import { send } from './live/chat';\nconsole.log(send);\n";
	app = await liveApp({ ...FILES, 'src/main.ts': main });

	const { message } = await failure();

	expect(message).toContain('"src/live/chat.ts" holds server code');
	expect(message).toContain('as src/main.ts does');
	expect(message).toContain('Import from "$live/chat" instead');
});

test('a page may import the types of a live module', async () => {
	const main = "import type * as chat from './live/chat';\nconsole.log({} as typeof chat);\n";
	app = await liveApp({ ...FILES, 'src/main.ts': main });

	expect(await buildClient()).not.toContain(MARKER);
});

test('an unknown live module is an error that lists those that exist', async () => {
	const main = "import { send } from '$live/chta';\nconsole.log(send);\n";
	app = await liveApp({ ...FILES, 'src/main.ts': main });

	const { message } = await failure();

	expect(message).toContain('There is no live module "$live/chta" in src/live.');
	expect(message).toContain('There are: $live/chat.');
});

test('an export that is not there is an error', async () => {
	const main = "import { sned } from '$live/chat';\nconsole.log(sned);\n";
	app = await liveApp({ ...FILES, 'src/main.ts': main });

	expect((await failure()).message).toMatch(/sned/);
});

test('a live module that cannot be proven ends the build at its line', async () => {
	const unproven = `${CHAT}export const either = Math.random() > 1 ? live(() => 1) : 0;\n`;
	app = await liveApp({ ...FILES, 'src/live/chat.ts': unproven });

	const { message, loc, frame } = await failure();

	expect(message).toContain('[RT_LIVE_UNPROVEN] The export "either" looks live');
	expect(loc?.line).toBe(6);
	expect(frame).toContain('6 | export const either');
});

test('a guard that cannot be proven ends the build at its line', async () => {
	const lookalike = 'export const _guard = (ctx: unknown): boolean => Boolean(ctx);\n';
	app = await liveApp({ ...FILES, 'src/live/_guard.ts': lookalike });

	const { message, loc, frame } = await failure();

	expect(message).toContain('[RT_GUARD_UNPROVEN]');
	expect(message).toContain('export const _guard = guard(…)');
	expect(loc?.line).toBe(1);
	expect(frame).toContain('1 | export const _guard');
});

test('the guards of folders and modules are in what the server starts with', async () => {
	const guard =
		"import { guard } from 'svelte-realtime';\nexport const _guard = guard(() => true);\n";
	app = await liveApp({
		...FILES,
		'src/live/_guard.ts': guard,
		'src/live/chat.ts': guard + CHAT,
		'src/main.ts': 'export {};\n'
	});

	await build(app.config({ build: { ssr: 'src/main.ts' } }, { requireGuard: true }));

	const built = (await import(join(app.root, 'dist/realtime.js'))) as ServerModule;
	const { modules, requireGuard } = await built.load();
	expect(requireGuard).toBe(true);
	expect(Object.keys(modules).sort()).toEqual(['_guard', 'chat']);
	for (const exports of Object.values(modules)) {
		expect(exports['_guard']).toHaveProperty('~guard', true);
	}
});

test('where guards are required, a module without one ends the build', async () => {
	app = await liveApp(FILES);
	const input = join(app.root, 'src/main.ts');
	const config = app.config({ build: { rolldownOptions: { input } } }, { requireGuard: true });

	await expect(build(config)).rejects.toThrow('The live module "chat" has no guard');
});

test('the folder can be another one', async () => {
	app = await liveApp({
		'server/rpc/chat.ts':
			"import { live } from 'svelte-realtime';\nexport const a = live(() => 1);\n",
		'src/main.ts': "import { a } from '$live/chat';\nconsole.log(a);\n"
	});
	const input = join(app.root, 'src/main.ts');

	await build(app.config({ build: { rolldownOptions: { input } } }, { dir: 'server/rpc' }));

	expect(await readAll(join(app.root, 'dist'))).toContain('chat/a');
	expect(await readdir(join(app.root, 'server/rpc'))).toContain('$types.d.ts');
});

test('the options of the author win over a plugin that the adapter brings along', async () => {
	app = await liveApp({
		...FILES,
		'server/rpc/chat.ts':
			"import { live } from 'svelte-realtime';\nexport const a = live(() => 1);\n",
		'src/main.ts': "import { a } from '$live/chat';\nconsole.log(a);\n"
	});
	const input = join(app.root, 'src/main.ts');
	const more = { build: { rolldownOptions: { input } }, plugins: [realtime()] };

	await build(app.config(more, { dir: 'server/rpc' }));

	expect(await readAll(join(app.root, 'dist'))).toContain('chat/a');
});

test('types are not written when they are not wanted', async () => {
	app = await liveApp(FILES);
	const input = join(app.root, 'src/main.ts');

	await build(app.config({ build: { rolldownOptions: { input } } }, { typedImports: false }));

	expect(await readdir(join(app.root, 'src/live'))).toEqual(['chat.ts']);
});

test('the hooks of the app give the browser its own types, if they export any', async () => {
	const hooks = "export const transport = { Point: { encode: () => 'point-of-the-app' } };\n";
	app = await liveApp({ ...FILES, 'src/hooks.ts': hooks });

	expect(await buildClient()).toContain('point-of-the-app');

	await app.write('src/hooks.ts', "export const reroute = () => 'point-of-the-app';\n");

	expect(await buildClient()).not.toContain('point-of-the-app');
});

test('what dev mode needs is in no build: neither for the browser nor for the server', async () => {
	app = await liveApp({ ...FILES, 'src/entry.ts': 'export {};\n' });

	const chunks = await buildClient({ mode: 'production' });
	await build(app.config({ build: { ssr: 'src/entry.ts', outDir: 'server' } }));
	const server = await readAll(join(app.root, 'server'));

	expect(chunks).not.toMatch(/import\.meta\.hot|vite-hmr|@vite\/client|hotUpdate|devtools/i);
	expect(server).toContain('chat');
	expect(server).not.toMatch(
		/import\.meta\.hot|vite-hmr|hotUpdate|chokidar|moduleGraph|from "vite"/
	);
});
