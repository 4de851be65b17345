/** Servers that the machine has not got: Debian's packages, installed or unpacked into the cache. */

import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { CACHE } from '../e2e/site.ts';

export const run = promisify(execFile);

export const isRoot: boolean = process.getuid?.() === 0;

/** Where a command is; undefined where it is not on the PATH. */
export async function onPath(command: string): Promise<string | undefined> {
	try {
		return (await run('sh', ['-c', `command -v ${command}`])).stdout.trim() || undefined;
	} catch {
		// Not there: that it fails is the answer.
		return undefined;
	}
}

/** Runs apt-get in a folder; where its lists are missing or old, once more with new ones. */
export async function apt(cwd: string, ...args: readonly string[]): Promise<void> {
	await mkdir(CACHE, { recursive: true });
	// Two test files begin together, and apt-get of the second one would find its own locks taken.
	const exclusive = (...rest: readonly string[]): Promise<unknown> =>
		run('flock', [join(CACHE, 'apt.lock'), 'apt-get', ...rest], {
			cwd,
			env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
		});
	try {
		await exclusive(...args);
	} catch {
		await exclusive('update');
		await exclusive(...args);
	}
}

/** Installs packages, with what they need and no more. */
export async function install(...packages: readonly string[]): Promise<void> {
	await mkdir(CACHE, { recursive: true });
	await apt(CACHE, 'install', '-y', '--no-install-recommends', ...packages);
}

/** Unpacked packages. */
export interface Unpacked {
	readonly folder: string;
	/** What their programs need to find their libraries. */
	readonly env: Readonly<Record<string, string>>;
}

/**
 * Unpacks packages aside and moves them into place whole: two runs that begin together do not meet.
 *
 * @param name Of their folder in the cache.
 * @param packages Called where they are not there yet.
 */
export async function unpack(
	name: string,
	packages: () => Promise<readonly string[]>
): Promise<Unpacked> {
	const folder = join(CACHE, name);
	if (!existsSync(folder)) {
		await mkdir(CACHE, { recursive: true });
		const wanted = await packages();
		const aside = await mkdtemp(`${folder}-`);
		await apt(aside, 'download', ...wanted);
		for (const file of await readdir(aside)) {
			if (file.endsWith('.deb')) await run('dpkg', ['-x', join(aside, file), aside]);
		}
		// The loser of a race finds it in place.
		await rename(aside, folder).catch(() => rm(aside, { recursive: true }));
	}
	const libraries = await Promise.all(
		['usr/lib', 'lib'].map(async (path) => {
			const names = existsSync(join(folder, path)) ? await readdir(join(folder, path)) : [];
			return names.map((each) => join(folder, path, each));
		})
	);
	return { folder, env: { LD_LIBRARY_PATH: libraries.flat().join(':') } };
}
