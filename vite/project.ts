/** One app's live modules, config and hooks, as they stand on the disk. */

import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import * as vite from 'vite';
import { writeTypes } from './dts.ts';
import type { KitSettings } from './kit.ts';
import { createManifest, exportsValue, type Manifest, type Resolve } from './manifest.ts';
import { createParser, type Parsers } from './parser.ts';
import { Problem } from './problem.ts';
import type { ServerSources } from './server-module.ts';

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
	/** Whether a file lies in the live directory. */
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
}

/** Creates the project of the app at `root`. */
export function createProject(options: ProjectOptions): Project {
	const { root, dir: folder, typedImports, requireGuard = false, kit } = options;
	const dir = vite.normalizePath(resolve(root, folder));
	const parse = createParser(vite as Parsers);
	const configs = ['ts', 'js', 'mjs'].map((ending) =>
		normal(join(root, `realtime.config.${ending}`))
	);
	const hooks = ['ts', 'js', '/index.ts', '/index.js'].map((ending) =>
		normal(kit.hooks + (ending.startsWith('/') ? ending : `.${ending}`))
	);

	async function read(resolveImport?: Resolve): Promise<Reading> {
		const manifest = await createManifest(dir, { parse, resolve: resolveImport, requireGuard });
		const config = configs.find((file) => existsSync(file));
		const { file, problem } = await findTransport(hooks);
		const problems = [...manifest.problems, ...(problem ? [problem] : [])];
		const hasWork = manifest.modules.size > 0 || config !== undefined;
		if (typedImports && hasWork && problems.length === 0) {
			await writeTypes(dir, [...manifest.modules.values()], { config, hooks: file });
		}
		return { manifest, config, hooks: file, problems };
	}

	async function findTransport(
		files: readonly string[]
	): Promise<{ file?: string; problem?: Problem }> {
		const file = files.find((candidate) => existsSync(candidate));
		if (!file) return {};
		try {
			return (await exportsValue(file, 'transport', { parse })) ? { file } : {};
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
		contains: (file) => normal(file).startsWith(`${dir}/`),
		isSetting: (file) => configs.includes(normal(file)) || hooks.includes(normal(file))
	};
}

/** Whether an app with this reading has anything to serve over a socket. */
export function isRealtime({ manifest, config }: Reading): boolean {
	return manifest.modules.size > 0 || config !== undefined;
}

function normal(file: string): string {
	return vite.normalizePath(file);
}
