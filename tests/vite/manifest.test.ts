import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as vite from 'vite';
import { afterAll, describe, expect, test } from 'vitest';
import { createManifest, type Manifest } from '../../vite/manifest.ts';
import { createParser, type Parse, type Parsers } from '../../vite/parser.ts';
import { Problem } from '../../vite/problem.ts';

const cases = (name: string): string => new URL(`./cases/${name}`, import.meta.url).pathname;

const { parseAst, transformWithEsbuild } = vite as Parsers;
const parsers: [string, Parse][] = [
	['the parser of Vite 8', createParser(vite as Parsers)],
	// What Vite 7 exports: a parser of JavaScript, and esbuild to take the types off.
	['the parser of Vite 7', createParser({ parseAst, transformWithEsbuild } as Parsers)]
];

const FOUND = {
	'admin/users': { list: 'stream' },
	aliased: { send: 'rpc', messages: 'stream', other: 'stream' },
	commented: { real: 'rpc' },
	imposter: {},
	javascript: { send: 'rpc', messages: 'stream' },
	namespaced: { send: 'rpc', messages: 'stream' },
	plain: { send: 'rpc', messages: 'stream' },
	reactions: { nightly: 'cron', mail: 'effect', total: 'derived', sales: 'aggregate' },
	reexported: { send: 'rpc', feed: 'stream', hidden: 'rpc', sent: 'rpc', shared: 'stream' },
	renamed: { b: 'rpc', delete: 'stream', copy: 'rpc', again: 'rpc', third: 'rpc' },
	typed: {
		annotated: 'rpc',
		generic: 'stream',
		satisfied: 'rpc',
		cast: 'rpc',
		sure: 'rpc',
		wrapped: 'rpc'
	},
	wrapped: {
		limited: 'rpc',
		twice: 'rpc',
		named: 'stream',
		gated: 'stream',
		both: 'rpc',
		bare: 'rpc',
		later: 'rpc',
		checked: 'rpc',
		piped: 'piped',
		outside: 'piped',
		inside: 'piped',
		whole: 'piped'
	}
};

/** Module → code, line, and a word of the cure. */
const REFUSED: Record<string, [string, number, string]> = {
	circle: ['RT_LIVE_CIRCLE', 1, 'circle'],
	class: ['RT_LIVE_UNPROVEN', 3, 'export const Chat = live(…)'],
	conditional: ['RT_LIVE_UNPROVEN', 4, 'conditions inside the function'],
	default: ['RT_LIVE_DEFAULT', 3, 'export const name = live(…)'],
	destructured: ['RT_LIVE_PATTERN', 3, 'export const send = live(…)'],
	factory: ['RT_LIVE_UNPROVEN', 7, 'Assign the call itself'],
	let: ['RT_LIVE_LET', 3, 'Declare it with const'],
	member: ['RT_LIVE_MEMBER', 3, 'Known are: live, live.'],
	misplaced: ['RT_LIVE_WRAPPED', 4, 'Leave it out'],
	'named-default': ['RT_LIVE_DEFAULT', 4, 'export const name = live(…)'],
	namespace: ['RT_LIVE_NAMESPACE', 1, 'Export them by name'],
	reserved: ['RT_LIVE_NAME', 3, 'do not begin with "__"'],
	uncalled: ['RT_LIVE_UNPROVEN', 3, 'Assign the call itself'],
	unlimited: ['RT_LIVE_UNPROVEN', 3, 'live(…)'],
	wrapper: ['RT_LIVE_UNPROVEN', 7, 'put wrappers']
};

