/** Answers of the app, compressed as they are sent, where that gives nothing away. */

import { constants, createBrotliCompress, createGzip } from 'node:zlib';
import { negotiate } from './codings.ts';
import type { RequestHeaders } from './env.ts';
import type { Head } from './front.ts';
import { hasBody } from './whole-body.ts';

export type Coding = 'br' | 'gzip';

/** Best first. */
const CODINGS: readonly Coding[] = ['br', 'gzip'];

/** Bytes below which an answer gains nothing: it is one packet either way. */
export const SMALL: number = 1024;

const TEXT =
	/^(?:text\/(?!event-stream)|image\/svg\+xml|application\/(?:(?:[\w.-]+\+)?(?:json|xml)|javascript|x-ndjson)(?=;|\s|$))/i;

/** That an answer's coding depends on its request, and what that comes to. */
export interface Compression {
	/** `undefined`: sent as it is, since the client takes none. */
	readonly coding: Coding | undefined;
}

/**
 * What is to be made of an answer; `undefined` where it is left alone.
 *
 * What belongs to one visitor is never compressed, neither for a request with cookies or credentials
 * nor with new cookies: where an attacker puts text beside a secret, the size of the answer tells how
 * much the two are alike (BREACH).
 */
export function compressionOf(
	asked: { readonly method: string; readonly headers: RequestHeaders },
	response: Response
): Compression | undefined {
	const { headers } = response;
	if (asked.headers['cookie'] !== undefined || asked.headers['authorization'] !== undefined) {
		return undefined;
	}
	if (headers.has('set-cookie') || headers.has('content-encoding')) return undefined;
	if (asked.headers['range'] !== undefined || headers.has('content-range')) return undefined;
	if (!TEXT.test(headers.get('content-type') ?? '') || !hasBody(response)) return undefined;
	if (/\bno-transform\b/i.test(headers.get('cache-control') ?? '')) return undefined;
	const length = headers.get('content-length');
	if (length !== null && Number(length) < SMALL) return undefined;
	return { coding: codingFor(asked.headers['accept-encoding']) };
}

const codingsOf = negotiate(CODINGS);

function codingFor(accepts: string | undefined): Coding | undefined {
	const [best] = accepts ? codingsOf(accepts) : [];
	return CODINGS.find((coding) => coding === best);
}

/** The head of the same answer in a coding, or in none where another client would get it in one. */
export function headIn(answer: Head, coding: Coding | undefined): Head {
	const headers = answer.headers.filter(([name]) => name !== 'vary' && name !== 'etag');
	const find = (wanted: string): string | undefined =>
		answer.headers.find(([name]) => name === wanted)?.[1];
	const [vary, etag] = [find('vary'), find('etag')];
	const known = /(?:^|,)\s*(?:\*|accept-encoding)\s*(?:,|$)/i.test(vary ?? '');
	headers.push(['vary', known ? vary! : vary ? `${vary}, Accept-Encoding` : 'Accept-Encoding']);
	if (coding !== undefined) headers.push(['content-encoding', coding]);
	// Two codings are not the same bytes, which a strong validator would say that they are.
	const isWeak = coding !== undefined && etag?.startsWith('"');
	if (etag !== undefined) headers.push(['etag', isWeak ? `W/${etag}` : etag]);
	return { ...answer, headers };
}

// --- bytes ---

/** What bytes are read from, in order and one at a time. */
export interface Source {
	read(): Promise<{ readonly done: boolean; readonly value?: Uint8Array | undefined }>;
}

export interface Encoded extends Source {
	/** Lets go of the memory of the encoder; a read that waits comes to its end. */
	close(): void;
}

/** Brotli's quality of 4 takes as long as gzip's usual 6, and makes less of it. */
const BROTLI = {
	[constants.BROTLI_PARAM_MODE]: constants.BROTLI_MODE_TEXT,
	[constants.BROTLI_PARAM_QUALITY]: 4,
	// 256 KB that are looked back on, and held as long as the answer takes; usual are 4 MB.
	[constants.BROTLI_PARAM_LGWIN]: 18
};

/**
 * The bytes of a source in a coding: what comes of a chunk can be decoded when it is read, so that a
 * page that streams goes on doing so.
 *
 * @param whole All of the bytes, where they are there already.
 */
export function encode(coding: Coding, source: Source, whole?: Uint8Array): Encoded {
	const encoder = coding === 'br' ? createBrotliCompress({ params: BROTLI }) : createGzip();
	const flush =
		coding === 'br' ? constants.BROTLI_OPERATION_FLUSH : (constants.Z_SYNC_FLUSH as number);
	let made: Uint8Array[] = [];
	let isOver = false;
	let settle: () => void = () => {};
	let failure: Error | undefined;
	encoder.on('data', (bytes: Buffer) => made.push(bytes));
	encoder.on('error', (error) => (failure = error));
	encoder.on('close', () => settle());

	/** What comes out until a piece of work is done, or the encoder has been closed. */
	async function outOf(work: (done: () => void) => void): Promise<Uint8Array> {
		await new Promise<void>((resolve) => {
			settle = resolve;
			if (encoder.destroyed) resolve();
			else work(resolve);
		});
		if (failure) throw failure;
		const bytes = made.length === 1 ? made[0]! : Buffer.concat(made);
		made = [];
		return bytes;
	}

	return {
		async read() {
			while (!isOver) {
				const { done, value } = whole ? { done: true, value: whole } : await source.read();
				isOver = done;
				const bytes = await outOf((resolve) => {
					if (done) encoder.once('end', resolve).end(value);
					else encoder.write(value, () => encoder.flush(flush, resolve));
				});
				if (bytes.byteLength > 0) return { done: false, value: bytes };
			}
			return { done: true };
		},
		close: () => encoder.destroy()
	};
}
