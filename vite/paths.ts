/** Paths as Vite names files, and the ways between them, on every system. */

import path, { type PlatformPath } from 'node:path';

export interface Paths {
	/** Forward slashes, no `..`, and the letter of a drive in upper case. */
	normal(file: string): string;
	/** Whether a file lies below a folder. */
	isWithin(dir: string, file: string): boolean;
	/** The way from a folder to a file, with forward slashes; absolute where they share no drive. */
	relative(dir: string, file: string): string;
	/** The same as an import, with the extension that every module resolution understands. */
	specifier(dir: string, file: string): string;
	/** A folder as it is named in options, seen from the root of the app. */
	resolve(root: string, dir: string): string;
}

/** @param system That of Node, unless another system is asked about. */
export function createPaths(system: PlatformPath = path): Paths {
	// Elsewhere a backslash is a letter of a name like any other.
	const slashed = (file: string): string =>
		system.sep === '\\' ? file.replaceAll('\\', '/') : file;

	function normal(file: string): string {
		const plain = path.posix.normalize(slashed(file));
		return system.sep === '\\' ? plain.replace(/^[a-z]:/, (drive) => drive.toUpperCase()) : plain;
	}

	function relative(dir: string, file: string): string {
		return slashed(system.relative(normal(dir), normal(file)));
	}

	return {
		normal,
		isWithin: (dir, file) => normal(file).startsWith(`${normal(dir).replace(/\/$/, '')}/`),
		relative,
		specifier(dir, file) {
			const way = relative(dir, file).replace(/\.ts$/, '.js');
			return way.startsWith('.') || system.isAbsolute(way) ? way : `./${way}`;
		},
		resolve: (root, dir) => normal(system.resolve(root, dir))
	};
}

export const { normal, isWithin, relative, specifier, resolve: resolveDir } = createPaths();
