import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import * as vite from 'vite';
import { afterAll, describe, expect, test } from 'vitest';
import { changedPaths } from '../../vite/hmr.ts';
import { createManifest, type Manifest } from '../../vite/manifest.ts';
import { createParser, type Parse, type Parsers } from '../../vite/parser.ts';
import { serverModule } from '../../vite/server-module.ts';
import { clientStub } from '../../vite/stubs.ts';

const cases = (name: string): string => new URL(`./cases/${name}`, import.meta.url).pathname;

const { parseAst, transformWithEsbuild } = vite as Parsers;
const parsers: [string, Parse][] = [
	['the parser of Vite 8', createParser(vite as Parsers)],
	['the parser of Vite 7', createParser({ parseAst, transformWithEsbuild } as Parsers)]
];
const parse = parsers[0]![1];

/** Guards that protect nobody, or cannot be known to: module → code and line. */
const REFUSED: Record<string, [string, number]> = {
	'absent-there': ['RT_GUARD_UNPROVEN', 3],
	arrow: ['RT_GUARD_UNPROVEN', 4],
	conditional: ['RT_GUARD_UNPROVEN', 4],
	destructured: ['RT_GUARD_UNPROVEN', 4],
	foreign: ['RT_GUARD_UNPROVEN', 3],
	function: ['RT_GUARD_UNPROVEN', 4],
	let: ['RT_GUARD_UNPROVEN', 4],
	live: ['RT_GUARD_UNPROVEN', 3],
	lookalike: ['RT_GUARD_UNPROVEN', 4],
	namespace: ['RT_GUARD_UNPROVEN', 3],
	public: ['RT_GUARD_PUBLIC', 4],
	reexported: ['RT_GUARD_UNPROVEN', 3],
	uncalled: ['RT_GUARD_UNPROVEN', 4],
	unexported: ['RT_GUARD_UNUSED', 3],
	wrapped: ['RT_GUARD_UNPROVEN', 4]
};

describe.each(parsers)('with %s', (_, parse) => {
	test('a guard is found however it is written, and is nothing that a client can call', async () => {
		const { modules, guards, problems } = await createManifest(cases('guarded'), {
			parse,
			requireGuard: true
		});

		expect(problems).toEqual([]);
		const guarded = [...modules.values()].filter(({ hasGuard }) => hasGuard);
		const unguarded = ['folder/below/inherits', 'open/empty', 'open/public'];
		expect(guarded).toHaveLength(11);
		expect([...modules.keys()].filter((path) => !modules.get(path)!.hasGuard)).toEqual(unguarded);
		expect(guards.map(({ path }) => path)).toEqual(['folder/_guard']);
		for (const { path, exports, plain } of modules.values()) {
			const live = path === 'open/empty' ? [] : [{ name: 'send', kind: 'rpc' }];
			expect(exports, path).toEqual(live);
			expect(plain, path).not.toContain('_guard');
			expect(plain, path).not.toContain('_public');
		}
		expect(clientStub(modules.get('plain')!)).not.toContain('_guard');
	});

	test('a guard that cannot be proven to be one is refused with its line and its cure', async () => {
		const { modules, problems } = await createManifest(cases('guards'), { parse });

		expect([...modules.keys()]).toEqual(Object.keys(REFUSED));
		expect(problems).toHaveLength(modules.size);
		for (const { path, problems: found } of modules.values()) {
			expect([found[0]?.code, found[0]?.loc?.line], path).toEqual(REFUSED[path]);
			expect(found[0]?.id, path).toMatch(new RegExp(`/guards/${path}\\.ts$`));
			expect(found[0]?.message, path).toMatch(/export const _(guard = guard\(…\)|public = true)/);
		}
	});
});

const guardText =
	"import { guard } from 'svelte-realtime';\nexport const _guard = guard(() => true);\n";
const liveText = "import { live } from 'svelte-realtime';\nexport const send = live(() => 1);\n";

async function told(files: Record<string, string>, requireGuard = false): Promise<string[][]> {
	const { problems } = await createManifest(await liveDir(files), { parse, requireGuard });
	return problems.map(({ code, id }) => [code, id.split('/live/')[1]!]);
}

