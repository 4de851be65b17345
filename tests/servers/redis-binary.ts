/** Where `redis-server` is; fetched where the machine has none. */

import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { CACHE } from '../e2e/site.ts';

const run = promisify(execFile);

export interface RedisBinary {
	readonly path: string;
	/** What it needs to find its libraries. */
	readonly env: Readonly<Record<string, string>>;
}

/** Debian's package that holds the server, and what a slim machine lacks of its libraries. */
const PACKAGES = ['redis-server', 'redis-tools'];
const LIBRARIES = ['libatomic1', 'libjemalloc2', 'liblzf1', 'liblua5.1-0'];
const SCRIPTING = ['lua-bitop', 'lua-cjson'];

const HELP =
	'The tests of the cluster need redis-server 7.0 or later: install it ' +
	'(Debian, Ubuntu: apt-get install redis-server).';

let found: Promise<RedisBinary> | undefined;

/**
 * The one on the PATH; else Debian's package, installed where this user may do that, else unpacked
 * into the cache.
 *
 * @throws {Error} that says what to install.
 */
export function findRedis(): Promise<RedisBinary> {
	return (found ??= find());
}

async function find(): Promise<RedisBinary> {
	const path = await onPath();
	if (path) return { path, env: {} };
	await mkdir(CACHE, { recursive: true });
	if (process.getuid?.() === 0) {
		// Where that is not to be had, unpacking tries once more, and says why.
		await apt(CACHE, 'install', '-y', '--no-install-recommends', 'redis-server').catch(() => {});
		const installed = await onPath();
		if (installed) return { path: installed, env: {} };
	}
	try {
		return await unpack();
	} catch (error) {
		throw new Error(HELP, { cause: error });
	}
}

async function onPath(): Promise<string | undefined> {
	try {
		return (await run('sh', ['-c', 'command -v redis-server'])).stdout.trim() || undefined;
	} catch {
		// Not there: that it fails is the answer.
		return undefined;
	}
}

/** Runs apt-get in a folder; where its lists are missing or old, once more with new ones. */
async function apt(cwd: string, ...args: readonly string[]): Promise<void> {
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

/** Unpacks the packages aside and moves them into place whole: two runs that begin together do not meet. */
async function unpack(): Promise<RedisBinary> {
	const folder = join(CACHE, 'redis');
	const path = join(folder, 'usr/bin/redis-server');
	if (!existsSync(path)) {
		const aside = await mkdtemp(`${folder}-`);
		await apt(aside, 'download', ...PACKAGES, ...LIBRARIES, ...SCRIPTING);
		for (const file of await readdir(aside)) {
			if (file.endsWith('.deb')) await run('dpkg', ['-x', join(aside, file), aside]);
		}
		// The loser of a race finds it in place.
		await rename(aside, folder).catch(() => rm(aside, { recursive: true }));
	}
	const libraries = (await readdir(join(folder, 'usr/lib'))).map((name) =>
		join(folder, 'usr/lib', name)
	);
	return { path, env: { LD_LIBRARY_PATH: libraries.join(':') } };
}
