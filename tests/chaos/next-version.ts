/** The plugin as a later version of it may be: what it stores and sends has fields that none knows yet. */

import { cp, mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { redisReplay } from 'svelte-realtime/plugins/redis-replay';
import { CACHE } from '../e2e/site.ts';

const PLUGINS = fileURLToPath(new URL('../../plugins', import.meta.url));

/** Each text stands in its file once, else the version is not the one that was meant. */
const CHANGES: readonly (readonly [file: string, find: string, replace: string])[] = [
	['redis-replay/scripts.ts', "(began or ''), {}", "(began or '') .. '\\\\tlater', {}"],
	['redis-replay/scripts.ts', "'n', renewal)\n\t\tepoch", "'n', renewal, 'later', '1')\n\t\tepoch"],
	['log-line.ts', '${writeFrame(stored)}`', '${writeFrame(stored)}${TAB}later`']
];

export async function nextVersion(): Promise<typeof redisReplay> {
	const folder = join(CACHE, 'children', `${process.pid}`, 'next-version');
	await rm(folder, { recursive: true, force: true });
	await mkdir(folder, { recursive: true });
	for (const file of await readdir(PLUGINS)) {
		if (file.endsWith('.ts')) await cp(join(PLUGINS, file), join(folder, file));
	}
	await cp(join(PLUGINS, 'redis-replay'), join(folder, 'redis-replay'), { recursive: true });
	for (const [file, find, replace] of CHANGES) {
		const source = await readFile(join(folder, file), 'utf8');
		if (source.split(find).length !== 2) throw new Error(`${file} does not hold once: ${find}`);
		await writeFile(
			join(folder, file),
			source.replace(find, () => replace)
		);
	}
	try {
		const next = (await import(join(folder, 'redis-replay/index.ts'))) as {
			redisReplay: typeof redisReplay;
		};
		return next.redisReplay;
	} finally {
		await rm(folder, { recursive: true });
	}
}
