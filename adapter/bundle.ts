/** Bundles the server with Vite's own build, so that no second bundler is needed. */

import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { wholeText } from './whole-text.ts';

export interface BundleOptions {
	/** Folder of the app's package.json. */
	readonly root: string;
	/** Folder of the modules to bundle. */
	readonly folder: string;
	readonly out: string;
	/** Name in the output → module. */
	readonly inputs: Readonly<Record<string, string>>;
}

/** Packages that the code asks for and does without. */
const OPTIONAL = ['bufferutil', 'utf-8-validate'];

/**
 * Writes the bundle.
 *
 * The app's `dependencies` stay imports, since they are installed where the app runs; everything
 * else is taken in. This package is always taken in: as an import it would be a second instance.
 */
export async function bundle({ root, folder, out, inputs }: BundleOptions): Promise<void> {
	const { build } = await import('vite');
	const external = ['uWebSockets.js', ...OPTIONAL, ...dependenciesOf(root)].map(
		(name) => new RegExp(`^${name.replace(/[.+*?^$()[\]{}|\\/]/g, '\\$&')}(?:/|$)`)
	);
	await build({
		configFile: false,
		root: folder,
		mode: 'production',
		logLevel: 'warn',
		publicDir: false,
		plugins: [wholeText()],
		ssr: { noExternal: true, target: 'node' },
		build: {
			ssr: true,
			outDir: resolve(root, out),
			emptyOutDir: false,
			minify: false,
			sourcemap: true,
			target: 'node20',
			rollupOptions: {
				input: { ...inputs },
				external,
				output: {
					format: 'es',
					entryFileNames: '[name].js',
					chunkFileNames: 'server/chunks/[name]-[hash].js'
				}
			}
		}
	});
}

function dependenciesOf(root: string): string[] {
	const file = resolve(root, 'package.json');
	if (!existsSync(file)) return [];
	const { dependencies = {} } = JSON.parse(readFileSync(file, 'utf8')) as {
		dependencies?: Record<string, string>;
	};
	return Object.keys(dependencies).filter((name) => name !== 'svelte-realtime');
}
