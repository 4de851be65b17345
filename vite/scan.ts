/** Finds the files of a live directory and the path that each is called by. */

import type { Dirent } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { normal } from './paths.ts';
import { Problem } from './problem.ts';

export interface LiveFile {
	/** Folders and file name without extension: `admin/users`. */
	readonly path: string;
	/** Absolute, with forward slashes. */
	readonly file: string;
}

export interface Scan {
	/** Sorted by path, so that what is generated does not depend on the file system. */
	readonly files: readonly LiveFile[];
	/** The guards of folders, each with the path `admin/_guard`; no live modules. */
	readonly guards: readonly LiveFile[];
	/** Files and folders that are symbolic links. */
	readonly links: readonly string[];
	readonly problems: readonly Problem[];
}

const NAME = /^[A-Za-z0-9_-]+$/;
const GUARD = /^_guard\.[cm]?[jt]sx?$/;

/** Whether a file of the live directory is none of its modules: a test, a type, or a private one. */
export function isIgnored(name: string): boolean {
	return /^[_$.]/.test(name) || /\.(test|spec)\.[jt]s$/.test(name) || name.endsWith('.d.ts');
}

/** Lists the live modules under `dir`; none when it does not exist. */
export async function scan(dir: string): Promise<Scan> {
	const found: Found = { files: [], guards: [], links: [], problems: [] };
	await walk(dir, [], found);
	for (const files of [found.files, found.guards]) {
		files.sort((a, b) => (a.path < b.path ? -1 : 1));
		for (const [index, { path, file }] of files.entries()) {
			const twin = files[index + 1];
			if (twin?.path !== path) continue;
			found.problems.push(new Problem('RT_LIVE_FILE_TWICE', [path, twin.file], file));
		}
	}
	return found;
}

interface Found {
	readonly files: LiveFile[];
	readonly guards: LiveFile[];
	readonly links: string[];
	readonly problems: Problem[];
}

async function walk(dir: string, folders: readonly string[], found: Found): Promise<void> {
	const { files, guards, links, problems } = found;
	const entries = await readdir(dir, { withFileTypes: true }).catch((error: unknown) => {
		if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
		throw error;
	});
	for (const entry of entries) {
		const file = normal(join(dir, entry.name));
		if (entry.isSymbolicLink()) links.push(file);
		if (GUARD.test(entry.name)) {
			// Passed over, a guard that nothing loads would be one that protects nothing.
			if (!/\.[jt]s$/.test(entry.name))
				problems.push(new Problem('RT_GUARD_FILE', [entry.name], file));
			guards.push({ path: [...folders, '_guard'].join('/'), file });
			continue;
		}
		if (isIgnored(entry.name)) continue;
		if (await isFolder(entry, file)) {
			if (NAME.test(entry.name)) await walk(file, [...folders, entry.name], found);
			else problems.push(new Problem('RT_LIVE_FILE', [entry.name], file));
			continue;
		}
		if (!/\.[jt]s$/.test(entry.name)) continue;
		const stem = entry.name.slice(0, -3);
		if (NAME.test(stem)) files.push({ path: [...folders, stem].join('/'), file });
		else problems.push(new Problem('RT_LIVE_FILE', [entry.name], file));
	}
}

async function isFolder(entry: Dirent, file: string): Promise<boolean> {
	if (!entry.isSymbolicLink()) return entry.isDirectory();
	// A link that leads nowhere is none; if it has the name of a module, reading it says so.
	return stat(file).then(
		(target) => target.isDirectory(),
		() => false
	);
}
