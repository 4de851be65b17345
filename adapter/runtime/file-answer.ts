/** How a file is answered: which coding, which part, or that the client has it already. */

import parseRange from 'range-parser';
import { negotiate } from './codings.ts';
import { head } from './head.ts';
import type { Content, Stored } from './file-memory.ts';
import type { Head, Incoming } from './front.ts';

/** What of a request matters to a file. */
export type Asked = Pick<Incoming, 'method' | 'header'>;

/** A found file and its compressed siblings. */
export interface StaticFile {
	readonly type: string;
	readonly cacheControl: string;
	readonly plain: Representation;
	/** By content coding. */
	readonly variants: ReadonlyMap<string, Representation>;
}

/** One form of a file: as it is, or compressed. */
export interface Representation {
	readonly coding: string | undefined;
	readonly stored: Stored;
	/** What most of its answers begin with, as it was for the last of them. */
	heads?: Heads;
}

/** Nearly every answer has one of these; they are as long-lived as the bytes. */
interface Heads {
	readonly etag: string;
	readonly whole: Head;
	readonly unchanged: Head;
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

// --- the coding ---

/** Content codings and the ends of their files' names, best first. */
export const CODINGS: ReadonlyMap<string, string> = new Map([
	['br', '.br'],
	['zstd', '.zst'],
	['gzip', '.gz']
]);

const codingsOf = negotiate(CODINGS.keys());

/** The representation that suits the request: a compressed one, or the file itself. */
export function chooseVariant(file: StaticFile, asked: Asked): Representation {
	if (file.variants.size === 0) return file.plain;
	const accepts = asked.header('accept-encoding');
	// Parts of a file are counted in its plain bytes: a range of a compressed one is of little use.
	if (!accepts || asked.header('range') !== undefined) return file.plain;
	for (const coding of codingsOf(accepts)) {
		if (coding === 'identity') break;
		const variant = file.variants.get(coding);
		if (variant) return variant;
	}
	return file.plain;
}

// --- conditional and partial answers ---

/** The answer of one representation. */
export function fileAnswer(
	asked: Asked,
	file: StaticFile,
	representation: Representation,
	content: Content
): FileAnswer {
	const { stored } = representation;
	const { whole, unchanged } = headsOf(file, representation, content.etag);
	if (matches(asked.header('if-none-match'), content.etag)) {
		return { head: unchanged, length: undefined };
	}
	const range = asked.method === 'GET' ? rangeOf(asked, stored.size, content.etag) : undefined;
	if (range === 'unsatisfiable') {
		const unmet = withRange(whole, `bytes */${stored.size}`, 416);
		return { head: unmet, length: 0, body: new Uint8Array() };
	}
	if (range !== undefined) {
		const { start, end } = range;
		const part = withRange(whole, `bytes ${start}-${end}/${stored.size}`, 206);
		const answer = { head: part, length: end - start + 1 };
		if (content.bytes) return { ...answer, body: content.bytes.subarray(start, end + 1) };
		return { ...answer, source: { path: stored.path, start, end } };
	}
	const length = stored.size;
	if (asked.method === 'HEAD') return { head: whole, length };
	if (content.bytes) return { head: whole, length, body: content.bytes };
	return { head: whole, length, source: { path: stored.path, start: 0, end: length - 1 } };
}

function headsOf(file: StaticFile, representation: Representation, etag: string): Heads {
	// Another ETag: the file was read again, and is not what it was.
	if (representation.heads?.etag === etag) return representation.heads;
	const shared: [string, string][] = [
		['cache-control', file.cacheControl],
		['etag', etag]
	];
	if (file.variants.size > 0) shared.push(['vary', 'Accept-Encoding']);
	const all: [string, string][] = [
		...shared,
		['content-type', file.type],
		['accept-ranges', 'bytes'],
		['x-content-type-options', 'nosniff']
	];
	if (representation.coding !== undefined) all.push(['content-encoding', representation.coding]);
	const whole = { ...head(200, all), isShared: true };
	const unchanged = { ...head(304, shared), isShared: true };
	return (representation.heads = { etag, whole, unchanged });
}

function withRange(whole: Head, range: string, status: number): Head {
	return head(status, [...whole.headers, ['content-range', range]]);
}

/** If-None-Match is a list, compares weakly, and `*` is any. */
function matches(header: string | undefined, etag: string): boolean {
	if (header === undefined) return false;
	if (header.trim() === '*') return true;
	return (header.match(/(?:W\/)?"[^"]*"/g) ?? []).some((tag) => tag.replace(/^W\//, '') === etag);
}

function rangeOf(
	asked: Asked,
	size: number,
	etag: string
): { start: number; end: number } | 'unsatisfiable' | undefined {
	const header = asked.header('range');
	if (size === 0 || !header?.startsWith('bytes=')) return undefined;
	const condition = asked.header('if-range');
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
