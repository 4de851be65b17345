/** The bytes of files, small ones kept in memory, each with its ETag. */

import { createHash, type Hash } from 'node:crypto';
import { readFile } from 'node:fs/promises';

/** Files up to this many bytes are served from memory. */
export const MEMORY_FILE: number = 1024 * 1024;
/** Bytes of files kept in memory; past it the oldest go. */
const MEMORY_TOTAL: number = 64 * 1024 * 1024;

/** The ETag of what a hash was made of. */
export function textOf(hash: Hash): string {
	return `"${hash.digest('base64url').slice(0, 22)}"`;
}

/** A file as the index knows it. */
export interface Stored {
	readonly path: string;
	readonly size: number;
	/** Milliseconds since 1970. */
	readonly modified: number;
	/** As it was found out when the app was built, for a file too large for memory. */
	readonly etag?: string | undefined;
}

export interface Content {
	/** Strong: a hash of the bytes; of size and time of change for a large file that no build has hashed. */
	readonly etag: string;
	/** `undefined` for a file too large for memory. */
	readonly bytes: Uint8Array | undefined;
}

export interface FileMemory {
	get(stored: Stored): Content | Promise<Content>;
}

export function fileMemory(): FileMemory {
	const kept = new Map<string, Content | Promise<Content>>();
	let total = 0;
	const load = async (stored: Stored): Promise<Content> => {
		const bytes = await readFile(stored.path);
		return { etag: textOf(createHash('sha256').update(bytes)), bytes };
	};
	const trim = (): void => {
		for (const [path, content] of kept) {
			if (total <= MEMORY_TOTAL) return;
			if (content instanceof Promise) continue;
			total -= content.bytes?.byteLength ?? 0;
			kept.delete(path);
		}
	};
	return {
		get(stored) {
			const known = kept.get(stored.path);
			if (known) return known;
			if (stored.size > MEMORY_FILE) {
				const stamp = `${stored.size.toString(36)}-${Math.floor(stored.modified).toString(36)}`;
				const content = { etag: stored.etag ?? `"${stamp}"`, bytes: undefined };
				kept.set(stored.path, content);
				return content;
			}
			const loading = load(stored).then(
				(content) => {
					kept.set(stored.path, content);
					total += content.bytes?.byteLength ?? 0;
					trim();
					return content;
				},
				(error) => {
					kept.delete(stored.path);
					throw error;
				}
			);
			kept.set(stored.path, loading);
			return loading;
		}
	};
}
