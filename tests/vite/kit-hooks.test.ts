import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { build } from 'vite';
import { afterEach, expect, test } from 'vitest';
import type { ServerModule } from '../../vite/socket-server.ts';
import { liveApp, type LiveApp } from './live-app.ts';

let app: LiveApp;
afterEach(() => app?.close());

const MAIN = { 'src/main.ts': 'export {};\n' };
const live = (body: string, imports = ''): string =>
	`import { live } from 'svelte-realtime';\n${imports}\nexport const send = live(() => ${body});\n`;
/** Stands where SvelteKit's own module would. */
const SERVER = { 'src/app-server.ts': 'export const getRequestEvent = () => 1;\n' };
const IMPORT = "import { getRequestEvent } from '../app-server.ts';";

/** What the server module of the built app loads. */
async function definition(): Promise<Awaited<ReturnType<ServerModule['load']>>> {
	await build(app.config({ build: { ssr: 'src/main.ts', minify: false } }));
	const built = (await import(join(app.root, 'dist/realtime.js'))) as ServerModule;
	return built.load();
}

test.each([
	['names it', { 'src/live/a.ts': live('getRequestEvent()', IMPORT) }, true],
	[
		'imports what names it',
		{
			'src/live/a.ts': live('who()', "import { who } from '../middle.ts';"),
			'src/middle.ts': "export { who } from './who.ts';\n",
			'src/who.ts': `${IMPORT.replace('../', './')}\nexport const who = () => getRequestEvent();\n`
		},
		true
	],
	['does not', { 'src/live/a.ts': live('1') }, false],
	[
		'does not, though the app does elsewhere',
		{
			'src/live/a.ts': live('1'),
			'src/main.ts': `${IMPORT.replace('../', './')}\nexport const event = getRequestEvent();\n`
		},
		false
	]
])('an app of which a live module %s is built to know that', async (_, files, hasEvents) => {
	app = await liveApp({ ...MAIN, ...SERVER, ...files });

	expect((await definition()).requestEvents).toBe(hasEvents);
});

test('a module that imports remote functions by itself is told of, and one that imports their types is not', async () => {
	const remote = "import { add } from '../add.remote.ts';";
	app = await liveApp({
		...MAIN,
		'src/add.remote.ts': 'export const add = () => 1;\n',
		'src/live/fresh.ts': live('add()', remote),
		'src/live/kept.ts': live('1 as unknown as typeof add', remote.replace('import', 'import type'))
	});

	expect((await definition()).fresh).toEqual(['fresh']);
});

test('the hooks that SvelteKit generates come out wrapped, whether the app has any or not', async () => {
	app = await liveApp({
		'src/live/a.ts': live('1'),
		'src/main.ts': "export { get_hooks } from './generated/server/internal.js';\n",
		'src/generated/server/internal.js':
			'export async function get_hooks() {\n\tlet handle;\n\treturn { handle, init: 1 };\n}\n'
	});

	await build(app.config({ build: { ssr: 'src/main.ts', minify: false } }));
	const built = (await import(join(app.root, 'dist/main.js'))) as {
		get_hooks(): Promise<{ handle(input: object): unknown; init: number }>;
	};
	const hooks = await built.get_hooks();

	const event = { request: new Request('http://x/'), isSubRequest: false };
	expect(hooks.init).toBe(1);
	expect(hooks.handle({ event, resolve: (given: unknown) => given === event })).toBe(true);
});

test('an app without anything live has the hooks that it has', async () => {
	app = await liveApp({
		'src/main.ts': "export { get_hooks } from './generated/server/internal.js';\n",
		'src/generated/server/internal.js': 'export async function get_hooks() {\n\treturn {};\n}\n'
	});

	await build(app.config({ build: { ssr: 'src/main.ts', minify: false } }));

	expect(await readFile(join(app.root, 'dist/main.js'), 'utf8')).not.toContain('wrapHooks');
});
