/** One app's live modules, config and hooks, as they stand on the disk. */

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import * as vite from 'vite';
import { writeTypes } from './dts.ts';
import type { KitSettings } from './kit.ts';
import { createLinks } from './links.ts';
import { createManifest, type Manifest, type Resolve } from './manifest.ts';
import { createParser, type Parse, type Parsers } from './parser.ts';
import { isWithin, normal, resolveDir } from './paths.ts';
import { Problem } from './problem.ts';
import type { ServerSources } from './server-module.ts';
import { createSources } from './sources.ts';

/** What one reading of the project found. */
export interface Reading extends Omit<ServerSources, 'modules'> {
	readonly manifest: Manifest;
	readonly problems: readonly Problem[];
}

export interface Project {
	readonly root: string;
	/** Absolute path of the live directory, with forward slashes. */
	readonly dir: string;
	/** Path of the socket: base path and `/ws`. */
	readonly path: string;
	readonly kit: KitSettings;
	/** Reads everything afresh; touches nothing but the type files, and those only without problems. */
	read(resolve?: Resolve): Promise<Reading>;
	/** A file as the app has it, where Vite knows it by where a symbolic link leads. */
	named(file: string): string;
	/** A file as Vite knows it, where the app has it behind a symbolic link. */
	real(file: string): string;
	/** Whether a file lies in the live directory, by whichever name. */
	contains(file: string): boolean;
	/** Whether a file would be the config or the universal hooks. */
	isSetting(file: string): boolean;
}

export interface ProjectOptions {
	readonly root: string;
	readonly dir: string;
	readonly typedImports: boolean;
	/** Whether a module that does not say who may use it is a problem. @default false */
	readonly requireGuard?: boolean;
	readonly kit: KitSettings;
	/** @default the parser of the installed Vite */
	readonly parse?: Parse;
}

/** Creates the project of the app at `root`. */
export function createProject(options: ProjectOptions): Project {
	const { root, dir: folder, typedImports, requireGuard = false, kit } = options;
	const dir = resolveDir(root, folder);
	const parse = options.parse ?? createParser(vite as Parsers);
	const sources = createSources(parse);
	const links = createLinks();
	for (const place of [root, dir]) links.add(place);
	const configs = ['ts', 'js', 'mjs'].map((ending) =>
		normal(join(root, `realtime.config.${ending}`))
	);
	const hooks = ['ts', 'js', '/index.ts', '/index.js'].map((ending) =>
		normal(kit.hooks + (ending.startsWith('/') ? ending : `.${ending}`))
	);

	async function read(resolveImport?: Resolve): Promise<Reading> {
		const manifest = await createManifest(dir, {
			parse,
			sources,
			resolve: resolveImport,
			requireGuard
		});
		for (const place of [dir, ...manifest.links]) links.add(place);
		const config = configs.find((file) => existsSync(file));
		const { file, problem } = await findTransport(hooks);
		const problems = [...manifest.problems, ...(problem ? [problem] : [])];
		const hasWork = manifest.modules.size > 0 || config !== undefined;
		if (typedImports && hasWork && problems.length === 0) {
			await writeTypes(typesDir(root, dir), [...manifest.modules.values()], {
				config,
				hooks: file
			});
		}
		return { manifest, config, hooks: file, problems };
	}

	async function findTransport(
		files: readonly string[]
	): Promise<{ file?: string; problem?: Problem }> {
		const file = files.find((candidate) => existsSync(candidate));
		if (!file) return {};
		try {
			const { exported } = await sources.module(file);
			return exported.some(({ name }) => name === 'transport') ? { file } : {};
		} catch (error) {
			if (error instanceof Problem) return { problem: error };
			throw error;
		}
	}

	return {
		root,
		dir,
		path: `${kit.base}/ws`,
		kit,
		read,
		named: links.named,
		real: links.real,
		contains: (file) => isWithin(dir, links.named(file)),
		isSetting: (file) => [...configs, ...hooks].includes(links.named(file))
	};
}

/** Whether an app with this reading has anything to serve over a socket. */
export function isRealtime({ manifest, config }: Reading): boolean {
	return manifest.modules.size > 0 || config !== undefined;
}

/**
 * Where the types are written: beside the live modules, where the compiler of the app finds them. The
 * folder of another package is not the app's to write to, and may be that of two apps.
 */
function typesDir(root: string, dir: string): string {
	if (isWithin(root, dir)) return dir;
	const src = join(root, 'src');
	return normal(existsSync(src) ? src : root);
}
