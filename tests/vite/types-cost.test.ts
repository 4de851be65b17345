import { symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { afterEach, expect, test } from 'vitest';
import { LIVE_TYPES } from '../../vite/dts.ts';
import { createProject } from '../../vite/project.ts';
import { liveModules, pages } from '../bench/live/many-modules.mjs';
import { liveApp, type LiveApp } from './live-app.ts';

const repository = fileURLToPath(new URL('../..', import.meta.url));
const MODULES = 20;
const APP = [...liveModules(MODULES), ...pages(MODULES)];
const UNTYPED = "declare module '$live/*' {\n\tconst all: any;\n\texport = all;\n}\n";

let app: LiveApp;
afterEach(() => app.close());

/** What the compiler makes to check the pages of the app. */
function check(): { types: number; instantiations: number; complaints: string[] } {
	const files = APP.map(({ path }) => join(app.root, path));
	const program = ts.createProgram([...files, join(app.root, 'src/live', LIVE_TYPES)], {
		target: ts.ScriptTarget.ES2022,
		lib: ['lib.es2023.d.ts', 'lib.dom.d.ts'],
		module: ts.ModuleKind.ESNext,
		moduleResolution: ts.ModuleResolutionKind.Bundler,
		customConditions: ['source'],
		allowImportingTsExtensions: true,
		strict: true,
		noImplicitAny: false,
		noEmit: true,
		types: [],
		typeRoots: [join(repository, 'node_modules/@types')]
	});
	const own = program.getSourceFiles().filter(({ fileName }) => files.includes(fileName));
	const complaints = own.flatMap((file) => program.getSemanticDiagnostics(file));
	return {
		types: program.getTypeCount(),
		instantiations: program.getInstantiationCount(),
		complaints: complaints.map(({ messageText }) =>
			ts.flattenDiagnosticMessageText(messageText, ' ')
		)
	};
}

// Seconds are measured by the row `types` of the bench; counts are the same on every machine.
test('what the types cost the compiler grows with what a page uses, and by little each', async () => {
	app = await liveApp(Object.fromEntries(APP.map(({ path, code }) => [path, code])));
	await symlink(join(repository, 'node_modules/valibot'), join(app.root, 'node_modules/valibot'));
	const { root } = app;
	const kit = { base: '', hooks: join(root, 'src/hooks'), outDir: root, isAsync: false };
	await createProject({ root, dir: 'src/live', typedImports: true, kit }).read();

	const typed = check();
	await app.write(`src/live/${LIVE_TYPES}`, UNTYPED);
	const untyped = check();

	expect([...typed.complaints, ...untyped.complaints]).toEqual([]);
	const perModule = (field: 'types' | 'instantiations'): number =>
		(typed[field] - untyped[field]) / MODULES;
	// Five exports of each are used.
	expect(perModule('types')).toBeLessThan(220);
	expect(perModule('instantiations')).toBeLessThan(750);
}, 120_000);
