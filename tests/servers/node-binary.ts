/** Versions of Node.js other than the one that runs the tests: the programs that npm has. */

import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CACHE } from '../e2e/site.ts';
import { run } from './apt.ts';

/** What the tests run on besides their own; each is the latest of its major that was tried. */
export const NODES = { 22: '22.23.3', 24: '24.21.0' } as const;

/**
 * The path of a Node.js, fetched once into the cache.
 *
 * @throws {Error} that says what could not be fetched.
 */
export async function findNode(major: keyof typeof NODES): Promise<string> {
	const version = NODES[major];
	const name = `node-${process.platform}-${process.arch}`;
	const folder = join(CACHE, `node-${version}`);
	const path = join(folder, 'node_modules', name, 'bin/node');
	if (existsSync(path)) return path;

	await mkdir(CACHE, { recursive: true });
	// Aside, and moved into place whole: a run that is stopped midway leaves no half of it.
	const aside = await mkdtemp(`${folder}-`);
	try {
		await writeFile(join(aside, 'package.json'), '{"private":true}');
		const options = ['--no-audit', '--no-fund', '--no-save', '--ignore-scripts'];
		// The packages of npm say which Node.js may install them; here it is installed, not used.
		const args = ['install', `${name}@${version}`, ...options, '--engine-strict=false'];
		await run('npm', args, { cwd: aside });
		await rename(aside, folder);
	} catch (error) {
		await rm(aside, { recursive: true, force: true });
		if (!existsSync(path)) {
			throw new Error(`Node.js ${version} could not be fetched from npm (${name}).`, {
				cause: error
			});
		}
	}
	return path;
}
