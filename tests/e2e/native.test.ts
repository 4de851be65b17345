import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, test } from 'vitest';
import { withNewCLibrary } from '../servers/c-library.ts';
import { findNode } from '../servers/node-binary.ts';
import { installKit } from './kits.ts';
import { CACHE, plainEnvironment, ROOT } from './site.ts';

/** About other builds of the addon than the one that runs. */
const FOREIGN = ['select.test.ts'];

/** What the addon answers for by itself; the long run has all that tests/adapter asks. */
const FILES = process.env['TEST_LONG']
	? readdirSync(join(ROOT, 'tests/adapter')).filter(
			(name) => name.endsWith('.test.ts') && !FOREIGN.includes(name)
		)
	: ['http.test.ts', 'static.test.ts', 'transports.test.ts', 'uploads.test.ts'];

test(`the adapter's tests hold on Node.js 24 with uWebSockets.js 20.57`, async () => {
	const { folder } = await installKit('kit-3');
	const node = await program(join(folder, 'node_modules/uWebSockets.js/uws.js'));
	const vitest = join(ROOT, 'node_modules/vitest/vitest.mjs');
	const args = [vitest, 'run', '--config', 'tests/vitest.config.ts', '--project', 'unit'];
	const files = FILES.map((name) => `tests/adapter/${name}`);
	// The tests themselves are as long as in a short run.
	const env = { ...plainEnvironment(), TEST_LONG: '', NO_COLOR: '1' };
	const [code, output] = await new Promise<[number, string]>((resolve) => {
		const child = execFile(
			node,
			[...args, ...files],
			{ cwd: ROOT, env, maxBuffer: 100_000_000, timeout: 590_000 },
			(_, stdout, stderr) => resolve([child.exitCode ?? 1, stdout + stderr])
		);
	});

	expect(code, output).toBe(0);
	expect(output).toMatch(/Tests +\d{2,} passed/);
}, 600_000);

/**
 * A file that runs that Node.js, and what it starts by its own path, on an addon of ours.
 *
 * The one that is installed here has no build for it, so that no other can be loaded.
 */
async function program(addon: string): Promise<string> {
	const [loader, binary] = await Promise.all([withNewCLibrary(), findNode(24)]);
	const folder = join(CACHE, 'native');
	await mkdir(folder, { recursive: true });
	const [file, preload] = [join(folder, 'node'), join(folder, 'preload.mjs')];
	const command = [...loader, binary, '--import', pathToFileURL(preload).href];
	const quoted = command.map((part) => `'${part}'`).join(' ');
	await writeFile(file, `#!/bin/sh\nexec ${quoted} "$@"\n`);
	await chmod(file, 0o755);
	const found = { url: pathToFileURL(addon).href, format: 'commonjs', shortCircuit: true };
	await writeFile(
		preload,
		`import { registerHooks } from 'node:module';
process.execPath = ${JSON.stringify(file)};
const found = ${JSON.stringify(found)};
registerHooks({
	resolve: (name, context, next) => (name === 'uWebSockets.js' ? found : next(name, context))
});
`
	);
	return file;
}
