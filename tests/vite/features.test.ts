import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { build, createServer } from 'vite';
import { afterEach, expect, test } from 'vitest';
import { FEATURES } from '../../vite/features.ts';
import { liveApp, type LiveApp } from './live-app.ts';

const LIVE =
	"import { live } from 'svelte-realtime';\nexport const list = live.stream('list', () => [1]);\n";

let app: LiveApp;
afterEach(() => app.close());

/** What a browser loads of an app whose page is `main`. */
async function built(main: string, files: Record<string, string> = {}): Promise<string> {
	const page = `import { list } from '$live/list';\n${main}`;
	app = await liveApp({ 'src/live/list.ts': LIVE, 'src/main.ts': page, ...files });
	const input = join(app.root, 'src/main.ts');
	// Svelte itself, which a test app has not.
	const external = /^svelte\//;
	await build(app.config({ build: { rolldownOptions: { input, external } } }));
	const dir = join(app.root, 'dist/assets');
	const texts = (await readdir(dir)).map((file) => readFile(join(dir, file), 'utf8'));
	return (await Promise.all(texts)).join('\n');
}

/** What is in the code of a feature, and nowhere else. */
const TRACES: Readonly<Record<string, RegExp>> = {
	iterate: /async function\s*\*/,
	pages: /stream:more/,
	when: /toStore/
};

const found = (code: string): string[] =>
	Object.keys(TRACES).filter((it) => TRACES[it]!.test(code));

test('a page that uses no feature loads none', async () => {
	const code = await built("list.subscribe((value) => console.log(value, 'when it comes'));\n");

	expect(code).toContain('stream:snapshot');
	expect(found(code)).toEqual([]);
});

test.each([
	['pages', 'void list.loadMore();'],
	['pages', 'const { hasMore } = list; console.log(hasMore);'],
	['when', 'list.when(true).subscribe(console.log);'],
	['when', 'list\n\t.when(true).subscribe(console.log);'],
	['iterate', '(async () => { for await (const value of list) console.log(value); })();'],
	['iterate', 'list[Symbol.asyncIterator]().next();']
])('a page that uses %s loads that, and no other: %s', async (feature, main) => {
	expect(found(await built(main))).toEqual([feature]);
});

test('the word may stand in any module of the app', async () => {
	const more = 'export const more = (list: { loadMore(): void }) => list.loadMore();\n';
	const main = "import { more } from './more.ts';\nmore(list as never);\n";

	expect(found(await built(main, { 'src/more.ts': more }))).toEqual(['pages']);
});

test('the code of others, in which the word may stand too, is left alone', async () => {
	const code = 'export const more = (list) => list.loadMore();\n';
	const main = "import { more } from 'other';\nmore(list);\n";
	const manifest = '{ "name": "other", "type": "module", "exports": "./index.js" }';

	expect(
		found(
			await built(main, {
				'node_modules/other/package.json': manifest,
				'node_modules/other/index.js': code
			})
		)
	).toEqual([]);
});

test('in dev every feature is there, whatever the code says', async () => {
	app = await liveApp({ 'src/live/list.ts': LIVE });
	const server = await createServer(app.config({ server: { middlewareMode: true, ws: false } }));

	const client = await server.transformRequest('virtual:svelte-realtime/client');
	const all = await server.transformRequest('virtual:svelte-realtime/features/all');
	await server.close();

	expect(client?.code).toContain('features/all');
	expect(all?.code).toContain('installFeatures()');
});

test('every feature that can be built in is one that dev mode and createClient have', async () => {
	app = await liveApp({});
	const features = await readFile(new URL('../../plugins/features.ts', import.meta.url), 'utf8');
	const client = await readFile(new URL('../../plugins/client.ts', import.meta.url), 'utf8');
	const exported = new Map(
		[...client.matchAll(/(\w+) as (__\w+)/g)].map(([, local, name]) => [name!, local!])
	);

	for (const { install } of Object.values(FEATURES)) {
		expect(exported.has(install), install).toBe(true);
		expect(features).toContain(`${exported.get(install)}();`);
	}
});
