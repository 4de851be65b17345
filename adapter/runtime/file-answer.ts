/** How a file is answered: which coding, which part, or that the client has it already. */

import Negotiator from 'negotiator';
import parseRange from 'range-parser';
import { head } from './head.ts';
import type { RequestHeaders } from './env.ts';
import type { Content, Stored } from './file-memory.ts';
import type { Head } from './front.ts';

/** A found file and its compressed siblings. */
export interface StaticFile {
	readonly type: string;
	readonly cacheControl: string;
	readonly plain: Stored;
	/** By content coding, best first. */
	readonly variants: ReadonlyMap<string, Stored>;
}

/** What is to be sent: bytes, a part of a file on disk, or the head alone. */
export interface FileAnswer {
	readonly head: Head;
	/** Bytes that the body has, or would have. */
	readonly length: number | undefined;
	readonly body?: Uint8Array | undefined;
	/** First and last byte, both included. */
	readonly source?: { readonly path: string; readonly start: number; readonly end: number };
}

/** The representation that suits the request: a compressed one with its coding, or the file itself. */
export function chooseVariant(
	file: StaticFile,
	headers: RequestHeaders
): [string | undefined, Stored] {
	const accepts = headers['accept-encoding'];
	// Parts of a file are counted in its plain bytes: a range of a compressed one is of little use.
	if (file.variants.size === 0 || !accepts || headers['range']) return [undefined, file.plain];
	const offered = [...file.variants.keys(), 'identity'];
	const negotiator = new Negotiator({ headers: { 'accept-encoding': accepts } });
	// At equal weight the client's order means nothing, and ours does.
	const coding = (negotiator as WithPreference).encodings(offered, { preferred: offered })[0];
	const variant = coding === undefined ? undefined : file.variants.get(coding);
	return variant ? [coding, variant] : [undefined, file.plain];
}

/** What negotiator 1 can, and its type package of 0.6 does not know. */
interface WithPreference {
	encodings(available: readonly string[], options: { preferred: readonly string[] }): string[];
}

// --- conditional and partial answers ---

export interface FileQuestion {
	file: StaticFile;
	coding: string | undefined;
	stored: Stored;
	content: Content;
	method: string;
	headers: RequestHeaders;
}

/** The answer of one representation. */
export function fileAnswer(question: FileQuestion): FileAnswer {
	const { file, coding, stored, content, method, headers } = question;
	const shared: [string, string][] = [
		['cache-control', file.cacheControl],
		['etag', content.etag]
	];
	if (file.variants.size > 0) shared.push(['vary', 'Accept-Encoding']);
	if (matches(headers['if-none-match'], content.etag)) {
		return { head: head(304, shared), length: undefined };
	}
	shared.push(
		['content-type', file.type],
		['accept-ranges', 'bytes'],
		['x-content-type-options', 'nosniff']
	);
	if (coding !== undefined) shared.push(['content-encoding', coding]);

	const range = method === 'GET' ? rangeOf(headers, stored.size, content.etag) : undefined;
	if (range === 'unsatisfiable') {
		shared.push(['content-range', `bytes */${stored.size}`]);
		return { head: head(416, shared), length: 0, body: new Uint8Array() };
	}
	const { start, end } = range ?? { start: 0, end: stored.size - 1 };
	if (range) shared.push(['content-range', `bytes ${start}-${end}/${stored.size}`]);
	const answer = { head: head(range ? 206 : 200, shared), length: end - start + 1 };
	if (method === 'HEAD') return answer;
	if (content.bytes) return { ...answer, body: content.bytes.subarray(start, end + 1) };
	return { ...answer, source: { path: stored.path, start, end } };
}

/** If-None-Match is a list, compares weakly, and `*` is any. */
function matches(header: string | undefined, etag: string): boolean {
	if (header === undefined) return false;
	if (header.trim() === '*') return true;
	return (header.match(/(?:W\/)?"[^"]*"/g) ?? []).some((tag) => tag.replace(/^W\//, '') === etag);
}

function rangeOf(
	headers: RequestHeaders,
	size: number,
	etag: string
): { start: number; end: number } | 'unsatisfiable' | undefined {
	const header = headers['range'];
	const condition = headers['if-range'];
	if (size === 0 || !header?.startsWith('bytes=')) return undefined;
	if (condition !== undefined && condition !== etag) return undefined;
	// The last N bytes of a shorter file are all of it; range-parser takes that for an error.
	const suffix = /^bytes=-(\d+)$/.exec(header.trim());
	if (suffix && Number(suffix[1]) >= size) return { start: 0, end: size - 1 };
	const ranges = parseRange(size, header);
	if (ranges === -1) return 'unsatisfiable';
	// Malformed, of another unit, or several: answering with everything is allowed, and simple.
	if (ranges === -2 || ranges.length !== 1) return undefined;
	return ranges[0];
}
