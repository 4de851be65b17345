/** From files to live modules: the paths that the Vite plugin gives them. */

import type { LiveModules } from '../plugins/rpc/registry.ts';
import { isIgnored } from '../vite/scan.ts';

type Exports = Readonly<Record<string, unknown>>;

/**
 * Live modules by their paths (`admin/users`), or by their files, as `import.meta.glob` gives them;
 * each as its exports, or as a function that imports it.
 */
export type GivenModules = Readonly<Record<string, unknown>>;

const NAME = /^[A-Za-z0-9_-]+$/;
const GUARD = /^_guard\.[jt]s$/;

/** @throws {Error} for a file that cannot be a live module, or that is in no folder of live modules. */
export async function readModules(given: GivenModules, dir: string): Promise<LiveModules> {
	const modules: Record<string, Exports> = {};
	await Promise.all(
		Object.entries(given).map(async ([key, value]) => {
			const path = modulePath(key, dir);
			if (path === undefined) return;
			const exports = typeof value === 'function' ? (value as () => unknown)() : value;
			if (Object.hasOwn(modules, path)) throw new Error(`There are two live modules "${path}".`);
			// Taken before it is there, or two could be the same.
			modules[path] = {};
			modules[path] = (await exports) as Exports;
		})
	);
	return modules;
}

/**
 * The path of a live module by its file; undefined for a file that is none.
 *
 * @param dir Folder of the live modules, as the Vite plugin's option of that name.
 */
export function modulePath(key: string, dir: string): string | undefined {
	const file = key.replaceAll('\\', '/');
	const isFile = /^[./]/.test(file) || /\.[cm]?[jt]s$/.test(file);
	if (!isFile) return file;
	const names = inside(file, dir).split('/');
	const name = names.pop()!;
	if (names.some(isIgnored) || (isIgnored(name) && !GUARD.test(name))) return undefined;
	const path = [...names, name.replace(/\.[jt]s$/, '')];
	if (path.every((part) => NAME.test(part))) return path.join('/');
	throw new Error(
		`"${key}" cannot be a live module: its name has more than letters, digits, - and _.`
	);
}

/** What of a file's path stands behind the folder: also where the file is named from within `src`. */
function inside(file: string, dir: string): string {
	const rooted = `/${file}`;
	for (const folder of [dir, dir.slice(dir.lastIndexOf('/') + 1)]) {
		const at = rooted.indexOf(`/${folder}/`);
		if (at >= 0) return rooted.slice(at + folder.length + 2);
	}
	throw new Error(
		`"${file}" is in no folder "${dir}". Say which folder holds the live modules, createTestEnv({ dir, … }), or name the module by its path: { 'chat': await import('…') }.`
	);
}
