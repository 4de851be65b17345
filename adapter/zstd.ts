/** The third coding: SvelteKit compresses with brotli and gzip. */

import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as zlib from 'node:zlib';

/** Node has it from 22.15 on. */
interface WithZstd {
	zstdCompressSync?(bytes: Uint8Array, options: { params: Record<number, number> }): Uint8Array;
	readonly constants: { readonly ZSTD_c_compressionLevel: number };
}

/** As high as costs a visitor's browser no more memory. */
const LEVEL = 19;

/** Puts a `.zst` beside every file that SvelteKit has compressed, where this Node can. */
export function addZstd(folder: string, zstd: WithZstd = zlib as never): void {
	if (!zstd.zstdCompressSync || !existsSync(folder)) return;
	const params = { [zstd.constants.ZSTD_c_compressionLevel]: LEVEL };
	for (const name of readdirSync(folder, { recursive: true }) as string[]) {
		if (!name.endsWith('.br')) continue;
		const plain = join(folder, name.slice(0, -'.br'.length));
		if (!existsSync(plain)) continue;
		writeFileSync(`${plain}.zst`, zstd.zstdCompressSync(readFileSync(plain), { params }));
	}
}
