import { cp, mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import * as vite from 'vite';
import { createProject, type Project } from '../../vite/project.ts';

const repository = fileURLToPath(new URL('../..', import.meta.url));

const COMPILER_OPTIONS = {
	target: 'es2022',
	lib: ['es2023', 'dom', 'dom.iterable'],
	module: 'esnext',
	moduleResolution: 'bundler',
	customConditions: ['source'],
	strict: true,
	noUncheckedIndexedAccess: true,
	exactOptionalPropertyTypes: true,
	verbatimModuleSyntax: true,
	allowImportingTsExtensions: true,
	allowJs: true,
	noEmit: true,
	types: ['node'],
	typeRoots: [join(repository, 'node_modules/@types')]
};

/** An app of tests/vite/cases in a folder of its own, whose types the compiler can be asked about. */
export interface TypedApp {
	readonly root: string;
	readonly project: Project;
	/** What `tsc --strict` says about the app's own files. */
	complaints(files: readonly string[]): string[];
	close(): Promise<void>;
}

export async function typedApp(name: string): Promise<TypedApp> {
	const root = await realpath(await mkdtemp(join(tmpdir(), `${name}-`)));
	await cp(new URL(`./cases/${name}`, import.meta.url), root, { recursive: true });
	await mkdir(join(root, 'node_modules'));
	await symlink(repository, join(root, 'node_modules/svelte-realtime'), 'dir');
	await symlink(
		join(repository, 'node_modules/valibot'),
		join(root, 'node_modules/valibot'),
		'dir'
	);
	const config = { compilerOptions: COMPILER_OPTIONS, include: ['src'] };
	await writeFile(join(root, 'tsconfig.json'), JSON.stringify(config));
	const kit = {
		base: '',
		hooks: join(root, 'src/hooks'),
		outDir: join(root, '.svelte-kit'),
		isAsync: false
	};
	return {
		root,
		project: createProject({ root, dir: 'src/live', typedImports: true, kit }),
		complaints: (files) => complaints(root, files),
		// A file may still be on its way into it.
		close: () => rm(root, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 })
	};
}

function complaints(root: string, files: readonly string[]): string[] {
	const { options, errors } = ts.convertCompilerOptionsFromJson(COMPILER_OPTIONS, root);
	const program = ts.createProgram(
		files.map((file) => join(root, file)),
		options
	);
	// The package's own sources are checked elsewhere; here only what the app consists of.
	const own = program
		.getSourceFiles()
		.filter(({ fileName }) => fileName.startsWith(`${vite.normalizePath(root)}/src/`));
	return [
		...errors,
		...program.getOptionsDiagnostics(),
		...own.flatMap((file) => program.getSyntacticDiagnostics(file)),
		...own.flatMap((file) => program.getSemanticDiagnostics(file))
	].map(({ file, start, messageText }) => {
		const line =
			file && start !== undefined ? file.getLineAndCharacterOfPosition(start).line + 1 : 0;
		return `${file?.fileName.split('/').at(-1)}:${line} ${ts.flattenDiagnosticMessageText(messageText, ' ')}`;
	});
}
