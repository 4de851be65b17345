import {
	mkdirSync,
	mkdtempSync,
	readdirSync,
	readFileSync,
	rmSync,
	utimesSync,
	writeFileSync
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { etagsOf } from '../../adapter/etags.ts';
import { staticFiles } from '../../adapter/runtime/static.ts';
import { addZstd } from '../../adapter/zstd.ts';

const folders: string[] = [];
afterEach(() => {
	for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

/** What a build leaves, written at some time. */
function build(files: Record<string, string | Buffer>, time = 1000): string {
	const folder = mkdtempSync(join(tmpdir(), 'realtime-build-'));
	folders.push(folder);
	mkdirSync(join(folder, 'media'));
	for (const [name, content] of Object.entries(files)) {
		writeFileSync(join(folder, name), content);
		utimesSync(join(folder, name), time, time);
	}
	return folder;
}

async function etag(folder: string, path: string): Promise<string | undefined> {
	const files = staticFiles({
		client: folder,
		prerendered: join(folder, 'none'),
		pages: new Map(),
		immutable: '/_app/',
		etags: { client: await etagsOf(folder), prerendered: await etagsOf(join(folder, 'none')) }
	});
	const found = files.find(path);
	if (!found || 'location' in found) return undefined;
	const { head } = await files.answer(found, { method: 'GET', header: () => undefined });
	return new Map(head.headers).get('etag');
}

const film = Buffer.alloc(2 * 1024 * 1024, 'film');

test.each(['/media/film.mp4', '/logo.svg'])('%s has one ETag on all replicas', async (path) => {
	const files = { 'media/film.mp4': film, 'logo.svg': '<svg/>' };
	const [one, other] = [build(files, 1000), build(files, 2000)];

	expect(await etag(one, path)).toMatch(/^"[\w-]{22}"$/);
	expect(await etag(other, path)).toBe(await etag(one, path));
});

test('a large file with other bytes has another ETag', async () => {
	const changed = Buffer.from(film).fill('x', film.length - 1);
	const [one, other] = [build({ 'media/film.mp4': film }), build({ 'media/film.mp4': changed })];

	expect(await etag(other, '/media/film.mp4')).not.toBe(await etag(one, '/media/film.mp4'));
});

test('what SvelteKit has compressed is compressed with zstd as well, where Node can', () => {
	const folder = build({ 'app.js': 'code', 'app.js.br': 'x', 'media/film.mp4': 'film' });
	addZstd(folder, {
		zstdCompressSync: (bytes) => Buffer.from(`zstd of ${Buffer.from(bytes).toString()}`),
		constants: { ZSTD_c_compressionLevel: 100 }
	});

	expect(readFileSync(join(folder, 'app.js.zst'), 'utf8')).toBe('zstd of code');
	expect(readdirSync(join(folder, 'media'))).toEqual(['film.mp4']);
	expect(() => addZstd(folder, { constants: { ZSTD_c_compressionLevel: 100 } })).not.toThrow();
});
