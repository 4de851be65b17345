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
	'(Debian, Ubuntu: apt-get install redis-server), or set REDIS_URL.';

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
	try {
		if (process.getuid?.() === 0) {
			await apt('install', '-y', '--no-install-recommends', 'redis-server');
			const installed = await onPath();
			if (installed) return { path: installed, env: {} };
		}
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

/** Runs apt-get; where its lists are missing or old, once more with new ones. */
async function apt(...args: readonly string[]): Promise<void> {
	const options = { env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } };
	try {
		await run('apt-get', args, options);
	} catch {
		await run('apt-get', ['update'], options);
		await run('apt-get', args, options);
	}
}

/** Unpacks the packages aside and moves them into place whole: two runs that begin together do not meet. */
async function unpack(): Promise<RedisBinary> {
	const folder = join(CACHE, 'redis');
	const path = join(folder, 'usr/bin/redis-server');
	if (!existsSync(path)) {
		await mkdir(CACHE, { recursive: true });
		const aside = await mkdtemp(`${folder}-`);
		await run('apt-get', ['download', ...PACKAGES, ...LIBRARIES, ...SCRIPTING], { cwd: aside });
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
