import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as vite from 'vite';
import { afterAll, describe, expect, test } from 'vitest';
import { changedPaths } from '../../vite/hmr.ts';
import { createManifest, type Manifest } from '../../vite/manifest.ts';
import { createParser, type Parse, type Parsers } from '../../vite/parser.ts';
import { clientStub, serverStub } from '../../vite/stubs.ts';

const { parseAst, transformWithEsbuild } = vite as Parsers;
const parsers: [string, Parse][] = [
	['the parser of Vite 8', createParser(vite as Parsers)],
	['the parser of Vite 7', createParser({ parseAst, transformWithEsbuild } as Parsers)]
];

const made: string[] = [];

/** Reads one live module, `notes`, and what it imports from `_options`. */
async function read(parse: Parse, code: string, options = ''): Promise<Manifest> {
	const dir = await mkdtemp(join(tmpdir(), 'live-'));
	made.push(dir);
	await writeFile(join(dir, 'notes.ts'), `import { live } from 'svelte-realtime';\n${code}\n`);
	await writeFile(join(dir, '_options.ts'), `${options}\n`);
	return createManifest(dir, { parse });
}

afterAll(() => Promise.all(made.map((dir) => rm(dir, { recursive: true }))));

const stream = (options: string): string =>
	`export const list = live.stream('list', () => [], ${options});`;

describe.each(parsers)('with %s', (_, parse) => {
	test.each<[string, string, number | undefined]>([
		['nothing', "export const list = live.stream('list', () => []);", undefined],
		['options without one', stream("{ merge: 'set', max: 3 }"), undefined],
		['undefined', stream('undefined'), undefined],
		['a number', stream('{ version: 3, migrate: { 2: (item: object) => item } }'), 3],
		['a number with types around it', stream('{ version: (3 as const) } satisfies object'), 3],
		['a name in quotes', stream("{ 'version': 12 }"), 12],
		['the version of a delta', stream('{ delta: { version: () => 1, diff } }'), undefined],
		['a const', `const options = { version: 2 } as const;\n${stream('options')}`, 2],
		['spread', `const rest = { version: 2 };\n${stream('{ ...rest, max: 1 }')}`, 2],
		[
			'the last of several',
			`const rest = { version: 2 };\n${stream('{ ...rest, version: 4 }')}`,
			4
		],
		[
			'what is spread last',
			`const rest = { version: 2 };\n${stream('{ version: 4, ...rest }')}`,
			2
		],
		['a number behind what cannot be read', stream('{ ...make(), version: 4 }'), 4],
		['a const of another file', `import { all } from './_options.ts';\n${stream('all')}`, 7]
	])('the version of a stream is read from %s', async (_, code, version) => {
		const options = 'export const all = { version: 7 };';

		const { modules, problems } = await read(parse, code, options);

		expect(problems).toEqual([]);
		expect(modules.get('notes')?.exports).toEqual([
			{ name: 'list', kind: 'stream', ...(version && { version }) }
		]);
	});

	test.each([
		['a name', 'const three = 3;\n', stream('{ version: three }')],
		['a shorthand', 'const version = 3;\n', stream('{ version }')],
		['a sum', '', stream('{ version: 1 + 2 }')],
		['text', '', stream("{ version: '3' }")],
		['no version', '', stream('{ version: 0 }')],
		['half a version', '', stream('{ version: 1.5 }')],
		['a getter', '', stream('{ get version() { return 3; } }')],
		['a method', '', stream('{ version() { return 3; } }')],
		['a computed name', '', stream('{ [name]: 3 }')],
		['a call', '', stream('make()')],
		['a spread call', '', stream('{ ...make() }')],
		['a condition', '', stream('isNew ? { version: 2 } : {}')],
		['let', 'let options = { version: 2 };\n', stream('options')],
		['a circle', 'const options = { ...options };\n', stream('options')],
		['an import that is none', "import { no } from './_options.ts';\n", stream('no')],
		['a package', "import { options } from 'elsewhere';\n", stream('options')],
		['arguments that are spread', '', 'export const list = live.stream(...args);']
	])('a version that is %s is refused with its line and its cure', async (_, before, code) => {
		const { problems } = await read(parse, before + code);

		expect(problems).toHaveLength(1);
		expect(problems[0]).toMatchObject({
			code: 'RT_LIVE_VERSION',
			loc: { line: expect.any(Number) }
		});
		expect(problems[0]?.message).toContain('"list"');
		expect(problems[0]?.message).toContain('{ version: 3, … }');
	});

	test('a module is read again when the options that it imports change', async () => {
		const code = `import { all } from './_options.ts';\n${stream('all')}`;

		const { modules } = await read(parse, code, 'export const all = { version: 7 };');

		expect(modules.get('notes')?.reads.map((file) => file.split('/').at(-1))).toContain(
			'_options.ts'
		);
	});

	test('another version makes another stub, which the browser is sent while an app is written', async () => {
		const before = await read(parse, stream('{ version: 1 }'));
		const after = await read(parse, stream('{ version: 2 }'));
		const same = new Map([...after.modules].map(([path, module]) => [path, { ...module }]));
		for (const [path, module] of same) {
			Object.assign(module, { file: before.modules.get(path)!.file });
		}

		expect([...changedPaths(before, { ...after, modules: same })]).toEqual(['notes']);
	});
});

test('both stubs of a stream name its version, and those of others are as they were', () => {
	const module = {
		path: 'notes',
		exports: [
			{ name: 'list', kind: 'stream', version: 3 },
			{ name: 'plain', kind: 'stream' },
			{ name: 'delete', kind: 'stream', version: 1 }
		]
	} as const;

	expect(clientStub(module)).toBe(
		[
			'import { __stream } from "virtual:svelte-realtime/client";',
			'export const list = /* @__PURE__ */ __stream("notes/list@3");',
			'export const plain = /* @__PURE__ */ __stream("notes/plain");',
			'const __2 = /* @__PURE__ */ __stream("notes/delete@1");',
			'export { __2 as delete };',
			''
		].join('\n')
	);
	expect(serverStub(module)).toContain('export const list = serverStream("notes/list@3");');
	expect(serverStub(module)).toContain('export const plain = serverStream("notes/plain");');
});
