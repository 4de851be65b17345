/** What the plugin says about a live module that is allowed, and hardly meant. */

import { join } from 'node:path';
import { build, createLogger, type Logger } from 'vite';
import { afterEach, expect, test, vi } from 'vitest';
import { devApp, type DevApp } from './dev-app.ts';
import { liveApp, type LiveApp } from './live-app.ts';
import { createWarner } from '../../vite/warnings.ts';
import { Problem } from '../../vite/problem.ts';
import { createProject } from '../../vite/project.ts';

const LIVE = "import { live } from 'svelte-realtime';\n";
const GUARD =
	"import { guard } from 'svelte-realtime';\nexport const _guard = guard(() => true);\n";
const ONE = `${LIVE}export const send = live(() => 1);\n`;

let app: LiveApp | undefined;
let dev: DevApp | undefined;

afterEach(async () => {
	await app?.close();
	await dev?.close();
	app = dev = undefined;
});

/** Each warning as `code file:line`, and its text. */
async function warned(files: Record<string, string>): Promise<[string, string][]> {
	app = await liveApp(
		Object.fromEntries(Object.entries(files).map(([name, code]) => [`src/live/${name}`, code]))
	);
	const { root } = app;
	const kit = { base: '', hooks: join(root, 'src/hooks'), outDir: root, isAsync: false };
	const project = createProject({ root, dir: 'src/live', typedImports: false, kit });
	const { problems, manifest } = await project.read();
	expect(problems).toEqual([]);
	return manifest.warnings.map(({ code, loc, message }) => [
		`${code} ${loc?.file.split('/live/')[1]}:${loc?.line}`,
		message
	]);
}

test('an export that no client can reach is named with its line and the cure', async () => {
	const found = await warned({
		'chat.ts': `${ONE}export function helper(): void {}\nexport const limit = 5;\nexport type T = 1;\n`,
		'again.ts': `${ONE}export { shared } from './_shared.ts';\nexport * from './_more.ts';\n`,
		'_shared.ts': 'export const shared = 1;\n',
		'_more.ts': 'export const more = 1;\n',
		'quiet.ts': `${ONE}export const _public = true;\nexport interface I { a: 1 }\n`
	});

	expect(found.map(([place]) => place)).toEqual([
		'RT_LIVE_PLAIN again.ts:3',
		'RT_LIVE_PLAIN again.ts:4',
		'RT_LIVE_PLAIN chat.ts:3',
		'RT_LIVE_PLAIN chat.ts:4'
	]);
	expect(found.map(([, text]) => text)).toEqual([
		expect.stringContaining('"shared" is exported and not live'),
		expect.stringContaining('"more" is exported and not live'),
		expect.stringContaining('"helper" is exported and not live'),
		expect.stringContaining('Wrap it in live(…), leave out "export", or move it to a file')
	]);
});

test('a module with nothing live in it is told once, not for each of its exports', async () => {
	const found = await warned({
		'a.ts': '// what all share\nexport const a = 1;\nexport const b = 2;\n'
	});

	expect(found).toEqual([
		['RT_LIVE_NONE a.ts:2', expect.stringContaining('begin the name of the file with "_"')]
	]);
});

test('two modules with one topic are told, wherever and however the topic is written', async () => {
	const stream = (topic: string): string => `${LIVE}const name = 'chat';
export const messages = live.stream(${topic}, () => []);
`;
	const found = await warned({
		'a.ts': stream("'chat'"),
		'b.ts': stream('`chat`'),
		'c.ts': stream('name'),
		'd.ts': `${LIVE}export const d = live.gate(() => true, live.stream('chat', () => []));\n`,
		'f.ts': `${LIVE}export const f = live.channel('chat', { events: {} });\n`,
		'e.ts': `${LIVE}export const e = live.room({ init: () => [], topic: 'chat' });\n`,
		'other.ts': stream("'other'"),
		'dynamic.ts': stream('(_ctx, id: string) => `chat:${id}`'),
		'again.ts': "export { messages } from './a.ts';\n",
		'beside.ts': `${LIVE}export const who = live.presence('chat');\nexport const on = live.effect('chat', () => {});\n`,
		'twice.ts': `${LIVE}export const x = live.stream('t', () => []);\nexport const y = live.stream('t', () => []);\n`
	});

	expect(found.map(([place]) => place)).toEqual(
		['b.ts:3', 'c.ts:3', 'd.ts:2', 'e.ts:2', 'f.ts:2'].map(
			(place) => `RT_LIVE_TOPIC_TWICE ${place}`
		)
	);
	expect(found[0]?.[1]).toContain('The topic "chat" of "messages" is that of "messages" in a.ts:3');
});

