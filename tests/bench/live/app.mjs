/** An app of generated live modules on the disk, and the plugin that reads them. */

import { mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { liveModules, pages } from './many-modules.mjs';

const repository = fileURLToPath(new URL('../../..', import.meta.url));

/**
 * @param {number} modules
 * @returns {Promise<{ root: string, close: () => Promise<void> }>}
 */
export async function writeApp(modules) {
	const root = await realpath(await mkdtemp(join(tmpdir(), 'bench-live-')));
	for (const { path, code } of [...liveModules(modules), ...pages(modules)]) {
		await mkdir(dirname(join(root, path)), { recursive: true });
		await writeFile(join(root, path), code);
	}
	await mkdir(join(root, 'node_modules'));
	await symlink(repository, join(root, 'node_modules/svelte-realtime'), 'dir');
	const valibot = join(repository, 'node_modules/valibot');
	await symlink(valibot, join(root, 'node_modules/valibot'), 'dir');
	await writeFile(join(root, 'package.json'), '{ "type": "module" }');
	return { root, close: () => rm(root, { recursive: true }) };
}

/**
 * Reads the app as the plugin does when a build begins, and writes its types.
 *
 * @param {string} root
 * @returns {Promise<number>} Milliseconds.
 */
export async function readApp(root) {
	const { realtime } = await import('svelte-realtime/vite');
	const [plugin] = realtime();
	const config = { root, command: 'build', plugins: [plugin], define: {}, logger: console };
	await plugin.configResolved(config);
	const begin = performance.now();
	await plugin.buildStart.call({
		environment: { name: 'client' },
		resolve: async () => null,
		error(problem) {
			throw new Error(problem.message);
		}
	});
	return performance.now() - begin;
}

// By itself it reads one app, once, in a process where nothing is warm.
if (process.argv[1] === fileURLToPath(import.meta.url)) {
	console.log(await readApp(process.argv[2]));
}
