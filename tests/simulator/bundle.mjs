/** The simulator and the product's own sources in one file that Node runs, with or without a fault. */

import { fileURLToPath } from 'node:url';
import { build } from 'vite';

const root = fileURLToPath(new URL('../../', import.meta.url));
const entry = fileURLToPath(new URL('simulate.ts', import.meta.url));
const sealed = fileURLToPath(new URL('sealed.ts', import.meta.url));

/**
 * Writes the bundle.
 *
 * @param {string} name Of the folder under `.cache/simulator`.
 * @param {{ file: string, find: string, replace: string }} [mutant] A line to plant a
 * fault in.
 * @returns {Promise<string>} The file.
 * @throws when the text to replace does not stand in the file exactly once.
 */
export async function bundle(name, mutant) {
	let planted = mutant === undefined;
	const outDir = `${root}.cache/simulator/${name}`;
	await build({
		root,
		configFile: false,
		logLevel: 'error',
		ssr: { noExternal: true, resolve: { conditions: ['source'] } },
		resolve: { conditions: ['source'] },
		plugins: [
			{
				name: 'simulator',
				enforce: 'pre',
				resolveId: (id, importer) =>
					id === 'node:crypto' && importer?.includes('/kernel/') ? sealed : undefined,
				transform(code, id) {
					if (mutant === undefined || id !== root + mutant.file) return undefined;
					if (code.split(mutant.find).length !== 2) {
						throw new Error(`${mutant.file} does not hold once: ${mutant.find}`);
					}
					planted = true;
					return code.replace(mutant.find, () => mutant.replace);
				}
			}
		],
		build: {
			ssr: entry,
			outDir,
			emptyOutDir: true,
			minify: false,
			target: 'node20',
			rolldownOptions: { output: { entryFileNames: 'simulate.mjs', codeSplitting: false } }
		}
	});
	if (!planted) throw new Error(`${mutant.file} is no part of the simulator.`);
	return `${outDir}/simulate.mjs`;
}
