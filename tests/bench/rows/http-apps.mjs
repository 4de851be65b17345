/** The apps of the rows about HTTP, each built for this package's adapter and for SvelteKit's own. */

import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const APPS = join(ROOT, '.cache/bench/http');
/** Bytes of the large file. */
const LARGE = 5 * 1024 * 1024;
const MADE = ['node_modules', 'build', '.svelte-kit'];

/** @typedef {'ours' | 'node'} Adapter */

/** The fixture of pages and files. @param {Adapter} adapter */
export function buildFixture(adapter) {
	return build(adapter, adapter, (folder) => {
		cpSync(join(ROOT, 'tests/fixtures/http'), folder, { recursive: true });
		writeFileSync(join(folder, 'static/large.bin'), Buffer.alloc(LARGE, 'abcdefghij'));
	});
}

/**
 * The playground, as it is but for a route that fills it. Under SvelteKit's own adapter its hooks also
 * boot the app whose streams the pages are rendered with, as this package's adapter does by itself.
 *
 * @param {Adapter} adapter
 */
export function buildPlayground(adapter) {
	return build(`playground-${adapter}`, adapter, (folder) => {
		const isSource = (file) => !MADE.includes(basename(file));
		cpSync(join(ROOT, 'playground'), folder, { recursive: true, filter: isSource });
		const more = join(ROOT, 'tests/bench/playground');
		renameSync(join(folder, 'svelte.config.js'), join(folder, 'svelte.config.app.js'));
		if (adapter === 'node') {
			renameSync(join(folder, 'src/hooks.server.ts'), join(folder, 'src/hooks.app.ts'));
		}
		const isWanted = (file) => adapter === 'node' || basename(file) !== 'hooks.server.js';
		cpSync(more, folder, { recursive: true, filter: isWanted });
	});
}

const built = new Set();

/** Once a run. */
function build(name, adapter, copy) {
	const folder = join(APPS, name);
	if (built.has(name)) return folder;
	rmSync(folder, { recursive: true, force: true });
	mkdirSync(APPS, { recursive: true });
	copy(folder);
	const vite = join(ROOT, 'node_modules/vite/bin/vite.js');
	const env = { ...process.env, NODE_ENV: 'production', ADAPTER: adapter };
	execFileSync(process.execPath, [vite, 'build'], { cwd: folder, env, stdio: 'pipe' });
	built.add(name);
	return folder;
}
