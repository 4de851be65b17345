/** Where the programs of Postgres are; fetched where the machine has none. */

import { existsSync } from 'node:fs';
import { appendFile, readdir, realpath } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { install, isRoot, onPath, run, unpack } from './apt.ts';

export interface PostgresBinary {
	/** The folder with `initdb` and `postgres`. */
	readonly folder: string;
	/** What they need to find their libraries. */
	readonly env: Readonly<Record<string, string>>;
}

const INSTALLED = '/usr/lib/postgresql';
/** Installing the server makes a cluster and starts it, unless this says otherwise. */
const SETTINGS = '/etc/postgresql-common/createcluster.conf';

const HELP =
	'The tests of the cluster need the server of Postgres, 13 or later: install it ' +
	'(Debian, Ubuntu: apt-get install postgresql), or say POSTGRES_URL.';

let found: Promise<PostgresBinary> | undefined;

/**
 * Those on the PATH, or of the system; else Debian's package, installed where this user may do that,
 * else unpacked into the cache.
 *
 * @throws {Error} that says what to install.
 */
export function findPostgres(): Promise<PostgresBinary> {
	return (found ??= find());
}

async function find(): Promise<PostgresBinary> {
	const there = await ofSystem();
	if (there) return there;
	if (isRoot) {
		// Where that is not to be had, unpacking tries once more, and says why.
		await installServer().catch(() => {});
		const installed = await ofSystem();
		if (installed) return installed;
	}
	try {
		const { folder, env } = await unpack('postgres', packages);
		const programs = await latest(join(folder, INSTALLED));
		if (programs === undefined) throw new Error(`${folder} has no server.`);
		return { folder: programs, env };
	} catch (error) {
		throw new Error(HELP, { cause: error });
	}
}

async function ofSystem(): Promise<PostgresBinary | undefined> {
	const path = await onPath('postgres');
	const folder = path ? dirname(await realpath(path)) : await latest(INSTALLED);
	return folder && existsSync(join(folder, 'initdb')) ? { folder, env: {} } : undefined;
}

/** The programs of the latest version below a folder. */
async function latest(folder: string): Promise<string | undefined> {
	const versions = existsSync(folder) ? await readdir(folder) : [];
	const [version] = versions
		.filter((name) => existsSync(join(folder, name, 'bin/postgres')))
		.sort((one, other) => Number(other) - Number(one));
	return version === undefined ? undefined : join(folder, version, 'bin');
}

async function installServer(): Promise<void> {
	await install('postgresql-common');
	await appendFile(SETTINGS, '\ncreate_main_cluster = false\n');
	await install('postgresql');
}

/** The server, and every library that it needs; those of the system itself are there. */
async function packages(): Promise<readonly string[]> {
	const { stdout } = await run('sh', [
		'-c',
		'apt-cache depends postgresql | grep -o "postgresql-[0-9][0-9]*"'
	]);
	const server = stdout.trim().split('\n')[0]!;
	const needed = ['recommends', 'suggests', 'conflicts', 'breaks', 'replaces', 'enhances'].map(
		(relation) => `--no-${relation}`
	);
	const all = await run('apt-cache', ['depends', '--recurse', ...needed, server], {
		maxBuffer: 1 << 24
	});
	const libraries = all.stdout
		.split('\n')
		.filter((name) => /^lib[\w.+-]+$/.test(name) && !/^lib(c6|llvm|perl|gcc-s1)/.test(name));
	return [server, ...new Set(libraries)];
}