test.each<[string, Record<string, string>, string]>([
	['exports no guard', { 'a/_guard.ts': 'export const guard = 1;' }, 'RT_GUARD_ABSENT'],
	['is empty', { 'a/_guard.ts': '' }, 'RT_GUARD_ABSENT'],
	['exports another', { 'a/_guard.ts': 'export const _guard = () => true;' }, 'RT_GUARD_UNPROVEN'],
	['cannot be read', { 'a/_guard.ts': 'export const _guard = ;' }, 'RT_LIVE_SYNTAX'],
	['would be passed over', { 'a/_guard.mts': guardText }, 'RT_GUARD_FILE'],
	['is there twice', { 'a/_guard.ts': guardText, 'a/_guard.js': guardText }, 'RT_LIVE_FILE_TWICE']
])('a file of a folder that %s is refused', async (_what, files, code) => {
	const found = await told({ ...files, 'a/m.ts': liveText });

	expect(found).toEqual([[code, expect.stringContaining('a/_guard.')]]);
});

test('a guard that comes with a whole module is refused: of two such neither would be exported', async () => {
	const files = { '_shared.ts': guardText, 'm.ts': `export * from './_shared.ts';\n${liveText}` };

	expect(await told(files)).toEqual([['RT_GUARD_UNPROVEN', '_shared.ts']]);
});

test('a public module with a guard, its own or of a folder, is refused', async () => {
	const open = `${liveText}export const _public = true;\n`;

	expect(await told({ 'm.ts': `${guardText}${open}` })).toEqual([['RT_GUARD_PUBLIC', 'm.ts']]);
	const inherited = { '_guard.ts': guardText, 'a/b/m.ts': open };
	expect(await told(inherited)).toEqual([['RT_GUARD_PUBLIC', 'a/b/m.ts']]);
});

test('where a guard is required, a silent module is refused, and one beside a guarded folder too', async () => {
	const files = {
		'silent.ts': liveText,
		'admin/_guard.ts': guardText,
		'admin/users.ts': liveText,
		'admins.ts': liveText,
		'plain.ts': 'export const text = 1;'
	};

	expect(await told(files)).toEqual([]);
	expect(await told(files, true)).toEqual([
		['RT_GUARD_MISSING', 'admins.ts'],
		['RT_GUARD_MISSING', 'silent.ts']
	]);
});

test('the server loads the guards of folders beside the modules, and knows what is required', async () => {
	const read = await reading({ 'a/_guard.ts': guardText, 'a/m.ts': liveText });
	const modules = [...read.modules.values(), ...read.guards];
	const sources = { modules, config: undefined, hooks: undefined };

	expect(serverModule(sources)).toContain('modules: { "a/m": live0, "a/_guard": live1 }\n');
	expect(serverModule({ ...sources, requireGuard: true })).toContain('requireGuard: true\n');
});

test('a folder whose guard comes or goes changes what the server loads, a changed guard does not', async () => {
	const before = await reading({ 'a/m.ts': liveText });
	const dir = await liveDir({ 'a/m.ts': liveText, 'a/_guard.ts': guardText });
	const after = await createManifest(dir, { parse });
	await writeFile(join(dir, 'a/_guard.ts'), `${guardText}// changed\n`);
	const later = await createManifest(dir, { parse });

	expect(changedPaths(before, after)).toContain('a/_guard');
	expect(changedPaths(after, before)).toContain('a/_guard');
	expect([...changedPaths(after, later)]).toEqual([]);
});

async function reading(files: Record<string, string>): Promise<Manifest> {
	return createManifest(await liveDir(files), { parse });
}

const made: string[] = [];

async function liveDir(files: Record<string, string>): Promise<string> {
	const root = await mkdtemp(join(tmpdir(), 'guards-'));
	made.push(root);
	for (const [name, text] of Object.entries(files)) {
		const file = join(root, 'live', name);
		await mkdir(dirname(file), { recursive: true });
		await writeFile(file, text);
	}
	return join(root, 'live');
}

afterAll(() => Promise.all(made.map((dir) => rm(dir, { recursive: true }))));
