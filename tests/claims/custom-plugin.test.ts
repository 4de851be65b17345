/** The page "Write your own" as an app: its files are compiled, and its tests are run as they stand. */

import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { afterAll, describe, expect, test } from 'vitest';
import { codeBlocks, read } from './markdown.ts';

const REPOSITORY = fileURLToPath(new URL('../..', import.meta.url));
const README = read('plugins/README.md');
const page = README.slice(README.indexOf('## Write your own'));

/** Path → text of each block that says which file it is. */
const files = codeBlocks(page).flatMap(({ info, text }) => {
	const [language, path] = info.split(' ');
	return language === 'ts' && path !== undefined ? [{ path, text }] : [];
});

/** What the Vite plugin writes for an app with a config. */
const REGISTER = `export {};
declare module 'svelte-realtime/kernel' {
	interface Register {
		config: typeof import('./realtime.config').default;
	}
}
`;

const root = realpathSync(mkdtempSync(join(tmpdir(), 'written-')));
for (const { path, text } of [...files, { path: 'register.d.ts', text: REGISTER }]) {
	mkdirSync(dirname(join(root, path)), { recursive: true });
	writeFileSync(join(root, path), text);
}
mkdirSync(join(root, 'node_modules'));
symlinkSync(REPOSITORY, join(root, 'node_modules/svelte-realtime'), 'dir');
symlinkSync(join(REPOSITORY, 'node_modules/vitest'), join(root, 'node_modules/vitest'), 'dir');
afterAll(() => rmSync(root, { recursive: true }));

const tests = files.filter(({ path }) => path.endsWith('.test.ts'));

describe.each(tests)('the test of the page in $path', async ({ path }) => {
	await import(/* @vite-ignore */ join(root, path));
});

test('the page has a plugin, its test, a config and a live function', () => {
	expect(files.map(({ path }) => path)).toEqual(
		expect.arrayContaining([
			'src/lib/audit.ts',
			'src/lib/audit.test.ts',
			'realtime.config.ts',
			'src/live/log.ts'
		])
	);
	expect(tests.length).toBeGreaterThanOrEqual(2);
});

test('each plugin of the page has fewer than 40 lines', () => {
	const plugins = files.filter(({ text }) => text.includes('definePlugin({'));

	expect(plugins.length).toBeGreaterThanOrEqual(2);
	for (const { path, text } of plugins) {
		expect(text.trimEnd().split('\n').length, path).toBeLessThan(40);
	}
});

/** What `tsc --strict` says about files of the page. */
function complaints(names: readonly string[]): string[] {
	const program = ts.createProgram(
		names.map((name) => join(root, name)),
		{
			target: ts.ScriptTarget.ES2022,
			lib: ['lib.es2023.d.ts', 'lib.dom.d.ts', 'lib.dom.iterable.d.ts'],
			module: ts.ModuleKind.ESNext,
			moduleResolution: ts.ModuleResolutionKind.Bundler,
			customConditions: ['source'],
			strict: true,
			exactOptionalPropertyTypes: true,
			noUncheckedIndexedAccess: true,
			verbatimModuleSyntax: true,
			allowImportingTsExtensions: true,
			noEmit: true,
			skipLibCheck: true,
			types: ['node'],
			typeRoots: [join(REPOSITORY, 'node_modules/@types')]
		}
	);
	// The package's own sources are checked elsewhere.
	const own = program.getSourceFiles().filter(({ fileName }) => fileName.startsWith(`${root}/`));
	const found = [
		...program.getOptionsDiagnostics(),
		...own.flatMap((file) => program.getSyntacticDiagnostics(file)),
		...own.flatMap((file) => program.getSemanticDiagnostics(file))
	];
	return found.map(
		({ file, messageText }) =>
			`${file?.fileName.slice(root.length + 1)}: ${ts.flattenDiagnosticMessageText(messageText, '\n')}`
	);
}

test('the page compiles, and its services are on ctx with their types', () => {
	writeFileSync(
		join(root, 'wrong.ts'),
		`import { live } from 'svelte-realtime';
export const wrong = live((ctx) => ctx.audit.write('x'));
`
	);
	const paths = files.map(({ path }) => path);

	const found = complaints([...paths, 'register.d.ts', 'wrong.ts']);

	expect(found).toEqual([
		expect.stringMatching(/^wrong\.ts: Property 'write' does not exist on type 'Audit'/)
	]);
}, 60_000);
