/** Where `nginx` is; fetched where the machine has none. */

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { CACHE } from '../e2e/site.ts';
import { apt, onPath, run, unpack } from './apt.ts';

export interface NginxBinary {
	readonly path: string;
	/** What it needs to find its libraries. */
	readonly env: Readonly<Record<string, string>>;
}

/** Where Debian has it, which is on the PATH of administrators only. */
const INSTALLED = '/usr/sbin/nginx';

const HELP =
	'The tests of sites behind a proxy need nginx, 1.20 or later: install it ' +
	'(Debian, Ubuntu: apt-get install nginx).';

let found: Promise<NginxBinary> | undefined;

/**
 * The one on the PATH; else Debian's package, unpacked into the cache. It is never installed, which
 * would start it as a service that takes port 80.
 *
 * @throws {Error} that says what to install.
 */
export function findNginx(): Promise<NginxBinary> {
	return (found ??= find());
}

async function find(): Promise<NginxBinary> {
	const path = (await onPath('nginx')) ?? (existsSync(INSTALLED) ? INSTALLED : undefined);
	if (path) return { path, env: {} };
	try {
		return await unpacked();
	} catch (error) {
		throw new Error(HELP, { cause: error });
	}
}

/** @throws {Error} where it cannot be had, or does not run here. */
async function unpacked(): Promise<NginxBinary> {
	const { folder, env } = await unpack('nginx', packages);
	const binary = { path: join(folder, 'usr/sbin/nginx'), env };
	await run(binary.path, ['-v'], { env: { ...process.env, ...env } });
	return binary;
}

/** The server, and the libraries that it names; the C library is there. */
async function packages(): Promise<readonly string[]> {
	const ask = (): ReturnType<typeof run> => run('apt-cache', ['depends', '--important', 'nginx']);
	// A slim image has no lists.
	const asked = await ask().catch(() => apt(CACHE, 'update').then(ask));
	const named = [...String(asked.stdout).matchAll(/Depends: ((?:lib|zlib)[\w.+-]+)/g)];
	return ['nginx', ...named.map(([, name]) => name!).filter((name) => name !== 'libc6')];
}