describe.each(parsers)('with %s', (_, parse) => {
	test('live exports are found however they are written, and comments and strings are not', async () => {
		const manifest = await createManifest(cases('found'), { parse });

		expect(manifest.problems).toEqual([]);
		expect(kindsOf(manifest)).toEqual(FOUND);
	});

	test('exported values that are not live are named, types are not', async () => {
		const { modules } = await createManifest(cases('found'), { parse });

		expect(modules.get('commented')?.plain).toEqual([
			'text',
			'template',
			'shadowed',
			'keyed',
			'helper'
		]);
		expect(modules.get('imposter')?.plain).toEqual(['no']);
		expect(modules.get('reexported')?.plain).toEqual(['plainNumber']);
		expect(modules.get('typed')?.plain).toEqual([]);
	});

	test('what looks live and cannot be proven is refused with its line and its cure', async () => {
		const { modules, problems } = await createManifest(cases('refused'), { parse });

		const told = [...modules.values()].map(({ path, problems: [problem] }) => [path, problem]);
		expect(told.map(([path]) => path)).toEqual(Object.keys(REFUSED).sort());
		expect(problems).toHaveLength(told.length);
		for (const { path, problems: found } of modules.values()) {
			const [code, line, cure] = REFUSED[path] ?? [];
			expect(found, path).toHaveLength(1);
			expect([found[0]?.code, found[0]?.loc?.line], path).toEqual([code, line]);
			expect(found[0]?.message, path).toContain(cure);
			expect(found[0]?.frame, path).toMatch(new RegExp(`^${line} \\| .+\\n  \\| \\s*\\^`, 'm'));
		}
	});

	test('a syntax error is a problem of its module, and the other modules stay', async () => {
		const dir = await liveDir({
			'broken.ts': 'export const a: number = 1;\nexport const b = live(;\n',
			'well.ts': "import { live } from 'svelte-realtime';\nexport const ok = live(() => 1);\n"
		});

		const { modules } = await createManifest(dir, { parse });

		expect(modules.get('broken')?.problems[0]).toMatchObject({
			code: 'RT_LIVE_SYNTAX',
			loc: { line: 2 }
		});
		expect(modules.get('well')?.exports).toEqual([{ name: 'ok', kind: 'rpc' }]);
	});
});

test('a module knows the files that it was read from', async () => {
	const { modules } = await createManifest(cases('found'), { parse: parsers[0]![1] });

	const files = modules.get('reexported')?.reads.map((file) => file.split('/').at(-1));
	expect(files?.sort()).toEqual([
		'_private.ts',
		'_realtime.ts',
		'_shared.ts',
		'plain.ts',
		'reexported.ts'
	]);
});

test('a file name that cannot be a path, and two files of one path, are refused', async () => {
	const dir = await liveDir({ 'chat.server.ts': '', 'a b.ts': '', 'twin.ts': '', 'twin.js': '' });

	const { problems } = await createManifest(dir, { parse: parsers[0]![1] });

	expect(problems.map(({ code }) => code).sort()).toEqual([
		'RT_LIVE_FILE',
		'RT_LIVE_FILE',
		'RT_LIVE_FILE_TWICE'
	]);
});

test('tests, types and private files are no modules', async () => {
	const names = ['a.test.ts', 'b.spec.js', 'c.d.ts', '_d.ts', '$e.ts', 'f.md', 'g.svelte', 'h.ts'];
	const dir = await liveDir(Object.fromEntries(names.map((name) => [name, ''])));

	const { modules, problems } = await createManifest(dir, { parse: parsers[0]![1] });

	expect([...modules.keys()]).toEqual(['h']);
	expect(problems).toEqual([]);
});

test('an app without the folder has an empty manifest', async () => {
	const manifest = await createManifest(cases('nowhere'), { parse: parsers[0]![1] });

	expect(manifest.modules.size).toBe(0);
	expect(manifest.problems).toEqual([]);
});

test('a problem reads like an error of its own file', () => {
	const code = 'one\n\tconst two = 2;\nthree\n';

	const problem = new Problem('RT_LIVE_DEFAULT', [], '/app/chat.ts', { code, offset: 11 });

	expect(problem.loc).toEqual({ file: '/app/chat.ts', line: 2, column: 7 });
	expect(problem.frame).toBe('1 | one\n2 | \tconst two = 2;\n  | \t      ^\n3 | three\n4 | ');
	expect(problem.stack).toContain('/app/chat.ts:2:8');
});

function kindsOf({ modules }: Manifest): Record<string, Record<string, string>> {
	const entries = [...modules.values()].map(({ path, exports }) => [
		path,
		Object.fromEntries(exports.map(({ name, kind }) => [name, kind]))
	]);
	return Object.fromEntries(entries) as Record<string, Record<string, string>>;
}

const made: string[] = [];

async function liveDir(files: Record<string, string>): Promise<string> {
	const dir = await mkdtemp(join(tmpdir(), 'live-'));
	made.push(dir);
	for (const [name, content] of Object.entries(files)) await writeFile(join(dir, name), content);
	return dir;
}

afterAll(() => Promise.all(made.map((dir) => rm(dir, { recursive: true }))));
