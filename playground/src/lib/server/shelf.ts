/** The files that visitors have put here, kept in memory. */

import { FILES_KEPT, type SharedFile } from '$lib/model';

const files = new Map<string, { readonly file: SharedFile; readonly bytes: Uint8Array }>();

export const shelf = {
	/** Newest first. */
	list(): readonly SharedFile[] {
		return [...files.values()].map(({ file }) => file).reverse();
	},

	/** Keeps a file; returns it, and those that had to give way. */
	add(name: string, by: string, bytes: Uint8Array): { file: SharedFile; gone: SharedFile[] } {
		const file = { id: crypto.randomUUID(), name, size: bytes.byteLength, by };
		files.set(file.id, { file, bytes });
		const gone = [...files.values()].slice(0, Math.max(0, files.size - FILES_KEPT));
		for (const { file } of gone) files.delete(file.id);
		return { file, gone: gone.map(({ file }) => file) };
	},

	find(id: string): { readonly file: SharedFile; readonly bytes: Uint8Array } | undefined {
		return files.get(id);
	}
};
