/** Where `redis-server` is; fetched where the machine has none. */

import { join } from 'node:path';
import { install, isRoot, onPath, unpack } from './apt.ts';

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
	const path = await onPath('redis-server');
	if (path) return { path, env: {} };
	if (isRoot) {
		// Where that is not to be had, unpacking tries once more, and says why.
		await install('redis-server').catch(() => {});
		const installed = await onPath('redis-server');
		if (installed) return { path: installed, env: {} };
	}
	try {
		const packages = [...PACKAGES, ...LIBRARIES, ...SCRIPTING];
		const { folder, env } = await unpack('redis', async () => packages);
		return { path: join(folder, 'usr/bin/redis-server'), env };
	} catch (error) {
		throw new Error(HELP, { cause: error });
	}
}
