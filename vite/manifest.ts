/** The one list of live modules, from which stubs, server module and types are generated. */

import { existsSync, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, resolve as resolvePath } from 'node:path';
import { readModule, type ModuleSyntax } from './parse.ts';
import type { Parse } from './parser.ts';
import { Problem } from './problem.ts';
import { checkProtection } from './protection.ts';
import { prove, type Follow, type LiveExport } from './prove.ts';
import { scan, type LiveFile } from './scan.ts';

export interface LiveModule extends LiveFile {
	readonly exports: readonly LiveExport[];
	/** Exported values that are not live. */
	readonly plain: readonly string[];
	/** It has a guard of its own. */
	readonly hasGuard: boolean;
	/** It says that it has none on purpose. */
	readonly isPublic: boolean;
	readonly problems: readonly Problem[];
	/** Files whose change can change this entry. */
	readonly reads: readonly string[];
}

export interface Manifest {
	readonly modules: ReadonlyMap<string, LiveModule>;
	/** The guards of folders, with paths as `admin/_guard`; no client can reach them. */
	readonly guards: readonly LiveModule[];
	/** Of the folder and of every module. */
	readonly problems: readonly Problem[];
}

/** Finds the file that an import means, in the way of the app's bundler. */
export type Resolve = (source: string, importer: string) => Promise<string | undefined>;

export interface ManifestOptions {
	readonly parse: Parse;
	/** For imports that are not relative: aliases such as `$lib`. */
	readonly resolve?: Resolve | undefined;
	/** Every module has a guard, inherits one, or says `_public`. @default false */
	readonly requireGuard?: boolean | undefined;
}

/** Reads all live modules under `dir`. */
export async function createManifest(dir: string, options: ManifestOptions): Promise<Manifest> {
	const { files, guards: guardFiles, problems } = await scan(dir);
	const follow = createFollow(options);
	const readAll = (list: readonly LiveFile[]): Promise<LiveModule[]> =>
		Promise.all(list.map((file) => readLiveModule(file, options.parse, follow)));
	const modules = await readAll(files);
	const guards = (await readAll(guardFiles)).map(withGuard);
	return {
		modules: new Map(modules.map((module) => [module.path, module])),
		guards,
		problems: [
			...problems,
			...[...guards, ...modules].flatMap((module) => module.problems),
			...checkProtection(modules, guards, options.requireGuard ?? false)
		]
	};
}

/** The file of a folder's guard has a guard in it. */
function withGuard(module: LiveModule): LiveModule {
	if (module.hasGuard || module.problems.length > 0) return module;
	return { ...module, problems: [new Problem('RT_GUARD_ABSENT', [], module.file)] };
}

async function readLiveModule(live: LiveFile, parse: Parse, follow: Follow): Promise<LiveModule> {
	try {
		const parsed = await parse(await readFile(live.file, 'utf8'), live.file);
		const { files, ...proof } = await prove(readModule(parsed), follow);
		return { ...live, ...proof, reads: files };
	} catch (error) {
		if (!(error instanceof Problem)) throw error;
		const nothing = { exports: [], plain: [], hasGuard: false, isPublic: false };
		return { ...live, ...nothing, problems: [error], reads: [live.file] };
	}
}

/** Whether the module in `file` exports a value called `name`. */
export async function exportsValue(
	file: string,
	name: string,
	{ parse }: ManifestOptions
): Promise<boolean> {
	const module = readModule(await parse(await readFile(file, 'utf8'), file));
	return module.exported.some((entry) => entry.name === name);
}

// --- from file to file ---

function createFollow({ parse, resolve }: ManifestOptions): Follow {
	const read = new Map<string, Promise<ModuleSyntax>>();
	return async (source, importer) => {
		const file = source.startsWith('.')
			? findFile(resolvePath(dirname(importer), source))
			: await resolve?.(source, importer);
		if (!file || !/\.[jt]s$/.test(file) || file.includes('/node_modules/')) return undefined;
		let module = read.get(file);
		if (!module) {
			module = readFile(file, 'utf8').then(async (code) => readModule(await parse(code, file)));
			read.set(file, module);
		}
		return module;
	};
}

/** The source file that a path without, or with the compiled, extension stands for. */
export function findFile(path: string): string | undefined {
	const candidates = [
		path,
		path.replace(/\.js$/, '.ts'),
		`${path}.ts`,
		`${path}.js`,
		`${path}/index.ts`,
		`${path}/index.js`
	];
	const found = candidates.find(
		(candidate) => existsSync(candidate) && statSync(candidate).isFile()
	);
	return found?.replaceAll('\\', '/');
}