test('a guard that stands before nothing is told: of a folder, of a module', async () => {
	const found = await warned({
		'admin/_guard.ts': GUARD,
		'empty/_guard.ts': GUARD,
		'empty/below/plain.md': '',
		'types/_guard.ts': GUARD,
		'types/only.ts': 'export interface Only { a: 1 }\n',
		'admin/users.ts': ONE,
		'lonely.ts': GUARD
	});

	expect(found.map(([place]) => place).sort()).toEqual([
		'RT_GUARD_IDLE empty/_guard.ts:2',
		'RT_GUARD_IDLE lonely.ts:2',
		'RT_GUARD_IDLE types/_guard.ts:2'
	]);
	for (const [, text] of found) expect(text).toContain('Remove it, or move it');
});

test('a warning is told once, and again when it had gone', () => {
	const told: string[] = [];
	const tell = createWarner(({ id }) => void told.push(id));
	const of = (file: string): Problem => new Problem('RT_LIVE_NONE', [], file);

	tell([of('a'), of('b')]);
	tell([of('b'), of('a'), of('c')]);
	tell([of('a')]);
	tell([of('a'), of('b')]);

	expect(told).toEqual(['a', 'b', 'c', 'b']);
});

function listening(): { logger: Logger; told: string[] } {
	const told: string[] = [];
	const logger = createLogger('silent');
	logger.warn = (text) => void told.push(text);
	return { logger, told };
}

test('a build tells each warning once, with its place', async () => {
	app = await liveApp({
		'src/live/chat.ts': `${ONE}export const limit = 5;\n`,
		'src/main.ts': "import { send } from '$live/chat';\nconsole.log(send);\n"
	});
	const { logger, told } = listening();

	await build(app.config({ build: { ssr: 'src/main.ts' }, customLogger: logger }));

	const ours = told.filter((text) => text.includes('RT_LIVE_PLAIN'));
	expect(ours).toHaveLength(1);
	expect(ours[0]).toContain('src/live/chat.ts');
	expect(ours[0]).toContain('3 | export const limit = 5;');
});

test('a dev server tells a warning at the start, and those that a save brings', async () => {
	const { logger, told } = listening();
	dev = await devApp({ 'src/live/chat.ts': `${ONE}export const limit = 5;\n` });
	await dev.serve({ customLogger: logger });
	const ours = (): string[] => told.filter((text) => /\[RT_(LIVE|GUARD)/.test(text));
	expect(ours()).toEqual([expect.stringMatching(/"limit"[^]*src\/live\/chat\.ts:3:\d+/)]);

	await dev.app.write(
		'src/live/chat.ts',
		`${ONE}export const limit = 5;\nexport const more = 6;\n`
	);

	await vi.waitFor(() => expect(ours()).toHaveLength(2), 10_000);
	expect(ours()[1]).toMatch(/"more"[^]*src\/live\/chat\.ts:4:\d+/);
});

test.each([
	['a relative path', "import { send } from './live/chat';"],
	['a path from the root', "import { send } from '/src/live/chat.ts';"],
	['an alias', "import { send } from '@/live/chat.js';"],
	['a dynamic import', "const { send } = await import('./live/chat.ts');"]
])('server code in the browser by %s is an error at the line of the import', async (_, line) => {
	app = await liveApp({
		'src/live/chat.ts': ONE,
		'src/main.ts': `import '$live/chat';\n${line}\nconsole.log(send);\n`
	});
	const config = app.config({
		build: { rolldownOptions: { input: join(app.root, 'src/main.ts') } },
		resolve: {
			alias: { '@': join(app.root, 'src') },
			conditions: ['source', 'module', 'browser', 'development|production']
		}
	});

	const failed = await build(config).then(
		() => Promise.reject(new Error('The build succeeded.')),
		(error: Error & { errors?: { loc?: { file: string; line: number } }[] }) => error
	);

	expect(failed.message).toContain('"src/live/chat.ts" holds server code');
	expect(failed.message).toContain('as src/main.ts does');
	expect(failed.message).toContain('Import from "$live/chat" instead');
	expect(failed.errors?.[0]?.loc).toMatchObject({ line: 2 });
	expect(failed.errors?.[0]?.loc?.file).toMatch(/src\/main\.ts$/);
});
