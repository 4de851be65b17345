/** The one list of live modules, from which stubs, server module and types are generated. */

import { existsSync, statSync } from 'node:fs';
import { dirname, resolve as resolvePath } from 'node:path';
import type { ModuleSyntax } from './parse.ts';
import type { Parse } from './parser.ts';
import { normal } from './paths.ts';
import { Problem } from './problem.ts';
import { checkProtection } from './protection.ts';
import { prove, type Follow, type LiveExport } from './prove.ts';
import { scan, type LiveFile } from './scan.ts';
import { createSources, type Sources } from './sources.ts';
import { topicsOf, type TopicUse } from './topics.ts';
import { commonWarnings, moduleWarnings } from './warnings.ts';

export interface LiveModule extends LiveFile {
	readonly exports: readonly LiveExport[];
	/** Exported values that are not live. */
	readonly plain: readonly string[];
	/** It has a guard of its own. */
	readonly hasGuard: boolean;
	/** It says that it has none on purpose. */
	readonly isPublic: boolean;
	/** It imports remote functions of SvelteKit, which want a request of their own. @default false */
	readonly isFresh?: boolean;
	readonly problems: readonly Problem[];
	/** What is allowed in it, and hardly meant. */
	readonly warnings: readonly Problem[];
	/** Topics that its exports name. */
	readonly topics?: readonly TopicUse[];
	/** Where its `_guard` is exported. */
	readonly guardAt?: { readonly code: string; readonly offset: number };
	/** Files whose change can change this entry. */
	readonly reads: readonly string[];
}

export interface Manifest {
	readonly modules: ReadonlyMap<string, LiveModule>;
	/** The guards of folders, with paths as `admin/_guard`; no client can reach them. */
	readonly guards: readonly LiveModule[];
	/** Of the folder and of every module. */
	readonly problems: readonly Problem[];
	readonly warnings: readonly Problem[];
	/** Files and folders that are symbolic links. */
	readonly links: readonly string[];
}

/** Finds the file that an import means, in the way of the app's bundler. */
export type Resolve = (source: string, importer: string) => Promise<string | undefined>;

export interface ManifestOptions {
	readonly parse: Parse;
	/** What is known of the files already. @default nothing */
	readonly sources?: Sources;
	/** For imports that are not relative: aliases such as `$lib`. */
	readonly resolve?: Resolve | undefined;
	/** Every module has a guard, inherits one, or says `_public`. @default false */
	readonly requireGuard?: boolean | undefined;
}

/** Reads all live modules under `dir`. */
export async function createManifest(dir: string, options: ManifestOptions): Promise<Manifest> {
	const { files, guards: guardFiles, links, problems } = await scan(dir);
	const sources = options.sources ?? createSources(options.parse);
	const follow = createFollow(sources, options.resolve);
	const readAll = (list: readonly LiveFile[]): Promise<LiveModule[]> =>
		Promise.all(list.map((file) => readLiveModule(file, sources, follow)));
	const modules = await readAll(files);
	const guards = (await readAll(guardFiles)).map(withGuard);
	return {
		modules: new Map(modules.map((module) => [module.path, module])),
		guards,
		links,
		warnings: [...modules.flatMap((module) => module.warnings), ...commonWarnings(modules, guards)],
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

async function readLiveModule(
	live: LiveFile,
	sources: Sources,
	follow: Follow
): Promise<LiveModule> {
	try {
		const syntax = await sources.module(live.file);
		const { files, ...proof } = await prove(syntax, follow);
		const guard = syntax.exported.find(({ name }) => name === '_guard');
		return {
			...live,
			...proof,
			isFresh: importsRemote(syntax),
			reads: files,
			warnings: moduleWarnings(syntax, proof),
			topics: topicsOf(syntax, proof.exports),
			...(guard && { guardAt: { code: syntax.code, offset: syntax.original(guard.node.start) } })
		};
	} catch (error) {
		const problem = error instanceof Problem ? error : goneProblem(error, live.file);
		const nothing = { exports: [], plain: [], hasGuard: false, isPublic: false, warnings: [] };
		// What is wrong may stand in a file that this one imports.
		return { ...live, ...nothing, problems: [problem], reads: [live.file, problem.id] };
	}
}

/** @throws what is not about a file that is not there. */
function goneProblem(error: unknown, file: string): Problem {
	const { code, path } = error as NodeJS.ErrnoException;
	if (code !== 'ENOENT' && code !== 'ELOOP') throw error;
	return new Problem('RT_LIVE_FILE_GONE', [code], path === undefined ? file : normal(path));
}

/** Whether a module imports one of SvelteKit's remote functions by itself. */
function importsRemote({ imported }: ModuleSyntax): boolean {
	return [...imported.values()].some(
		({ source, isType }) => !isType && /\.remote(?:\.[jt]s)?$/.test(source)
	);
}

// --- from file to file ---

function createFollow(sources: Sources, resolve: Resolve | undefined): Follow {
	const read = new Map<string, Promise<ModuleSyntax>>();
	return async (source, importer) => {
		const file = source.startsWith('.')
			? findFile(resolvePath(dirname(importer), source))
			: await resolve?.(source, importer);
		if (!file || !/\.[jt]s$/.test(file) || file.includes('/node_modules/')) return undefined;
		let module = read.get(file);
		if (!module) {
			module = sources.module(file);
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
	return found && normal(found);
}
