/** Where an app and its live modules may lie: behind links, in a monorepo, under odd names. */

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
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'vite';
import { afterEach, expect, test, vi } from 'vitest';
import { realtime, type RealtimeOptions } from '../../vite/index.ts';
import { devApp, type DevApp } from './dev-app.ts';

const repository = fileURLToPath(new URL('../..', import.meta.url));
const MARKER = 'only-the-server-may-know';
const live = (answer: string): string => `import { live } from 'svelte-realtime';
const secret = '${MARKER}';
export const send = live(() => secret && '${answer}');
`;
const MAIN = "import { send } from '$live/chat';\nconsole.log(send);\n";

let workspace = '';
let dev: DevApp | undefined;

afterEach(async () => {
	await dev?.close();
	dev = undefined;
	if (workspace) await rm(workspace, { recursive: true, force: true });
	workspace = '';
});

async function files(all: Record<string, string>): Promise<void> {
	workspace ||= await realpath(await mkdtemp(join(tmpdir(), 'layout-')));
	for (const [name, text] of Object.entries(all)) {
		await mkdir(dirname(join(workspace, name)), { recursive: true });
		await writeFile(join(workspace, name), text);
	}
}

async function link(target: string, name: string): Promise<void> {
	await mkdir(dirname(join(workspace, name)), { recursive: true });
	await symlink(target, join(workspace, name));
}

/** Builds the app at `root` for browsers, and returns its code. */
async function buildAt(root: string, options: RealtimeOptions = {}): Promise<string> {
	const input = join(root, 'src/main.ts');
	await build({
		root,
		configFile: false,
		logLevel: 'silent',
		resolve: { conditions: ['source', 'module', 'browser', 'development|production'] },
		ssr: { resolve: { conditions: ['source', 'module', 'node', 'development|production'] } },
		build: { rolldownOptions: { input }, outDir: 'out', emptyOutDir: false },
		plugins: [realtime(options)]
	});
	const out = join(root, 'out/assets');
	const chunks = await readdir(out);
	return (await Promise.all(chunks.map((name) => readFile(join(out, name), 'utf8')))).join('\n');
}

test('an app behind a link is built as it is, and its server code stays out of the browser', async () => {
	await files({ 'real/src/live/chat.ts': live('a'), 'real/src/main.ts': MAIN });
	await link(repository, 'real/node_modules/svelte-realtime');
	await link(join(workspace, 'real'), 'my [linked] äpp');
	const root = join(workspace, 'my [linked] äpp');

	expect(await buildAt(root)).toContain('chat/send');

	await files({ 'real/src/main.ts': "import { send } from './live/chat';\nconsole.log(send);\n" });
	await expect(buildAt(root)).rejects.toThrow('"src/live/chat.ts" holds server code');
});

test('live modules behind a link are modules, and are no less kept from the browser', async () => {
	await files({ 'shared/chat.ts': live('a'), 'single.ts': live('b'), 'app/src/main.ts': MAIN });
	await link(repository, 'app/node_modules/svelte-realtime');
	await link(repository, 'node_modules/svelte-realtime');
	await link(join(workspace, 'shared'), 'app/src/live');
	await link(join(workspace, 'single.ts'), 'shared/single.ts');
	const root = join(workspace, 'app');

	const code = await buildAt(root);
	expect(code).toContain('chat/send');
	expect(code).not.toContain(MARKER);

	for (const path of ['./live/chat', '../../shared/chat', './live/single', '../../single']) {
		await files({ 'app/src/main.ts': `import { send } from '${path}';\nconsole.log(send);\n` });
		await expect(buildAt(root), path).rejects.toThrow(/"src\/live\/.+" holds server code/);
	}
});

test('two apps of a monorepo share the live modules of a package, each with types of its own', async () => {
	await files({
		'packages/api/live/chat.ts': live('a'),
		'packages/api/live/area one.md': '',
		'apps/one/src/main.ts': MAIN,
		'apps/two/src/main.ts': MAIN,
		'apps/two/realtime.config.ts': 'export default {};\n'
	});
	await link(repository, 'node_modules/svelte-realtime');
	const dir = '../../packages/api/live';

	for (const name of ['one', 'two']) {
		expect(await buildAt(join(workspace, 'apps', name), { dir })).toContain('chat/send');
	}

	const types = (name: string): Promise<string> => readFile(join(workspace, 'apps', name), 'utf8');
	expect(await types('one/src/$types.d.ts')).toContain("'../../../packages/api/live/chat.js'");
	expect(await types('one/src/$register.d.ts')).not.toContain('config:');
	expect(await types('two/src/$register.d.ts')).toContain("'../realtime.config.js'");
	expect(await readdir(join(workspace, 'packages/api/live'))).toEqual(['area one.md', 'chat.ts']);
});

test('the package may lie where pnpm puts it, apart from the app and beside its dependencies', async () => {
	await files({ 'app/src/live/chat.ts': live('a'), 'app/src/main.ts': MAIN });
	const store = 'app/node_modules/.pnpm/svelte-realtime@1.0.0/node_modules';
	for (const name of ['package.json', 'kernel', 'plugins', 'presets', 'adapter', 'vite']) {
		const target = join(workspace, store, 'svelte-realtime', name);
		await cp(join(repository, name), target, { recursive: true });
	}
	for (const name of ['devalue', 'valibot', 'svelte', 'cookie', 'croner', 'esm-env', 'clsx']) {
		const target = join(repository, 'node_modules', name);
		await link(target, `${store}/${name}`);
	}
	await link(join(workspace, store, 'svelte-realtime'), 'app/node_modules/svelte-realtime');

	const code = await buildAt(join(workspace, 'app'));

	expect(code).toContain('chat/send');
	expect(code).not.toContain(MARKER);
});

test('a dev server in a folder of any name takes over what is saved behind a link', async () => {
	await files({ 'shared [x] ü/chat.ts': live('one') });
	dev = await devApp({ 'src/page.ts': 'export {};\n' });
	await link(repository, 'node_modules/svelte-realtime');
	await symlink(join(workspace, 'shared [x] ü'), join(dev.app.root, 'src/live'));
	await dev.serve();
	const socket = await dev.connect();
	expect(await dev.call(socket, 'chat/send')).toBe('one');

	await files({ 'shared [x] ü/chat.ts': live('two') });
	await vi.waitFor(async () => expect(await dev!.call(socket, 'chat/send')).toBe('two'), 10_000);
	await files({ 'shared [x] ü/late.ts': live('late') });
	await vi.waitFor(async () => expect(await dev!.call(socket, 'late/send')).toBe('late'), 10_000);
	await rm(join(workspace, 'shared [x] ü/late.ts'));
	const gone = async (): Promise<void> =>
		expect(await dev!.call(socket, 'late/send')).toBe('NOT_FOUND');
	await vi.waitFor(gone, 10_000);
});
