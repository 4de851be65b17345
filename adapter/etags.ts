/** Validators of files that are too large to be read when they are asked for. */

import { createHash } from 'node:crypto';
import { createReadStream, readdirSync, statSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { MEMORY_FILE, textOf } from './runtime/file-memory.ts';

/**
 * Hashes the large files below a folder, so that every replica of a build has the same validators:
 * what a file system says of a file differs from one to the next.
 *
 * @returns paths in the folder, with slashes, and their ETags.
 */
export async function etagsOf(folder: string): Promise<Record<string, string>> {
	const etags: Record<string, string> = {};
	const exists = statSync(folder, { throwIfNoEntry: false })?.isDirectory() ?? false;
	if (!exists) return etags;
	for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
		if (!entry.isFile()) continue;
		const path = join(entry.parentPath ?? entry.path, entry.name);
		if (statSync(path).size <= MEMORY_FILE) continue;
		const hash = createHash('sha256');
		for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
		etags[relative(folder, path).split(sep).join('/')] = textOf(hash);
	}
	return etags;
}
