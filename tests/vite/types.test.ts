import { cp, mkdir, mkdtemp, readFile, realpath, rm, stat, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import * as vite from 'vite';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { LIVE_TYPES, REGISTER_TYPES } from '../../vite/dts.ts';
import { createProject, type Project } from '../../vite/project.ts';

const repository = fileURLToPath(new URL('../..', import.meta.url));
let root: string;

beforeAll(async () => {
	root = await realpath(await mkdtemp(join(tmpdir(), 'typed-')));
	await cp(new URL('./cases/typed', import.meta.url), root, { recursive: true });
	await mkdir(join(root, 'node_modules'));
	await symlink(repository, join(root, 'node_modules/svelte-realtime'), 'dir');
});

afterAll(() => rm(root, { recursive: true }));

function project(): Project {
	const kit = {
		base: '',
		hooks: join(root, 'src/hooks'),
		outDir: join(root, '.svelte-kit'),
		isAsync: false
	};
	return createProject({ root, dir: 'src/live', typedImports: true, kit });
}

/** What `tsc --strict` says about the app's own files. */
function complaints(): string[] {
	const files = ['src/consumer.ts', `src/live/${LIVE_TYPES}`, `src/live/${REGISTER_TYPES}`];
	const program = ts.createProgram(
		files.map((file) => join(root, file)),
		{
			target: ts.ScriptTarget.ES2022,
			lib: ['lib.es2023.d.ts', 'lib.dom.d.ts', 'lib.dom.iterable.d.ts'],
			module: ts.ModuleKind.ESNext,
			moduleResolution: ts.ModuleResolutionKind.Bundler,
			customConditions: ['source'],
			strict: true,
			noUncheckedIndexedAccess: true,
			exactOptionalPropertyTypes: true,
			verbatimModuleSyntax: true,
			allowImportingTsExtensions: true,
			noEmit: true,
			types: ['node'],
			typeRoots: [join(repository, 'node_modules/@types')]
		}
	);
	// The package's own sources are checked elsewhere; here only what the app consists of.
	const own = program
		.getSourceFiles()
		.filter(({ fileName }) => fileName.startsWith(`${vite.normalizePath(root)}/`));
	return [
		...program.getOptionsDiagnostics(),
		...own.flatMap((file) => program.getSyntacticDiagnostics(file)),
		...own.flatMap((file) => program.getSemanticDiagnostics(file))
	].map(({ file, start, messageText }) => {
		const line =
			file && start !== undefined ? file.getLineAndCharacterOfPosition(start).line + 1 : 0;
		return `${file?.fileName.split('/').at(-1)}:${line} ${ts.flattenDiagnosticMessageText(messageText, ' ')}`;
	});
}

test('the written types compile under tsc --strict and are those of the live modules', async () => {
	const { problems } = await project().read();

	expect(problems).toEqual([]);
	expect(complaints()).toEqual([]);
}, 120_000);

test('the type files are written only when they change', async () => {
	await project().read();
	const live = join(root, 'src/live', LIVE_TYPES);
	const before = await stat(live);
	await rm(join(root, 'realtime.config.ts'));

	await project().read();

	expect((await stat(live)).mtimeMs).toBe(before.mtimeMs);
	expect(await readFile(join(root, 'src/live', REGISTER_TYPES), 'utf8')).not.toContain('config:');
});
