/** Apps outside the repository's own modules: on the SvelteKit that they name, with the packed package. */

import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, rmSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { findNode } from '../servers/node-binary.ts';
import { CACHE, plainEnvironment, ROOT } from './site.ts';

const exec = promisify(execFile);

/** Where the app stands that runs on each of them. */
export const COMPAT: string = join(ROOT, 'tests/fixtures/compat');

/** The oldest and the latest of each major; the oldest with the oldest of what goes with it. */
export type Kit = 'kit-2.60' | 'kit-2.70' | 'kit-3.0' | 'kit-3';

/** Whether it needs a newer Node.js than the tests; its apps have the newer addon, too. */
export function isKit3(kit: Kit): boolean {
	return kit.startsWith('kit-3');
}

/** A SvelteKit with its neighbours and this package. */
export interface InstalledKit {
	/** Has `node_modules`; apps stand below. */
	readonly folder: string;
	/** Path of Vite's program. */
	readonly vite: string;
	/** The Node.js that builds with it. */
	readonly node: string;
}

let packing: Promise<string> | undefined;

/** The tarball as npm would publish it, in a folder that goes with it. */
async function pack(): Promise<string> {
	const folder = await mkdtemp(join(tmpdir(), 'svelte-realtime-pack-'));
	process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
	const args = ['pack', '--ignore-scripts', '--json', '--pack-destination', folder];
	const [{ filename }] = JSON.parse((await exec('npm', args, { cwd: ROOT })).stdout) as [
		{ filename: string }
	];
	return join(folder, filename);
}

/** Installs a SvelteKit into the cache, where it is not there yet with the package as it is. */
export async function installKit(kit: Kit): Promise<InstalledKit> {
	const tarball = await (packing ??= pack());
	const manifest = await readFile(join(COMPAT, kit, 'package.json'), 'utf8');
	const hash = createHash('sha256')
		.update(manifest)
		.update(await readFile(tarball));
	const all = join(CACHE, 'kits');
	const name = `${kit}-${hash.digest('hex').slice(0, 16)}`;
	const folder = join(all, name);
	if (!existsSync(folder)) {
		await mkdir(all, { recursive: true });
		// Aside and moved into place whole: two files that install the same do not meet.
		const aside = await mkdtemp(join(all, 'aside-'));
		await cp(tarball, join(aside, 'svelte-realtime.tgz'));
		await writeFile(join(aside, 'package.json'), withPackage(manifest));
		// SvelteKit 3 is installed by a Node.js that it does not run on.
		const options = ['--no-audit', '--no-fund', '--prefer-offline', '--engine-strict=false'];
		await exec('npm', ['install', ...options, '--no-package-lock'], { cwd: aside });
		await rename(aside, folder).catch(() => rm(aside, { recursive: true }));
		const older = (await readdir(all)).filter((each) => each.startsWith(`${kit}-`));
		for (const each of older) {
			if (each !== name) await rm(join(all, each), { recursive: true, force: true });
		}
	}
	const node = isKit3(kit) ? await findNode(24) : process.execPath;
	return { folder, vite: join(folder, 'node_modules/vite/bin/vite.js'), node };
}

function withPackage(manifest: string): string {
	const { dependencies, ...rest } = JSON.parse(manifest) as { dependencies?: object };
	const own = { 'svelte-realtime': 'file:svelte-realtime.tgz' };
	// Vite's dev server gives out the modules of the workspace that an app is in.
	const workspaces = ['apps/*'];
	return JSON.stringify({ ...rest, workspaces, dependencies: { ...dependencies, ...own } });
}

/**
 * Copies an app below the SvelteKit that it runs on.
 *
 * @param sources Folders whose contents make the app; a later one's files win.
 */
export async function placeApp(
	{ folder }: InstalledKit,
	name: string,
	...sources: readonly string[]
): Promise<string> {
	const app = join(folder, 'apps', name);
	await rm(app, { recursive: true, force: true });
	for (const source of sources) await cp(source, app, { recursive: true });
	return app;
}

/** Builds the app that stands in a folder. @throws with what was printed. */
export async function buildOn({ node, vite }: InstalledKit, app: string): Promise<void> {
	await exec(node, [vite, 'build'], { cwd: app, env: plainEnvironment() });
}
