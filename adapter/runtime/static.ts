/** Files of the build and prerendered pages, looked up by exact path: nothing outside the index exists. */

import { readdirSync, statSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { lookup } from 'mrmime';
import {
	chooseVariant,
	CODINGS,
	fileAnswer,
	type Asked,
	type FileAnswer,
	type Representation,
	type StaticFile
} from './file-answer.ts';
import { fileMemory, type Stored } from './file-memory.ts';

/** What a prerendered path is: a file with, for endpoints, its content type, or a redirect. */
export type Prerendered =
	| { readonly file: string; readonly type?: string }
	| { readonly status: number; readonly location: string };

/** Path in a folder → ETag. */
type Etags = Readonly<Record<string, string>>;

/** What was hashed when the app was built. */
export interface LargeFiles {
	readonly client: Etags;
	readonly prerendered: Etags;
}

export interface StaticOptions {
	/** Folder whose tree is the URL's, the base path included. */
	readonly client: string;
	/** Folder of the prerendered files. */
	readonly prerendered: string;
	/** Decoded path → what stands there. */
	readonly pages: ReadonlyMap<string, Prerendered>;
	/** ETags of large files by their path in each folder. */
	readonly etags?: LargeFiles | undefined;
	/** Prefix of files whose name changes with their content: `/_app/immutable/`. */
	readonly immutable: string;
}

export interface Redirect {
	readonly status: number;
	readonly location: string;
}

export interface StaticFiles {
	/** @param url Path and query, as sent. */
	find(url: string): StaticFile | Redirect | undefined;
	answer(file: StaticFile, asked: Asked): FileAnswer | Promise<FileAnswer>;
}

export function staticFiles(options: StaticOptions): StaticFiles {
	const files = new Map<string, StaticFile | Redirect>();
	addPages(files, options);
	addClient(files, options);
	const memory = fileMemory();

	return {
		find(url) {
			const query = url.indexOf('?');
			const path = query === -1 ? url : url.slice(0, query);
			const decoded = decode(path);
			if (decoded === undefined) return undefined;
			const found = files.get(decoded);
			if (found) return found;
			const other = decoded.endsWith('/') ? decoded.slice(0, -1) : `${decoded}/`;
			if (!options.pages.has(other)) return undefined;
			// Built from the path as sent: what was decoded may not be legal in a header.
			const location = path.endsWith('/') ? path.slice(0, -1) : `${path}/`;
			return { status: 308, location: query === -1 ? location : location + url.slice(query) };
		},
		answer(file, asked) {
			const representation = chooseVariant(file, asked);
			const known = memory.get(representation.stored);
			if (!(known instanceof Promise)) return fileAnswer(asked, file, representation, known);
			return known.then((content) => fileAnswer(asked, file, representation, content));
		}
	};
}

function decode(path: string): string | undefined {
	if (!path.includes('%')) return path;
	try {
		return decodeURIComponent(path);
	} catch {
		// Not a path of any file; SvelteKit has the answer for malformed ones.
		return undefined;
	}
}

// --- the index ---

function addClient(files: Map<string, StaticFile | Redirect>, options: StaticOptions): void {
	const found = tree(options.client, options.etags?.client);
	for (const [name, stored] of found) {
		// Dotfiles are left out, as by SvelteKit's own adapter; .well-known is meant to be read.
		if (/(?:^|\/)\.(?!well-known(?:\/|$))/.test(name)) continue;
		const path = `/${name}`;
		files.set(path, {
			type: contentType(name),
			cacheControl: path.startsWith(options.immutable)
				? 'public, max-age=31536000, immutable'
				: 'no-cache',
			plain: { coding: undefined, stored },
			variants: variantsOf(name, found)
		});
	}
}

function addPages(files: Map<string, StaticFile | Redirect>, options: StaticOptions): void {
	const found = tree(options.prerendered, options.etags?.prerendered);
	for (const [path, page] of options.pages) {
		if ('location' in page) {
			files.set(path, page);
			continue;
		}
		const stored = found.get(page.file);
		if (!stored) continue;
		files.set(path, {
			type: page.type ?? contentType(page.file),
			cacheControl: 'no-cache',
			plain: { coding: undefined, stored },
			variants: variantsOf(page.file, found)
		});
	}
}

/** All files below a folder by their path in it; links are not followed. */
function tree(folder: string, etags: Etags = {}): Map<string, Stored> {
	const found = new Map<string, Stored>();
	const exists = statSync(folder, { throwIfNoEntry: false })?.isDirectory() ?? false;
	if (!exists) return found;
	for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
		if (!entry.isFile()) continue;
		const path = join(entry.parentPath ?? entry.path, entry.name);
		const { size, mtimeMs } = statSync(path);
		const name = relative(folder, path).split(sep).join('/');
		found.set(name, { path, size, modified: mtimeMs, etag: etags[name] });
	}
	return found;
}

function variantsOf(name: string, found: ReadonlyMap<string, Stored>): Map<string, Representation> {
	const variants = new Map<string, Representation>();
	const size = found.get(name)!.size;
	for (const [coding, suffix] of CODINGS) {
		const stored = found.get(name + suffix);
		if (stored && stored.size < size) variants.set(coding, { coding, stored });
	}
	return variants;
}

function contentType(name: string): string {
	const type = lookup(name) ?? 'application/octet-stream';
	return type.startsWith('text/') ? `${type}; charset=utf-8` : type;
}
